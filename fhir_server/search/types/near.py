"""`near` of Location: `latitude|longitude|distance|units`, in degrees of WGS 84; the last two may be left out.

Rule: everything at most so far away is found; units are UCUM's. A place whose coordinates are none is not found.
See https://hl7.org/fhir/R4/location.html#positional.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from fhir_server.document import position
from fhir_server.search.tree import Expr, Near
from fhir_server.search.types.asked import Asked, split, unescape
from fhir_server.search.types.sink import Sink
from resources import quantities
from resources.expressions import Emitter, Leaf

DEFAULT_KILOMETRES = 50
"""How near is near where no distance is given."""

_NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,30})?", re.ASCII)
_POLE, _DATE_LINE = 90, 180


def value(asked: Asked) -> Expr:
    """The test of one value. Raises BadRequest."""
    parts = [unescape(part) for part in split(asked.text, "|")]
    if not 2 <= len(parts) <= 4 or not all(_NUMBER.fullmatch(part) for part in parts[:2]):
        raise asked.refusal("[latitude]|[longitude] or [latitude]|[longitude]|[distance]|[units] is expected")
    latitude, longitude = map(float, parts[:2])
    if not _is_place(latitude, longitude):
        raise asked.refusal("a latitude is from -90 to 90, and then a longitude from -180 to 180")
    distance, unit = [*parts[2:], "", ""][:2]
    return Near(asked.key, latitude, longitude, _metres(asked, distance or str(DEFAULT_KILOMETRES), unit or "km"))


def _metres(asked: Asked, distance: str, unit: str) -> float:
    scale = quantities.scale(unit)
    if scale is None or scale.unit != "m":
        raise asked.refusal("the units are UCUM's of a length, such as km, m or [mi_us]; without them it is km")
    if not _NUMBER.fullmatch(distance) or Decimal(distance) < 0:
        raise asked.refusal("the distance is a decimal of at least 0")
    return scale.of(Decimal(distance))


def _is_place(latitude: float, longitude: float) -> bool:
    return abs(latitude) <= _POLE and abs(longitude) <= _DATE_LINE


def emitter(leaf: Leaf) -> Emitter | None:
    """What takes the positions of a leaf; None for what is no position."""
    if leaf.element_type != "Location.position":
        return None
    key = leaf.key

    def emit(sink: Sink, held: dict[str, Any]) -> None:
        latitude, longitude = held.get("latitude"), held.get("longitude")
        if latitude is not None and longitude is not None and _is_place(latitude, longitude):
            sink.ranges.append(position.entry(key, float(latitude), float(longitude)))

    return emit
