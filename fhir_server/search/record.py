"""A patient's record, as tests: what can be in it, when it happened, and what it refers to that is no patient's.

Rule: pure; the trees say for one type after another what the definition of the compartment says for all.
See https://hl7.org/fhir/R4/patient-operation-everything.html.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from fhir_server.document import entry
from fhir_server.search import includes, sort
from fhir_server.search.includes import Include, Way
from fhir_server.search.tree import EVERYTHING, Expr, Not, OfType, Present, StartsWith, Within, all_of, any_of
from resources.compartments import holds, membership
from resources.parameters import ParameterSet
from resources.registry import RESOURCE_TYPES

PATIENT: Final = "Patient"
MEMBERS: Final = tuple(sorted(type_ for type_ in RESOURCE_TYPES if holds(PATIENT, type_)))
"""The types that can be in a patient's compartment."""


def in_time(type_: str, low: int | None, high: int | None) -> Expr:
    """The test that the first date which a resource of a type has overlaps with the span from `low` to `high`
    (milliseconds, inclusive; None is open), or that it has none: what is not of one time is part of the record at any
    time."""
    codes = sort.dates(type_)
    if low is high is None or not codes:
        return EVERYTHING
    tests: list[Expr] = []
    before: list[Expr] = []
    for code in codes:
        key = f"{type_}.{code}"
        tests.append(all_of(*before, Within(key, low_to=high, high_from=low)))
        before.append(Not(Present(key, ranged=True)))
    return any_of(*tests, all_of(*before))


@lru_cache(maxsize=4)
def references(parameters: ParameterSet) -> Include:
    """Every reference of what can be in a patient's compartment, those too that no parameter covers."""
    uncovered = Way("", entry.UNCOVERED, RESOURCE_TYPES)
    ways = (uncovered, *(way for type_ in MEMBERS for way in includes.ways(parameters, type_)))
    return Include("What the record refers to", ways)


@lru_cache(maxsize=1)
def nobodys() -> Expr:
    """The test that something is in no patient's compartment."""
    tests = [
        all_of(OfType((type_,)), Not(any_of(*(
            StartsWith(f"{type_}.{code}{entry.SEPARATOR}{PATIENT}/") for code in membership(PATIENT, type_)
        ))))
        for type_ in MEMBERS if type_ != PATIENT
    ]  # fmt: skip
    return any_of(OfType(tuple(sorted(RESOURCE_TYPES.difference(MEMBERS)))), *tests)
