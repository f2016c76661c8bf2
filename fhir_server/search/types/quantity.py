"""Quantities: `number`, `number|system|code`, `number||unit`, compared by prefix as numbers are.

Rule: what has a UCUM code is found in any unit that it can be converted to; a number alone is compared with the number
alone. See https://hl7.org/fhir/R4/search.html#quantity and docs/decisions/0007-units.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import Any

from fhir_server.document import entry
from fhir_server.search.tree import Expr
from fhir_server.search.types import number
from fhir_server.search.types.asked import Asked, split, unescape
from fhir_server.search.types.remembered import Remembered
from fhir_server.search.types.sink import Sink
from resources import quantities
from resources.expressions import Emitter, Leaf
from resources.quantities import AS_IT_IS, Scale

_QUANTITIES = frozenset({"Quantity", "SimpleQuantity", "Age", "Count", "Distance", "Duration"})
_SAMPLE = re.compile(r"[+-]?\d{1,34}(?:\.\d{1,34})?(?:[eE][+-]?\d{1,2})?", re.ASCII)

Json = dict[str, Any]
Places = dict[str, Scale]
"""Keys that a value is kept under, and how it is converted for each."""
Spans = tuple[tuple[str, float, float], ...]
"""Keys, without that of the parameter, and the first and last amount under each."""


def value(asked: Asked) -> Expr:
    """The test of one value. Raises BadRequest."""
    parts = [unescape(part) for part in split(asked.text, "|")]
    prefix, amount = number.read(asked, parts[0])
    if len(parts) == 1:
        return number.compare(entry.amount_key(asked.key), prefix, amount)
    if len(parts) != 3 or not parts[2]:
        raise asked.refusal(
            "a quantity is [number], [number]|[system]|[code] or [number]||[unit], such as 5.4||mg or "
            rf"5.4|{quantities.UCUM}|mg; a | inside is written \|"
        )
    key, scale = _place(asked.key, parts[1], parts[2])
    return number.compare(key, prefix, amount, scale.of)


def _place(key: str, system: str, code: str) -> tuple[str, Scale]:
    """Where values of a coded unit are kept: converted if it can be, else under the unit itself."""
    scale = quantities.scale(code) if system == quantities.UCUM else None
    if scale is None:
        return entry.unit_key(key, system, code), AS_IT_IS
    return entry.unit_key(key, system, scale.unit), scale


def emitter(leaf: Leaf) -> Emitter | None:
    """What takes the values of a leaf; None for types that are no quantities."""
    spans_of = spans(leaf.element_type)
    if spans_of is None:
        return None
    key = leaf.key

    def emit(sink: Sink, held: Json) -> None:
        for suffix, low, high in spans_of(held):
            sink.ranges.append(entry.span(key + suffix, low, high))

    return emit


def spans(element_type: str) -> Callable[[Json], Spans] | None:
    """What gives the amounts that a value has, each with what its key has behind that of the parameter: as a number
    first, then by units. None for types that are no quantities."""
    makers = {"Money": _money, "Range": _range, "SampledData": _samples}
    return _quantity if element_type in _QUANTITIES else makers.get(element_type)


def _places(quantity: Json) -> Places:
    return _PLACES[quantity.get("system", ""), quantity.get("code", ""), quantity.get("unit", "")]


_LONGEST_CACHED = 200
"""Characters of a unit, and bytes of a number: the caches must not grow by what somebody sends."""


def _places_of(system: str, code: str, unit: str) -> Places:
    places = {entry.amount_key(""): AS_IT_IS}
    if system and code:
        place, scale = _place("", system, code)
        places[place] = scale
    places.update((entry.unit_key("", "", text), AS_IT_IS) for text in (code, unit) if text)
    return places


_PLACES = Remembered(_places_of, most=4096, longest=_LONGEST_CACHED)
"""A hospital's units are few."""


def _quantity(held: Json) -> Spans:
    amount = held.get("value")
    if amount is None:
        return ()
    system, code, unit = held.get("system", ""), held.get("code", ""), held.get("unit", "")
    short = len(system) + len(code) + len(unit) <= _LONGEST_CACHED and amount.__sizeof__() <= _LONGEST_CACHED
    return (_cached_spans if short else _cached_spans.__wrapped__)(amount, held.get("comparator"), system, code, unit)


@lru_cache(maxsize=4096)  # one value is asked for by several parameters, and values repeat
def _cached_spans(amount: Decimal | int, comparator: str | None, system: str, code: str, unit: str) -> Spans:
    plain = AS_IT_IS.of(amount)
    found = []
    for place, scale in _PLACES[system, code, unit].items():
        here = plain if scale is AS_IT_IS else scale.of(amount)
        found.append((place, *quantities.bounds(here, comparator)))
    return tuple(found)


def _money(held: Json) -> Spans:
    currency = held.get("currency")
    unit = {"system": quantities.CURRENCY, "code": currency} if currency else {}
    return _quantity({"value": held.get("value"), **unit})


def _range(held: Json) -> Spans:
    """Under the units that both ends have; an end that is not given is open."""
    ends = [end if end and end.get("value") is not None else None for end in (held.get("low"), held.get("high"))]
    given = [_places(end) for end in ends if end]
    found = []
    for place in [place for place in given[0] if place in given[-1]] if given else ():
        low = given[0][place].of(ends[0]["value"]) if ends[0] else -inf
        high = given[-1][place].of(ends[1]["value"]) if ends[1] else inf
        found.append((place, min(low, high), max(low, high)))
    return tuple(found)


def _samples(held: Json) -> Spans:
    """From the least to the greatest sample; open where one is beyond what could be detected.

    See https://hl7.org/fhir/R4/datatypes.html#SampledData.
    """
    samples = set(held.get("data", "").split())
    amounts = [Decimal(sample) for sample in samples if _SAMPLE.fullmatch(sample)]
    if not amounts:
        return ()
    origin, factor = held["origin"], Fraction(held.get("factor", 1))
    zero = Fraction(origin.get("value", 0))
    ends = sorted(Fraction(amount) * factor + zero for amount in (min(amounts), max(amounts)))
    found = []
    for place, scale in _places(origin).items():
        low = -inf if "L" in samples else scale.of(ends[0])
        high = inf if "U" in samples else scale.of(ends[1])
        found.append((place, low, high))
    return tuple(found)
