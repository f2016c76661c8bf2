"""Tests of a type's principal date, as bounds on the scalar that the indexes iD and tD have.

Rule: a short span begins less than `entry.DAY` before its end, so that a test of its end bounds its beginning too;
the few long spans are asked for on their own, and the two answers merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fhir_server.document import entry, layout
from fhir_server.document.entry import Filter
from fhir_server.search import sort
from fhir_server.search.tree import Any_, Expr, OfType, Within

PRINCIPAL = f"{layout.SORT}.{sort.PRINCIPAL}"
WIDE = f"{layout.SORT}.{sort.WIDE}"

_THERE: Filter = {"$exists": True}
Bounds = tuple[float | None, float | None]


def tests(parts: Sequence[Expr]) -> list[Expr]:
    """Those of the parts that ask for the principal date of the one type that is searched, where it has one date."""
    of_type = next((part.types for part in parts if isinstance(part, OfType)), ())
    key = sort.principal_key(of_type[0]) if len(of_type) == 1 else None
    return [part for part in parts if key is not None and _asks(part, key)]


def bounds(parts: Iterable[Expr]) -> Filter:
    """What the beginning of a short span is within, if it satisfies all of the tests `parts`."""
    return {PRINCIPAL: entry.limits(_intersection(_hull(part, _beginning_of_short) for part in parts)) or _THERE}


def short(parts: Iterable[Expr]) -> Filter:
    """The filter of the short spans that may satisfy all of the tests `parts`."""
    return {WIDE: {"$exists": False}, **bounds(parts)}


def long(parts: Iterable[Expr]) -> Filter:
    """The filter of the long spans that may satisfy all of the tests `parts`."""
    return {WIDE: entry.limits(_intersection(_hull(part, _beginning_of_long) for part in parts)) or _THERE}


def _asks(part: Expr, key: str) -> bool:
    if isinstance(part, Any_):
        return bool(part.parts) and all(_asks(inner, key) for inner in part.parts)
    return isinstance(part, Within) and part.key == key


def _beginning_of_short(test: Within) -> Bounds:
    low = [test.low_from, None if test.high_from is None else test.high_from - entry.DAY]
    return entry.greatest(low), entry.least([test.low_to, test.high_to])


def _beginning_of_long(test: Within) -> Bounds:
    return test.low_from, entry.least([test.low_to, test.high_to])


def _hull(part: Expr, bounds: Callable[[Within], Bounds]) -> Bounds:
    """The least and the greatest beginning among the choices of `part`; None is open."""
    if isinstance(part, Within):
        return bounds(part)
    several = [_hull(inner, bounds) for inner in part.parts] if isinstance(part, Any_) else []
    lows, highs = [low for low, _ in several], [high for _, high in several]
    return None if None in lows else entry.least(lows), None if None in highs else entry.greatest(highs)


def _intersection(several: Iterable[Bounds]) -> Bounds:
    lows, highs = zip(*several, strict=True)
    return entry.greatest(lows), entry.least(highs)
