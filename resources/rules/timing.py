"""Timing, as prescriptions use it: https://hl7.org/fhir/R4/datatypes.html#timing.

Rule: a number without its unit or its counterpart means nothing, so it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from resources.rules.problem import Json, Problem

_NEEDS = (
    ("duration", "durationUnit", "tim-1"),
    ("period", "periodUnit", "tim-2"),
    ("periodMax", "period", "tim-6"),
    ("durationMax", "duration", "tim-7"),
    ("countMax", "count", "tim-8"),
    ("offset", "when", "tim-9"),
)
_MEALS = frozenset({"C", "CM", "CD", "CV"})


def parts_go_together(repeat: Json) -> Iterator[Problem]:
    """tim-1, tim-2, tim-6 to tim-10."""
    for member, needed, rule in _NEEDS:
        if member in repeat and needed not in repeat and "_" + needed not in repeat:
            yield Problem(f"{member} needs {needed} ({rule})", at="." + needed)
    if "offset" in repeat and not _MEALS.isdisjoint(repeat.get("when", ())):
        yield Problem("an offset is from an event, not from a meal in general (C, CM, CD, CV) (tim-9)", at=".offset")
    if "timeOfDay" in repeat and "when" in repeat:
        yield Problem("either timeOfDay or when, not both (tim-10)", at=".when")


def nothing_negative(repeat: Json) -> Iterator[Problem]:
    """tim-4 and tim-5."""
    for member, rule in (("duration", "tim-4"), ("period", "tim-5")):
        if repeat.get(member, 0) < 0:
            yield Problem(f"{member} must not be negative ({rule})", at="." + member)
