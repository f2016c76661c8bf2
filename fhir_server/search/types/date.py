"""Dates: spans of milliseconds in UTC, compared by prefix.

Rule: a partial date is the whole span that it names, on both sides; without an offset it is UTC; an open end of a
Period reaches to the end of time. See https://hl7.org/fhir/R4/search.html#date and #prefix.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from fhir_server.document import entry
from fhir_server.search import sort
from fhir_server.search.tree import Expr, Updated, Within, any_of
from fhir_server.search.types.asked import PREFIXES, Asked, unescape
from fhir_server.search.types.sink import Sink
from resources import instants
from resources.expressions import Emitter, Leaf

BEGINNING, END = -62_135_596_800_000, 253_402_300_799_999
"""The first and the last millisecond of the years 1 to 9999."""

_PREFIXED = re.compile(rf"({'|'.join(PREFIXES)})?(.*)", re.DOTALL)


def value(asked: Asked) -> Expr:
    """The test of one value. Raises BadRequest."""
    prefix, low, high = _span(asked)
    if asked.parameter.code == "_lastUpdated":
        return _updated(prefix, low * 1000, high * 1000 + 999)
    return compare(asked.key, prefix, low, high)


def _span(asked: Asked) -> tuple[str, int, int]:
    match = _PREFIXED.fullmatch(unescape(asked.text))
    prefix, text = (match[1] or "eq", match[2]) if match else ("eq", "")
    text = text.replace(" ", "+")  # a plus sign of an offset, not encoded by the client
    try:
        low, high = instants.bounds(text)
    except ValueError as error:
        raise asked.refusal(f"{error}; prefixes are {' '.join(PREFIXES)}") from None
    if prefix != "ap":
        return prefix, low, high
    distance = max(abs(asked.now_ms - (low + high) // 2), 0) // 10
    return prefix, low - distance, high + distance


def compare(key: str, prefix: str, low: int, high: int) -> Expr:  # noqa: PLR0911 - one a prefix
    """The test that a span of `key` stands to the span from `low` to `high` (inclusive) as `prefix` says."""
    match prefix:
        case "eq":
            return Within(key, low_from=low, high_to=high)
        case "ne":
            return any_of(Within(key, low_to=low - 1), Within(key, high_from=high + 1))
        case "gt":
            return Within(key, high_from=high + 1)
        case "lt":
            return Within(key, low_to=low - 1)
        case "ge":
            return any_of(Within(key, high_from=high + 1), Within(key, low_from=low))
        case "le":
            return any_of(Within(key, low_to=low - 1), Within(key, high_to=high))
        case "sa":
            return Within(key, low_from=high + 1)
        case "eb":
            return Within(key, high_to=low - 1)
    return Within(key, low_to=high, high_from=low)  # ap: they overlap


def _updated(prefix: str, low: int, high: int) -> Expr:
    """The same for `_lastUpdated`, a point in microseconds."""
    match prefix:
        case "eq" | "ap":
            return Updated(low, high)
        case "ne":
            return any_of(Updated(high=low - 1), Updated(low=high + 1))
        case "gt" | "sa":
            return Updated(low=high + 1)
        case "lt" | "eb":
            return Updated(high=low - 1)
    return Updated(low=low) if prefix == "ge" else Updated(high=high)


def emitter(leaf: Leaf) -> Emitter | None:
    """What takes the values of a leaf; None for types that are no dates."""
    span_of = span(leaf.element_type)
    if span_of is None:
        return None
    key = leaf.key
    scalar = sort.scalars(leaf.type).get(leaf.parameter.code)
    is_principal = sort.principal_key(leaf.type) == key

    def emit(sink: Sink, held: Any) -> None:
        found = span_of(held)
        if found is not None:
            sink.ranges.append(entry.span(key, *found))
            if scalar is not None:
                sink.least(scalar, found[0])
                if is_principal and found[1] - found[0] >= entry.DAY:
                    sink.sort[sort.WIDE] = found[0]

    return emit


def span(element_type: str) -> Callable[[Any], tuple[int, int] | None] | None:
    """What gives the first and the last millisecond of a value, None for an empty one; None for types that are no
    dates."""
    spans: dict[str, Callable[[Any], tuple[int, int] | None]] = {
        "date": _bounds,
        "dateTime": _bounds,
        "instant": _bounds,
        "Period": _period,
        "Timing": _timing,
    }
    return spans.get(element_type)


@lru_cache(maxsize=4096)  # what happened together has the same times
def _bounds(text: str) -> tuple[int, int]:
    return instants.bounds(text)


def _period(period: dict[str, Any]) -> tuple[int, int] | None:
    start, end = period.get("start"), period.get("end")
    if start is None and end is None:
        return None
    low = BEGINNING if start is None else _bounds(start)[0]
    high = END if end is None else _bounds(end)[1]
    return low, max(low, high)


def _timing(timing: dict[str, Any]) -> tuple[int, int] | None:
    """From the first to the last event, and what bounds the repetition: only the outer limits count."""
    spans = [_bounds(event) for event in timing.get("event", ()) if event is not None]
    bounds = _period(timing.get("repeat", {}).get("boundsPeriod", {}))
    if bounds is not None:
        spans.append(bounds)
    return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None
