"""The data tables of the demonstration hospital, read from `data/*.toml` into frozen values.

Rule: facts of medicine and prices stand in the TOML files, each with its source's code system; code only combines them.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources import files
from typing import Any

Code = tuple[str, str]
"""A code and its display."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Given and family names that go together; `weight` is the share among patients."""

    name: str
    weight: int
    language: str
    female: list[str]
    male: list[str]
    family: list[str]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why someone comes who has no problem of the tables: the code, and the words that people use."""

    icd: Code
    text: str


@dataclass(frozen=True, slots=True)
class Department:
    """A department: `staff` physicians, `beds` (0: outpatients only), `reasons` for which people are followed up."""

    key: str
    name: str
    specialty: Code
    taxonomy: Code
    floor: str
    staff: int
    beds: int = 0
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Drug:
    """A medicine and how it is taken: `dose` of `unit`, `times` a day every `every` days, for `days` each supply."""

    key: str
    text: str
    atc: Code
    rxnorm: str = ""
    dose: int = 1
    unit: str = "1"
    form: str = "tablet"
    route: str = "oral"
    times: int = 1
    every: int = 1
    days: int = 30
    supply: int = 0
    refills: int = 0
    as_needed: str = ""
    advice: str = ""
    allergen: str = ""
    barred_by: tuple[str, ...] = ()
    min_age: int = 0
    max_age: int = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """A diagnosis and what follows from it; `chronic` ones are reviewed every `months`, acute ones end after `days`."""

    key: str
    icd: Code
    snomed: Code
    department: str
    ages: tuple[int, int]
    chronic: bool
    sex: str = ""
    months: int = 0
    share: int = 0
    lasts: int = 0
    weight: int = 0
    days: int = 0
    setting: str = "clinic"
    stay: tuple[int, int] = (0, 0)
    drugs: tuple[str, ...] = ()
    labs: tuple[str, ...] = ()
    procedure: str = ""
    imaging: str = ""
    goods: str = ""
    once: bool = False
    effects: dict[str, tuple[float, float]] = field(default_factory=dict)

    def fits(self, sex: str, age: int) -> bool:
        """Whether someone of this sex and age can have it."""
        return self.sex in ("", sex) and self.ages[0] <= age <= self.ages[1]


@dataclass(frozen=True, slots=True)
class Test:
    """A measurement: its usual range (men, women), decimals, and which side of the range is `open`."""

    key: str
    loinc: Code
    unit: str
    range: tuple[float, float]
    female: tuple[float, float] | None = None
    decimals: int = 0
    open: str = ""

    def usual(self, sex: str) -> tuple[float, float]:
        """The reference range for this sex."""
        return self.female if sex == "female" and self.female else self.range


@dataclass(frozen=True, slots=True)
class Panel:
    """Tests that are ordered, reported and charged together."""

    key: str
    loinc: Code
    tests: tuple[str, ...]
    charge: str


@dataclass(frozen=True, slots=True)
class Imaging:
    """An X-ray examination and what it shows."""

    key: str
    loinc: Code
    text: str
    charge: str
    conclusion: str


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure and what it is charged as."""

    key: str
    snomed: Code
    charge: str


@dataclass(frozen=True, slots=True)
class Vaccine:
    """A vaccine and the ages in months at which it is due."""

    key: str
    cvx: Code
    months: tuple[int, ...]
    diseases: str


@dataclass(frozen=True, slots=True)
class Allergy:
    """An allergy and its usual reaction."""

    key: str
    snomed: Code
    category: str
    criticality: str
    reaction: Code
    severity: str


@dataclass(frozen=True, slots=True)
class Charge:
    """A line of the chargemaster: net price in USD."""

    code: str
    text: str
    price: Decimal
    taxed: bool


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("hospital.demo").joinpath("data", name).read_text(encoding="utf-8"))


def _frozen(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _department(raw: dict[str, Any]) -> Department:
    reasons = tuple(Reason((code, display), text) for code, display, text in raw.get("reasons", ()))
    return Department(**_frozen({**raw, "reasons": reasons}))


def _problem(key: str, raw: dict[str, Any], *, chronic: bool) -> Problem:
    return Problem(key=key, chronic=chronic, **_frozen(raw))


_names, _problems, _labs, _services = (_read(f"{name}.toml") for name in ("names", "problems", "labs", "services"))

ORIGINS = tuple(Origin(**origin) for origin in _names["origin"])
STREETS: tuple[str, ...] = tuple(_names["places"]["streets"])
TOWNS: tuple[tuple[str, str], ...] = tuple((town, postal) for town, postal in _names["places"]["towns"])
DEPARTMENTS = {raw["key"]: _department(raw) for raw in _read("departments.toml")["department"]}
DRUGS = {key: Drug(key=key, **_frozen(raw)) for key, raw in _read("drugs.toml").items()}
CHRONIC = {key: _problem(key, raw, chronic=True) for key, raw in _problems["chronic"].items()}
ACUTE = {key: _problem(key, raw, chronic=False) for key, raw in _problems["acute"].items()}
TESTS = {key: Test(key=key, **_frozen(raw)) for key, raw in _labs["test"].items()}
PANELS = {key: Panel(key=key, **_frozen(raw)) for key, raw in _labs["panel"].items()}
IMAGINGS = {key: Imaging(key=key, **_frozen(raw)) for key, raw in _labs["imaging"].items()}
PROCEDURES = {key: Procedure(key=key, **_frozen(raw)) for key, raw in _services["procedure"].items()}
VACCINES = {key: Vaccine(key=key, **_frozen(raw)) for key, raw in _services["vaccine"].items()}
ALLERGIES = {key: Allergy(key=key, **_frozen(raw)) for key, raw in _services["allergy"].items()}
CHARGES = {code: Charge(code, raw[0], Decimal(raw[1]), taxed=len(raw) > 2) for code, raw in _services["charge"].items()}
