"""The physicians' diaries: who sees whom and when, and what has become of it.

Rule: a half hour of a physician is given once, within the hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from hospital.demo.people import Person
from hospital.demo.staff import Clinician
from hospital.demo.values import at
from hospital.demo.wishes import Wish

STEP = 30
"""Minutes of a slot."""
SLOT_DAYS = 14
"""How far ahead free times are offered: ten working days, whatever day it is."""
_NOW = 10 * 60 + 45
"""What the hospital's clock shows on the day on which it is looked at: minutes after midnight."""
_WAITING = timedelta(minutes=30)
"""How early people come."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A wish with a time and a physician. `status` is fulfilled, cancelled, noshow, arrived, booked or pending.

    `number` is that of the wish among the person's, or for a follow-up its day as yyyymmdd. `made` is when it was
    arranged; `end` that of the appointment or of the stay.
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

    @property
    def ahead(self) -> bool:
        """Whether it is still to come."""
        return self.status in ("booked", "pending", "arrived")


class Diary:
    """The half hours that are `taken`, who has seen whom, and the days on which somebody (by number) is `engaged`."""

    def __init__(self, staff: dict[str, list[Clinician]]) -> None:
        self.staff = staff
        self.taken: set[tuple[str, datetime]] = set()
        self.engaged: set[tuple[int, date]] = set()
        self._known: dict[tuple[int, str], Clinician] = {}

    def book(self, rng: Random, wish: Wish) -> tuple[Clinician, datetime] | None:
        """A free half hour on the wished day or soon after, if possible with the physician known from before.

        None if the department has nothing free for three weeks (many more patients than the staff can see).
        """
        known = self._known.get((wish.person.number, wish.department), wish.person.doctor)
        first = _first(rng, wish, known)
        for offset in range(21):
            day = first + timedelta(days=offset)
            if (wish.person.number, day) in self.engaged:
                continue
            team = sorted(self.staff[wish.department], key=lambda each: (each is not known, each.id))
            for clinician in team if offset > 4 or team[0] is not known else team[:1]:
                free = [time for time in half_hours(clinician, day) if (clinician.id, time) not in self.taken]
                if free:
                    start = rng.choice(free)
                    self.taken.add((clinician.id, start))
                    self.engaged.add((wish.person.number, day))
                    self._known[wish.person.number, wish.department] = clinician
                    return clinician, start
        return None

    def admit(self, wish: Wish) -> None:
        """Keep the days free of appointments on which the person is here without one."""
        self.engaged |= {(wish.person.number, wish.day + timedelta(days=each)) for each in range(wish.nights + 2)}

    def on_duty(self, rng: Random, wish: Wish) -> tuple[Clinician, datetime]:
        """Whoever works that day, for those who come without an appointment."""
        team = self.staff[wish.department]
        present = [each for each in team if each.spans(wish.day)] or team
        clinician = rng.choice(present)
        spans = clinician.spans(wish.day) or [(8 * 60, 16 * 60)]
        start, end = rng.choice(spans)
        return clinician, at(wish.day, rng.randrange(start, end - 45))


def _first(rng: Random, wish: Wish, known: Clinician) -> date:
    """The wished day, if it is a weekday; those who can wait come as often on each of their physician's days."""
    weekday = wish.day.weekday() if wish.day.weekday() < 5 else rng.randrange(5)
    if wish.kind != "acute" and known.department == wish.department:
        weekday = rng.choice([day for session in known.sessions for day in session.days])
    return wish.day + timedelta(days=(weekday - wish.day.weekday()) % 7)


def half_hours(clinician: Clinician, day: date) -> list[datetime]:
    """The starts of the physician's half hours on this day."""
    return [at(day, minute) for start, end in clinician.spans(day) for minute in range(start, end, STEP)]


def clock(today: date) -> datetime:
    """The moment at which the hospital is looked at on this day."""
    return at(today, _NOW)


def status(rng: Random, kind: str, start: datetime, now: datetime) -> str:
    """What has become of an appointment by `now`."""
    chance = rng.random()
    if chance < (0.02 if kind == "acute" else 0.08):
        return "cancelled"
    if start < now:
        return "noshow" if chance > 0.96 and kind != "acute" else "fulfilled"
    if start < now + _WAITING:
        return "arrived"
    return "pending" if chance > 0.9 and start.date() > now.date() else "booked"
