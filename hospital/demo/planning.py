"""The plan: wishes become visits, in the order of their days; around today the lists are filled with follow-ups.

Rule: whether a visit may be known of yet is asked last, so that a later `today` finds the same visits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from hospital.demo.diary import STEP, Diary, Visit, clock, status
from hospital.demo.followups import followups
from hospital.demo.people import Birth, Person, Population, population
from hospital.demo.staff import Clinician, clinicians
from hospital.demo.values import at
from hospital.demo.wishes import Wish, wishes

HORIZON = timedelta(days=70)
"""How far ahead appointments are made."""
_MARGIN = timedelta(days=30)
"""How far beyond it wishes are asked for: a stay that follows takes the place of a visit shortly before it."""
_LABOR = {"delivery": (360, 500), "birth": (885, 990)}
"""Minutes of the day in which mothers come and, that afternoon, their children."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided; the other modules only write it down.

    `visits` are by the person's number, first the story in order, then the follow-ups; `busy` is what is booked ahead,
    as (physician's id, start).
    """

    seed: int
    today: date
    staff: dict[str, list[Clinician]]
    people: list[Person]
    births: list[Birth]
    visits: dict[int, list[Visit]]
    busy: frozenset[tuple[str, datetime]]

    @property
    def now(self) -> datetime:
        """The moment that divides what has happened from what is to come."""
        return clock(self.today)


def plan(seed: int, patients: int, today: date) -> Plan:
    """The whole story until `today`, and the appointments of the ten weeks after it."""
    until = today + HORIZON
    staff = clinicians(seed)
    found = population(seed, patients, until, staff)
    diary = Diary(staff)
    visits: dict[int, list[Visit]] = {each.number: [] for each in found.people if each.registered < today}
    wanted = _numbered(seed, found, until + _MARGIN)
    for _, wish in wanted:
        if wish.setting != "clinic":
            diary.admit(wish)
    for number, wish in wanted:
        if wish.day >= until:
            break
        visit = _visit(seed, diary, wish, number, today)
        if visit and visit.made < clock(today) and wish.person.number in visits:
            visits[wish.person.number].append(visit)
    for visit in followups(seed, diary, found.people, today, HORIZON):
        visits[visit.person.number].append(visit)
    busy = frozenset((each.clinician.id, each.start) for mine in visits.values() for each in mine if each.ahead)
    people = [each for each in found.people if each.number in visits]
    return Plan(seed, today, staff, people, found.births, visits, busy)


def _numbered(seed: int, found: Population, until: date) -> list[tuple[int, Wish]]:
    """All wishes before `until` in the order of their days, each with its number among those of the person."""
    wanted = [
        (number, wish)
        for person in found.people
        for number, wish in enumerate(wishes(seed, person, found.births, until), 1)
    ]
    return sorted(wanted, key=lambda each: (each[1].day, each[1].person.number))


def _visit(seed: int, diary: Diary, wish: Wish, number: int, today: date) -> Visit | None:
    rng = Random(f"{seed}/{wish.person.id}/visit/{number}")
    if wish.setting != "clinic":
        clinician, start = diary.on_duty(rng, wish)
        if wish.day >= today:
            return None
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
    made = min(made, start - timedelta(minutes=20))
    end = start + timedelta(minutes=20 if wish.kind in ("acute", "flu") else STEP)
    return Visit(wish, number, clinician, start, end, status(rng, wish.kind, start, clock(today)), made)
