"""Quantities against a naive reading of the specification, in fractions of the unit that both can be written in."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import inf
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.search import grammar
from fhir_server.search.extract import extract
from fhir_server.search.match import matches
from resources.parameters import BASE

BASE_URL = "http://here.example/fhir"
UCUM = "http://unitsofmeasure.org"

FAMILIES: list[dict[str, tuple[Fraction, Fraction]]] = [
    {"g": (Fraction(1), Fraction(0)), "mg": (Fraction(1, 1000), Fraction(0)), "kg": (Fraction(1000), Fraction(0))},
    {"/min": (Fraction(1, 60), Fraction(0)), "/s": (Fraction(1), Fraction(0)), "/h": (Fraction(1, 3600), Fraction(0))},
    {"Cel": (Fraction(1), Fraction("273.15")), "[degF]": (Fraction(5, 9), Fraction("459.67") * 5 / 9)},
]
"""By family: unit → what one of it is, and where its zero is."""

numbers = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-99_999, 99_999), st.integers(0, 4)
)


@dataclass(frozen=True, slots=True)
class Case:
    """What is stored, what is asked, and the units of both."""

    held: Decimal
    held_unit: str
    comparator: str | None
    asked: Decimal
    asked_unit: str
    prefix: str
    family: int

    def place(self, number: Fraction, unit: str) -> Fraction:
        factor, zero = FAMILIES[self.family][unit]
        return number * factor + zero


@st.composite
def cases(draw: st.DrawFn) -> Case:
    family = draw(st.integers(0, len(FAMILIES) - 1))
    units = st.sampled_from(sorted(FAMILIES[family]))
    held, held_unit, asked_unit = draw(numbers), draw(units), draw(units)
    asked = draw(numbers | st.just(held))
    comparator = draw(st.sampled_from([None, None, "<", "<=", ">=", ">"]))
    prefix = draw(st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]))
    return Case(held, held_unit, comparator, asked, asked_unit, prefix, family)


End = tuple[Fraction | float, int]
"""A place and, of an open end, the side of it that is meant: -1 just below, 1 just above."""


def stored(case: Case) -> tuple[End, End]:
    place = case.place(Fraction(case.held), case.held_unit)
    spans: dict[str | None, tuple[End, End]] = {
        None: ((place, 0), (place, 0)),
        "<": ((-inf, 0), (place, -1)),
        "<=": ((-inf, 0), (place, 0)),
        ">=": ((place, 0), (inf, 0)),
        ">": ((place, 1), (inf, 0)),
    }
    return spans[case.comparator]


def expected(case: Case) -> bool:  # noqa: PLR0911 - one a prefix
    low, high = stored(case)
    number = Fraction(case.asked)

    def at(asked: Fraction) -> End:
        return case.place(asked, case.asked_unit), 0

    exact = at(number)
    match case.prefix:
        case "gt":
            return high > exact
        case "lt":
            return low < exact
        case "ge":
            return high >= exact
        case "le":
            return low <= exact
        case "sa":
            return low > exact
        case "eb":
            return high < exact
        case "ap":
            return low <= at(number + abs(number) / 10) and high >= at(number - abs(number) / 10)
    half = Fraction(10) ** int(case.asked.as_tuple().exponent) / 2
    within = low >= at(number - half) and high < at(number + half)
    return not within if case.prefix == "ne" else within


def finds(case: Case) -> bool:
    held: dict[str, Any] = {"value": case.held, "system": UCUM, "code": case.held_unit}
    if case.comparator:
        held["comparator"] = case.comparator
    extracted = extract({"resourceType": "Observation", "id": "1", "valueQuantity": held}, BASE_URL)
    asked = ("value-quantity", f"{case.prefix}{case.asked}|{UCUM}|{case.asked_unit}")
    query = grammar.parse(
        "Observation", (asked,), parameters=BASE, base_url=BASE_URL, strict=True, default_count=1, max_count=1, now_ms=0
    )
    return matches(query.tree, extracted, type_="Observation", id_="1", updated=0)


@settings(deadline=None)  # the first one loads the units
@given(cases())
def test_what_is_found_is_what_the_specification_says(case: Case) -> None:
    assert finds(case) == expected(case)
