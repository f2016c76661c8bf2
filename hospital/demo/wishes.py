"""Why and when each person comes: reviews of chronic problems, acute ones, prevention, pregnancy, birth and death.

Rule: every kind of reason has its own random stream, drawn in the order of time, so that a later horizon only adds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from hospital.demo.people import OPENED, PREGNANCY, Birth, Illness, Person
from hospital.demo.tables import ACUTE, VACCINES, Problem, Reason

CHILD = 16
"""Below this age patients go to Pediatrics instead of Family Medicine."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A reason to come on `day`: `kind` is review, acute, wellness, flu, prenatal, delivery, birth, final or followup.

    `setting` is clinic, emergency or inpatient (for `nights`); a clinic visit gets an appointment. `illnesses` are
    treated; `topic` is what a follow-up is about.
    """

    day: date
    person: Person
    kind: str
    department: str
    illnesses: tuple[Illness, ...] = ()
    setting: str = "clinic"
    nights: int = 0
    vaccines: tuple[str, ...] = ()
    topic: Problem | Reason | None = None

    @property
    def last_day(self) -> date:
        """The day of discharge, or that of the visit."""
        return self.day + timedelta(days=self.nights)


def wishes(seed: int, person: Person, births: list[Birth], until: date) -> list[Wish]:
    """What this person wants from the hospital until `until`, by day; nothing during a stay or after death."""
    stream = f"{seed}/{person.id}"
    found = [
        *_reviews(stream, person, until),
        *_acute(stream, person, until),
        *_prevention(stream, person, until),
        *_births(person, births),
    ]
    if person.death:
        found = [each for each in found if each.last_day < person.death - timedelta(days=4)]
        found += _final(stream, person)
    found.sort(key=lambda each: (each.day, each.kind, each.department))
    found = [each for each in found if person.registered <= each.day < until]
    stays = [each for each in found if each.setting == "inpatient"]
    return _apart([each for each in found if each in stays or not _within(each, stays)])


def _within(wish: Wish, stays: list[Wish]) -> bool:
    """Whether the wish falls into a stay or within three days of it."""
    margin = timedelta(days=3)
    return any(stay.day - margin <= wish.day <= stay.last_day + margin for stay in stays)


def _apart(found: list[Wish]) -> list[Wish]:
    """Without those that come less than four days after the one before."""
    kept: list[Wish] = []
    for each in found:
        if not kept or each.day > kept[-1].last_day + timedelta(days=3) or each.kind in ("birth", "final"):
            kept.append(each)
    return kept


def _department(person: Person, department: str, day: date) -> str:
    return "ped" if department == "fam" and person.age(day) < CHILD else department


def _reviews(stream: str, person: Person, until: date) -> Iterator[Wish]:
    """Chronic problems of one department are reviewed together, as often as the most pressing one asks."""
    for department in sorted({illness.problem.department for illness in person.illnesses}):
        mine = [illness for illness in person.illnesses if illness.problem.department == department]
        rng = Random(f"{stream}/review/{department}")
        day = max(person.registered, min(illness.onset for illness in mine)) + timedelta(days=rng.randrange(0, 60))
        while day < until:
            active = tuple(illness for illness in mine if illness.active(day))
            months = min((illness.problem.months for illness in active), default=6)
            if active:
                yield Wish(day, person, "review", _department(person, department, day), active)
            day += timedelta(days=months * 32 + rng.randrange(-20, 30))


def _acute(stream: str, person: Person, until: date) -> Iterator[Wish]:
    had: set[str] = set()
    for year in range(OPENED.year, until.year + 1):
        rng = Random(f"{stream}/acute/{year}")
        age = year - person.birth.year
        often = (6, 4, 1) if age < 10 or age > 70 else (10, 4, 1)
        days = sorted(rng.randrange(0, 360) for _ in range(rng.choices((0, 1, 2), often)[0]))
        for offset in days:
            day = date(year, 1, 1) + timedelta(days=offset)
            possible = [each for each in ACUTE.values() if each.fits(person.sex, person.age(day))]
            fitting = [each for each in possible if each.key not in had]
            if not fitting:
                continue
            problem = rng.choices(fitting, [each.weight for each in fitting])[0]
            if problem.once:
                had.add(problem.key)
            nights = rng.randrange(problem.stay[0], problem.stay[1] + 1) if problem.setting == "inpatient" else 0
            illness = Illness(problem, day, day + timedelta(days=problem.days))
            department = _department(person, problem.department, day)
            yield Wish(day, person, "acute", department, (illness,), problem.setting, nights)


def _prevention(stream: str, person: Person, until: date) -> Iterator[Wish]:
    rng = Random(f"{stream}/prevention")
    due: dict[int, list[str]] = {months: [] for months in (24, 60, 108, 168)}
    for vaccine in VACCINES.values():
        for months in vaccine.months:
            if months:
                due.setdefault(months, []).append(vaccine.key)
    for months in sorted(due):
        day = person.birth + timedelta(days=round(months * 30.5) + rng.randrange(0, 12))
        yield Wish(day, person, "wellness", "ped", vaccines=tuple(due[months]))
    keen = rng.random() < 0.35
    for year in range(OPENED.year, until.year + 1):
        own = Random(f"{stream}/prevention/{year}")
        examined, vaccinated = own.random(), own.random()
        age = year - person.birth.year
        if 18 < age < 75 and examined < 0.12:
            yield Wish(date(year, 1, 10) + timedelta(days=own.randrange(240)), person, "wellness", "fam")
        if age > 17 and (keen or age > 64) and vaccinated < 0.3:
            yield Wish(date(year, 9, 20) + timedelta(days=own.randrange(55)), person, "flu", "fam", vaccines=("flu",))


def _births(person: Person, births: list[Birth]) -> Iterator[Wish]:
    for birth in births:
        if birth.mother is person:
            for week in (10, 20, 30, 37):
                yield Wish(birth.day - PREGNANCY + timedelta(weeks=week), person, "prenatal", "obg")
            yield Wish(birth.day, person, "delivery", "obg", setting="inpatient", nights=2)
        elif birth.number == person.number:
            yield Wish(birth.day, person, "birth", "ped", setting="inpatient", nights=2, vaccines=("hepb",))


def _final(stream: str, person: Person) -> list[Wish]:
    """Two of three die in the hospital, of pneumonia after four days."""
    death = person.death
    if (
        death is None
        or Random(f"{stream}/final").random() > 0.66
        or not ACUTE["pneumonia"].fits(person.sex, person.age(death))
    ):
        return []
    day = death - timedelta(days=4)
    return [Wish(day, person, "final", "int", (Illness(ACUTE["pneumonia"], day),), "inpatient", 4)]
