"""The patients: who they are, what they suffer from, when they die, and the children that are born.

Rule: a life is drawn from a stream of its own (seed and number), never from the clock; `today` only cuts it off.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from hospital.demo.staff import Clinician
from hospital.demo.tables import ALLERGIES, CHRONIC, ORIGINS, STREETS, TOWNS, Origin, Problem

OPENED = date(2024, 1, 1)
"""The first day of the electronic records."""
ADULT = 18
"""From this age on patients answer for themselves."""
LANGUAGES = {
    "en": "English", "es": "Spanish", "nv": "Navajo", "vi": "Vietnamese", "hi": "Hindi", "zh": "Chinese",
    "ar": "Arabic", "pl": "Polish", "de": "German", "yo": "Yoruba",
}  # fmt: skip
PAYERS = ("payer-copper-state", "payer-desert-mutual", "payer-canyon-care", "payer-public-plan")
_UNDECOMPOSED = str.maketrans({"đ": "d", "Đ": "D", "ł": "l", "Ł": "L", "ß": "ss", "'": None})
PREGNANCY = timedelta(days=280)
_BANDS = ((0, 5), (5, 18), (18, 40), (40, 65), (65, 80), (80, 94))
_BAND_WEIGHTS = (7, 14, 24, 29, 18, 8)
CAST: dict[int, tuple[str, date, tuple[str, ...]]] = {
    1: ("female", date(1956, 3, 12), ("t2dm", "hypertension", "lipids", "kidney")),
    2: ("male", date(2014, 9, 2), ("asthma",)),
    3: ("female", date(1994, 6, 21), ()),
    4: ("male", date(1948, 11, 30), ("heart_failure", "fibrillation", "prostate")),
}
"""Patients worth knowing (docs/demo-hospital.md); the third is the first mother."""


@dataclass(frozen=True, slots=True)
class Illness:
    """A problem that someone has from `onset` until `end`."""

    problem: Problem
    onset: date
    end: date | None = None

    def active(self, day: date) -> bool:
        """Whether the person has it on this day."""
        return self.onset <= day and (self.end is None or day < self.end)


@dataclass(frozen=True, slots=True)
class Person:
    """A patient. `death` may lie in the future: what happens after `today` is told to nobody."""

    number: int
    sex: str
    birth: date
    given: tuple[str, ...]
    family: str
    origin: Origin
    registered: date
    death: date | None
    street: str
    town: tuple[str, str]
    phone: str
    marital: str
    partner: str
    doctor: Clinician
    payer: str
    illnesses: tuple[Illness, ...] = ()
    allergies: tuple[str, ...] = ()
    mother: Person | None = None
    speaks_english: bool = True

    @property
    def id(self) -> str:
        """The id of the Patient."""
        return f"patient-{self.number:04d}"

    @property
    def name(self) -> str:
        """First given name and family name."""
        return f"{self.given[0]} {self.family}"

    @property
    def guarded(self) -> bool:
        """Whether a parent is on file, because the patient came as a minor."""
        return self.age(self.registered) < ADULT

    @property
    def guardian(self) -> str:
        """The id of the parent's RelatedPerson."""
        return f"{'mother' if self.mother else 'parent'}-of-{self.id}"

    @property
    def email(self) -> str:
        """An address in plain letters, in a domain that cannot exist."""
        spelled = f"{self.given[0]}.{self.family}".translate(_UNDECOMPOSED)
        plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
        return f"{plain.lower().replace(' ', '.')}{self.number}@mail.example"

    def age(self, day: date) -> int:
        """Whole years at `day`."""
        return day.year - self.birth.year - ((day.month, day.day) < (self.birth.month, self.birth.day))

    def months(self, day: date) -> int:
        """Whole months at `day`."""
        return (day.year - self.birth.year) * 12 + day.month - self.birth.month - (day.day < self.birth.day)


@dataclass(frozen=True, slots=True)
class Birth:
    """A child that is or will be born on `day`, by number."""

    mother: Person
    number: int
    day: date


@dataclass(slots=True)
class Population:
    """All patients by number, and the births to the end of the horizon and one pregnancy beyond."""

    people: list[Person] = field(default_factory=list)
    births: list[Birth] = field(default_factory=list)


def population(seed: int, patients: int, until: date, staff: dict[str, list[Clinician]]) -> Population:
    """Everyone who is registered or born before `until`; births are planned to a pregnancy after it."""
    found = Population([_person(seed, number, staff) for number in range(1, patients + 1)])
    every = max(55 * 300 // max(patients, 1), 40)
    resting: dict[int, date] = {}
    day, number = OPENED + timedelta(days=200), patients
    while day <= until + PREGNANCY:
        rng = Random(f"{seed}/birth/{number + 1}")
        mothers = [each for each in found.people[:patients] if _may_bear(each, day, resting)]
        if mothers:
            number += 1
            mother = next((each for each in mothers if each.number == 3), None) or rng.choice(mothers)
            resting[mother.number] = day + timedelta(days=1000)
            found.births.append(Birth(mother, number, day))
            if day < until:
                found.people.append(_child(rng, number, day, mother, staff))
        day += timedelta(days=rng.randrange(every // 2, every + every // 2))
    return found


def _may_bear(person: Person, day: date, resting: dict[int, date]) -> bool:
    return (
        person.sex == "female"
        and 21 <= person.age(day) <= 40
        and person.registered <= day - PREGNANCY + timedelta(days=90)
        and resting.get(person.number, day) <= day
    )


def _person(seed: int, number: int, staff: dict[str, list[Clinician]]) -> Person:
    rng = Random(f"{seed}/person/{number}")
    low, high = rng.choices(_BANDS, _BAND_WEIGHTS)[0]
    born = OPENED - timedelta(days=rng.randrange(low * 365 + 1, high * 365))
    sex, birth, keys = CAST.get(number, (rng.choice(("female", "male")), born, ()))
    origin = rng.choices(ORIGINS, [each.weight for each in ORIGINS])[0]
    age = OPENED.year - birth.year
    given = rng.sample(origin.female if sex == "female" else origin.male, 2)
    partner_given = rng.choice(origin.male if sex == "female" else origin.female)
    spread = 30 if number in CAST else rng.choices((60, 1000), (7, 3))[0]
    family = _not_of_staff((given[0], partner_given), rng.choice(origin.family), origin, staff)
    return Person(
        number=number,
        sex=sex,
        birth=birth,
        given=tuple(given if rng.random() < 0.4 else given[:1]),
        family=family,
        origin=origin,
        registered=OPENED + timedelta(days=rng.randrange(spread)),
        death=date(2025, 2, 18) if number == 4 else _death(rng, birth),
        street=f"{rng.randrange(3, 980)} {rng.choice(STREETS)}",
        town=rng.choice(TOWNS),
        phone=f"520-555-{100 + number % 100:04d}",
        marital=_marital(rng, age),
        partner=f"{partner_given} {family}",
        doctor=rng.choice(staff["ped" if age < 16 else "fam"]),
        payer=_payer(rng, age),
        illnesses=_illnesses(rng, sex, birth, keys),
        allergies=tuple(sorted(rng.sample(sorted(ALLERGIES), rng.choice((1, 1, 2))))) if rng.random() < 0.17 else (),
        speaks_english=origin.language == "en" or rng.random() < 0.7,
    )


def _names(staff: dict[str, list[Clinician]]) -> set[tuple[str, str]]:
    """Given and family names of the physicians, which no patient or relative shares."""
    return {(each.given, each.family) for team in staff.values() for each in team}


def _not_of_staff(given: tuple[str, ...], family: str, origin: Origin, staff: dict[str, list[Clinician]]) -> str:
    """This family name, or the next of its origin with which none of the given names is a physician's."""
    taken = _names(staff)
    start = origin.family.index(family)
    families = (*origin.family[start:], *origin.family)
    return next(each for each in families if taken.isdisjoint((name, each) for name in given))


def _child(rng: Random, number: int, day: date, mother: Person, staff: dict[str, list[Clinician]]) -> Person:
    sex = rng.choice(("female", "male"))
    origin = mother.origin
    names = origin.female if sex == "female" else origin.male
    given = rng.choice([each for each in names if (each, mother.family) not in _names(staff)])
    return Person(
        number=number,
        sex=sex,
        birth=day,
        given=(given,),
        family=mother.family,
        origin=origin,
        registered=day,
        death=None,
        street=mother.street,
        town=mother.town,
        phone=mother.phone,
        marital="S",
        partner="",
        doctor=rng.choice(staff["ped"]),
        payer=mother.payer,
        mother=mother,
        speaks_english=mother.speaks_english,
    )


def _death(rng: Random, birth: date) -> date | None:
    for year in range(OPENED.year, OPENED.year + 60):
        age = year - birth.year
        risk = 0.0 if age < 65 else 0.012 if age < 75 else 0.035 if age < 85 else 0.09
        day = date(year, 7, 1) + timedelta(days=rng.randrange(-120, 180))
        if rng.random() < risk:
            return day
    return None


def _marital(rng: Random, age: int) -> str:
    if age < 20:
        return "S"
    weights = (45, 40, 12, 3) if age < 40 else (12, 62, 18, 8) if age < 70 else (6, 50, 12, 32)
    return rng.choices(("S", "M", "D", "W"), weights)[0]


def _payer(rng: Random, age: int) -> str:
    weights = (0, 4, 2, 20, 2) if age >= 65 else (8, 8, 6, 4, 2)
    return rng.choices((*PAYERS, ""), weights)[0]


def _illnesses(rng: Random, sex: str, birth: date, keys: tuple[str, ...]) -> tuple[Illness, ...]:
    found = []
    for problem in CHRONIC.values():
        onset = OPENED + timedelta(days=rng.randrange(-3000, 1900))
        share = 100 if problem.key in keys else 0 if keys else problem.share
        if problem.key in keys:
            onset = OPENED - timedelta(days=rng.randrange(100, 2000))
        if rng.random() * 100 < share and problem.fits(sex, (onset - birth).days // 365):
            found.append(Illness(problem, onset, onset + timedelta(days=problem.lasts) if problem.lasts else None))
    return tuple(found)
