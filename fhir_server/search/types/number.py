"""Numbers: points, or the span of a Range, compared by prefix.

Rule: without a prefix a number stands for all that round to it (`100` is 99.5 to 100.5); with one it is exact.
See https://hl7.org/fhir/R4/search.html#number and #prefix.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from math import inf, nextafter
from typing import Any

from fhir_server.document import entry
from fhir_server.search.tree import Expr, Within, any_of
from fhir_server.search.types.asked import PREFIXES, Asked, unescape
from fhir_server.search.types.sink import Sink
from resources.expressions import Emitter, Leaf

_PREFIX = rf"({'|'.join(PREFIXES)})?"
_FORM = re.compile(_PREFIX + r"([+-]?\d{1,34}(?:\.\d{1,34})?(?:[eE][+-]?\d{1,2})?)", re.ASCII)


def value(asked: Asked) -> Expr:
    """The test of one value. Raises BadRequest."""
    return compare(entry.amount_key(asked.key), *read(asked, unescape(asked.text)))


def read(asked: Asked, text: str) -> tuple[str, Decimal]:
    """The prefix and the number in `text`. Raises BadRequest."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise asked.refusal(f"a number such as 5.40 or 1e-3 is expected, after {' '.join(PREFIXES)} or nothing")
    return match[1] or "eq", Decimal(match[2])


def compare(key: str, prefix: str, number: Decimal, place: Callable[[Decimal], float] = float) -> Expr:
    """The test that a number of `key` stands to `number` as `prefix` says; `place` gives the float that stands for a
    number there, a greater one for a greater number."""
    exact = place(number)
    match prefix:
        case "gt" | "lt":
            return Within(key, high_from=_above(exact)) if prefix == "gt" else Within(key, low_to=_below(exact))
        case "ge" | "le":
            return Within(key, high_from=exact) if prefix == "ge" else Within(key, low_to=exact)
        case "sa" | "eb":
            return Within(key, low_from=_above(exact)) if prefix == "sa" else Within(key, high_to=_below(exact))
        case "ap":
            tenth = abs(number) / 10
            return Within(key, low_to=place(number + tenth), high_from=place(number - tenth))
    half = rounding(number)
    low, high = place(number - half), place(number + half)
    if prefix == "ne":
        return any_of(Within(key, low_to=_below(low)), Within(key, high_from=high))
    return Within(key, low_from=low, high_to=_below(high))


def rounding(number: Decimal) -> Decimal:
    """Half of a unit of the last digit that is written; for `1e2` the 5 that the specification gives."""
    exponent = int(number.as_tuple().exponent)
    return Decimal(5).scaleb((exponent - 1 if exponent > 0 else exponent) - 1)


def _above(number: float) -> float:
    return nextafter(number, inf)


def _below(number: float) -> float:
    return nextafter(number, -inf)


def emitter(leaf: Leaf) -> Emitter | None:
    """What takes the values of a leaf; None for types that are no numbers."""
    span_of = span(leaf.element_type)
    if span_of is None:
        return None
    key = entry.amount_key(leaf.key)

    def emit(sink: Sink, held: Any) -> None:
        found = span_of(held)
        if found is not None:
            sink.ranges.append(entry.span(key, *found))

    return emit


def span(element_type: str) -> Callable[[Any], tuple[float, float] | None] | None:
    """The first and the last number of a value, None of an empty one; None for types that are no numbers."""
    if element_type == "Range":
        return _range
    return _point if element_type in ("decimal", "integer", "positiveInt", "unsignedInt") else None


def _point(held: Any) -> tuple[float, float]:
    number = float(held)
    return number, number


def _range(held: dict[str, Any]) -> tuple[float, float] | None:
    low, high = held.get("low", {}).get("value"), held.get("high", {}).get("value")
    if low is None and high is None:
        return None
    return -inf if low is None else float(low), inf if high is None else float(high)
