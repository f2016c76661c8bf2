"""Invariants of the data types, where breaking them would leave data that nobody can use or that means two things.

Rule: each function is one invariant, named in its words; its argument has the right structure.
See https://hl7.org/fhir/R4/datatypes.html.
"""

from __future__ import annotations

from collections.abc import Iterator

from resources import instants
from resources.rules.problem import Json, Problem

_DAY = len("2024-05-17")
_ZONES_MS = 14 * 3_600_000
"""How far a day somewhere may begin before it does in UTC."""


def period_runs_forwards(period: Json) -> Iterator[Problem]:
    """per-1: refused is a start that is after the end however the two are read."""
    start, end = period.get("start"), period.get("end")
    if start is None or end is None or (start <= end and start[19:] == end[19:]):
        return
    zones = _ZONES_MS if (len(start) <= _DAY) != (len(end) <= _DAY) else 0
    if instants.bounds(start)[0] > instants.bounds(end)[1] + zones:
        yield Problem(f"the period ends ({end}) before it starts ({start}) (per-1)", at=".end")


def quantity_code_has_system(quantity: Json) -> Iterator[Problem]:
    """qty-3."""
    if "code" in quantity and "system" not in quantity and "_system" not in quantity:
        yield Problem("a code of a unit needs its system, such as http://unitsofmeasure.org (qty-3)", at=".system")


def range_runs_upwards(range_: Json) -> Iterator[Problem]:
    """rng-2, where both ends have the same unit."""
    low, high = range_.get("low", {}), range_.get("high", {})
    same = all(low.get(member) == high.get(member) for member in ("unit", "system", "code"))
    if same and "value" in low and "value" in high and low["value"] > high["value"]:
        yield Problem(f"low ({low['value']}) is above high ({high['value']}) (rng-2)")


def ratio_is_whole(ratio: Json) -> Iterator[Problem]:
    """rat-1."""
    halves = ("numerator" in ratio) + ("denominator" in ratio)
    if halves == 1 or (halves == 0 and "extension" not in ratio):
        yield Problem("a ratio has both numerator and denominator, or neither and an extension (rat-1)")


def attachment_data_has_type(attachment: Json) -> Iterator[Problem]:
    """att-1."""
    if "data" in attachment and "contentType" not in attachment and "_contentType" not in attachment:
        yield Problem("data needs its contentType, such as application/pdf (att-1)", at=".contentType")


def contact_point_has_system(contact: Json) -> Iterator[Problem]:
    """cpt-2."""
    if "value" in contact and "system" not in contact and "_system" not in contact:
        yield Problem("a value needs its system, such as phone or email (cpt-2)", at=".system")
