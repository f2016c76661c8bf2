"""The physicians: names, numbers, departments and hours.

Rule: hours are sessions of whole hours on weekdays, spread evenly over the week; whoever books does so within them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random

from hospital.demo.tables import DEPARTMENTS, ORIGINS
from hospital.demo.values import check_digit

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MORNING, _AFTERNOON = (8, 12), (13, 17)
_CLINICS = (
    (((0, 3), *_MORNING), ((1,), *_AFTERNOON)),
    (((1, 4), *_MORNING), ((2,), *_AFTERNOON)),
    (((0, 2), *_MORNING), ((4,), *_AFTERNOON)),
    (((2, 3), *_MORNING), ((0,), *_AFTERNOON)),
    (((1, 4), *_MORNING), ((3,), *_AFTERNOON)),
)
"""Three sessions a week, for the family physicians."""
_SPECIAL = tuple((((day,), *_MORNING), (((day + 2) % 5,), *_AFTERNOON)) for day in range(5))
"""Two sessions a week, for the others, who also have their wards."""
_SHIFTS = (
    (((0, 1, 2, 3), 7, 15),),
    (((0, 1, 2, 3), 15, 23),),
    (((4, 5, 6), 7, 15),),
    (((4, 5, 6), 15, 23),),
)


@dataclass(frozen=True, slots=True)
class Session:
    """Hours from `start` to `end` o'clock on the weekdays `days` (Monday is 0)."""

    days: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Clinician:
    """A physician of one department; `id` is that of the Practitioner, `npi` is well formed but never given out."""

    id: str
    department: str
    given: str
    family: str
    sex: str
    degree: str
    birth: date
    since: date
    npi: str
    licence: str
    extension: int
    languages: tuple[str, ...]
    sessions: tuple[Session, ...]

    @property
    def name(self) -> str:
        """As patients know them."""
        return f"Dr. {self.given} {self.family}"

    @property
    def role(self) -> str:
        """The id of the PractitionerRole."""
        return self.id.replace("practitioner", "role")

    @property
    def schedule(self) -> str:
        """The id of the Schedule."""
        return self.id.replace("practitioner", "schedule")

    def spans(self, day: date) -> list[tuple[int, int]]:
        """The sessions of this day in minutes after midnight."""
        return [(each.start * 60, each.end * 60) for each in self.sessions if day.weekday() in each.days]


def clinicians(seed: int) -> dict[str, list[Clinician]]:
    """Everyone, by department; the same for each number of patients."""
    rng = Random(f"{seed}/staff")
    taken: set[str] = set()
    found: dict[str, list[Clinician]] = {}
    for department in DEPARTMENTS.values():
        rota = {"eme": _SHIFTS, "fam": _CLINICS}.get(department.key, _SPECIAL)
        before = sum(map(len, found.values()))
        found[department.key] = [
            _clinician(rng, department.key, number, rota[(before + number) % len(rota)], taken)
            for number in range(department.staff)
        ]
    return found


def _clinician(
    rng: Random, department: str, number: int, rota: tuple[tuple[tuple[int, ...], int, int], ...], taken: set[str]
) -> Clinician:
    origin = rng.choices(ORIGINS, [each.weight for each in ORIGINS])[0]
    sex = rng.choice(("female", "male"))
    free = [family for family in origin.family if family not in taken]
    family = rng.choice(free or origin.family)
    taken.add(family)
    digits = f"9{rng.randrange(10**8):08d}"
    return Clinician(
        id=f"practitioner-{department}-{number + 1}",
        department=department,
        given=rng.choice(origin.female if sex == "female" else origin.male),
        family=family,
        sex=sex,
        degree=rng.choices(("MD", "DO"), (9, 1))[0],
        birth=date(rng.randrange(1960, 1989), rng.randrange(1, 13), rng.randrange(1, 29)),
        since=date(rng.randrange(2015, 2022), rng.choice((1, 7)), 1),
        npi=digits + check_digit(digits),
        licence=f"AZ-{rng.randrange(30000, 69999)}",
        extension=3100 + len(taken),
        languages=("en",) if origin.language == "en" else ("en", origin.language),
        sessions=tuple(Session(*session) for session in rota),
    )
