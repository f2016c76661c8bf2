"""Who sees whom and when: wishes become visits in the physicians' diaries.

Rule: a half hour of a physician is given once, within the hours; wishes are served in the order of their day, so that
what is booked until a day does not depend on what comes after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from hospital.demo.people import Birth, Person, population
from hospital.demo.staff import Clinician, clinicians
from hospital.demo.values import at
from hospital.demo.wishes import Wish, wishes

STEP = 30
"""Minutes of a slot."""
HORIZON = timedelta(days=70)
"""How far ahead appointments are made."""
_LABOR = {"delivery": (360, 500), "birth": (885, 990)}
"""Minutes of the day in which mothers come and, that afternoon, their children."""
SLOT_DAYS = 12
"""How far ahead free times are offered."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A wish with a time and a physician. `status` is fulfilled, cancelled, noshow, booked or pending.

    `made` is when it was arranged; `end` that of the appointment or of the stay.
    """

    wish: Wish
    number: int
    clinician: Clinician
    start: datetime
    end: datetime
    status: str
    made: datetime

    @property
    def person(self) -> Person:
        """Whose visit it is."""
        return self.wish.person

    @property
    def key(self) -> str:
        """What the ids of everything that belongs to this visit begin with."""
        return f"{self.wish.person.number:04d}-{self.number:03d}"

    @property
    def happened(self) -> bool:
        """Whether it took place, or is taking place."""
        return self.status == "fulfilled"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided; the other modules only write it down.

    `visits` are by the person's number, in order; `busy` is what is booked ahead, as (physician's id, start).
    """

    seed: int
    today: date
    staff: dict[str, list[Clinician]]
    people: list[Person]
    births: list[Birth]
    visits: dict[int, list[Visit]]
    busy: frozenset[tuple[str, datetime]]


class Diary:
    """The half hours that are taken, and who has seen whom."""

    def __init__(self, staff: dict[str, list[Clinician]]) -> None:
        self.staff = staff
        self._taken: set[tuple[str, datetime]] = set()
        self._known: dict[tuple[int, str], Clinician] = {}

    def book(self, rng: Random, wish: Wish) -> tuple[Clinician, datetime] | None:
        """A free half hour on the wished day or soon after, if possible with the physician known from before.

        None if the department has nothing free for three weeks (many more patients than the staff can see).
        """
        known = self._known.get((wish.person.number, wish.department), wish.person.doctor)
        for offset in range(21):
            day = wish.day + timedelta(days=offset)
            team = sorted(self.staff[wish.department], key=lambda each: (each is not known, each.id))
            for clinician in team if offset > 4 or team[0] is not known else team[:1]:
                free = [time for time in half_hours(clinician, day) if (clinician.id, time) not in self._taken]
                if free:
                    start = rng.choice(free)
                    self._taken.add((clinician.id, start))
                    self._known[wish.person.number, wish.department] = clinician
                    return clinician, start
        return None

    def on_duty(self, rng: Random, wish: Wish) -> tuple[Clinician, datetime]:
        """Whoever works that day, for those who come without an appointment."""
        team = self.staff[wish.department]
        present = [each for each in team if each.spans(wish.day)] or team
        clinician = rng.choice(present)
        spans = clinician.spans(wish.day) or [(8 * 60, 16 * 60)]
        start, end = rng.choice(spans)
        return clinician, at(wish.day, rng.randrange(start, end - 45))


def half_hours(clinician: Clinician, day: date) -> list[datetime]:
    """The starts of the physician's half hours on this day."""
    return [at(day, minute) for start, end in clinician.spans(day) for minute in range(start, end, STEP)]


def plan(seed: int, patients: int, today: date) -> Plan:
    """The whole story until `today`, and the appointments of the ten weeks after it."""
    until = today + HORIZON
    staff = clinicians(seed)
    found = population(seed, patients, today, until, staff)
    people = [person for person in found.people if person.registered < today]
    wanted = [wish for person in people for wish in wishes(seed, person, found.births, until)]
    wanted.sort(key=lambda wish: (wish.day, wish.person.number))
    diary = Diary(staff)
    visits: dict[int, list[Visit]] = {person.number: [] for person in people}
    for wish in wanted:
        mine = visits[wish.person.number]
        visit = _visit(seed, diary, wish, len(mine) + 1, today)
        if visit:
            mine.append(visit)
    ahead = [visit for mine in visits.values() for visit in mine if visit.status in ("booked", "pending")]
    busy = frozenset((visit.clinician.id, visit.start) for visit in ahead)
    return Plan(seed, today, staff, people, found.births, visits, busy)


def _visit(seed: int, diary: Diary, wish: Wish, number: int, today: date) -> Visit | None:
    rng = Random(f"{seed}/{wish.person.id}/visit/{number}")
    if wish.setting != "clinic":
        if wish.day >= today:
            return None
        clinician, start = diary.on_duty(rng, wish)
        if wish.kind in _LABOR:
            start = at(wish.day, rng.randrange(*_LABOR[wish.kind]))
        end = start + timedelta(minutes=rng.randrange(70, 300))
        if wish.nights:
            end = at(wish.last_day, 11 * 60 + rng.randrange(0, 120))
        return Visit(wish, number, clinician, start, end, "fulfilled", start)
    booked = diary.book(rng, wish)
    if booked is None:
        return None
    clinician, start = booked
    if wish.person.death and start.date() >= wish.person.death:
        return None
    ahead = rng.randrange(0, 3) if wish.kind == "acute" else rng.randrange(6, 60)
    made = max(at(start.date() - timedelta(days=ahead), rng.randrange(480, 1000)), at(wish.person.registered, 480))
    made = min(made, start - timedelta(minutes=20), at(today, 0) - timedelta(minutes=rng.randrange(300, 900)))
    end = start + timedelta(minutes=20 if wish.kind in ("acute", "flu") else STEP)
    return Visit(wish, number, clinician, start, end, _status(rng, wish, past=start.date() < today), made)


def _status(rng: Random, wish: Wish, *, past: bool) -> str:
    chance = rng.random()
    if chance < (0.02 if wish.kind == "acute" else 0.08):
        return "cancelled"
    if past:
        return "noshow" if chance > 0.96 and wish.kind != "acute" else "fulfilled"
    return "pending" if chance > 0.9 else "booked"
