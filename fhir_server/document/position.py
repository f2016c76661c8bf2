"""Places on the earth: their entries, and the test that one is near another, asked of MongoDB and in memory.

Rule: the earth is a sphere of its mean radius; both tests do the same arithmetic on the same numbers, and so agree.
See https://en.wikipedia.org/wiki/Great-circle_distance.

    {"k": "Location.near", "lo": 52.5, "hi": 13.4, "x": …, "y": …, "z": …}

`lo` is the latitude and `hi` the longitude, in degrees: the index bounds the latitude and compares the longitude. `x`,
`y`, `z` is the same place on a sphere of radius 1, where what is near in a straight line is near along the surface.
"""

from __future__ import annotations

from math import asin, cos, degrees, inf, pi, radians, sin
from typing import Any

from fhir_server.document import layout
from fhir_server.document.entry import Filter

EARTH = 6_371_008.8
"""The mean radius, in metres."""

_ROUNDING = 1e-12
"""By so much of the radius, micrometres, places are nearer than computed: at a pole all longitudes are one place."""
_SLACK = 1e-9
"""By so many degrees, a tenth of a millimetre, boxes are larger than computed: they only narrow."""


def entry(key: str, latitude: float, longitude: float) -> dict[str, Any]:
    """The entry of a place; degrees."""
    x, y, z = _point(latitude, longitude)
    return {"k": key, "lo": latitude, "hi": longitude, "x": x, "y": y, "z": z}


def near(key: str, latitude: float, longitude: float, metres: float) -> Filter:
    """Documents with a place of `key` at most so many metres from another."""
    low, high, meridians = _box(latitude, longitude, metres)
    held = {"k": key, "lo": {"$gte": low, "$lte": high}}
    boxes = [{layout.RANGES: {"$elemMatch": {**held, "hi": {"$gte": west, "$lte": east}}}} for west, east in meridians]
    squares = [
        {"$multiply": [difference, difference]}
        for axis, value in zip("xyz", _point(latitude, longitude), strict=True)
        for difference in [{"$subtract": [f"$$held.{axis}", value]}]
    ]
    chord = {"$add": [{"$add": squares[:2]}, squares[2]]}  # two at a time: three would be added more exactly
    is_near = {"$and": [{"$eq": ["$$held.k", {"$literal": key}]}, {"$lte": [chord, _limit(metres)]}]}
    ranges = {"$ifNull": [f"${layout.RANGES}", []]}  # a tombstone has none
    exact = {"$expr": {"$anyElementTrue": [{"$map": {"input": ranges, "as": "held", "in": is_near}}]}}
    return {**(boxes[0] if len(boxes) == 1 else {"$or": boxes}), **exact}


def is_near(held: dict[str, Any], latitude: float, longitude: float, metres: float) -> bool:
    """Whether the place of an entry is at most so many metres from another."""
    x, y, z = (held[axis] - value for axis, value in zip("xyz", _point(latitude, longitude), strict=True))
    found: bool = (x * x + y * y) + z * z <= _limit(metres)
    return found


def _point(latitude: float, longitude: float) -> tuple[float, float, float]:
    north, east = radians(latitude), radians(longitude)
    return cos(north) * cos(east), cos(north) * sin(east), sin(north)


def _limit(metres: float) -> float:
    """The square of the straight line, on a sphere of radius 1, below an arc of so many metres."""
    angle = metres / EARTH
    return inf if angle >= pi else (2 * sin(angle / 2) + _ROUNDING) ** 2


def _box(latitude: float, longitude: float, metres: float) -> tuple[float, float, list[tuple[float, float]]]:
    """What lies that near is between these two latitudes, and between one of these pairs of meridians: two pairs where
    the line of 180 degrees is crossed, all around where a pole is within."""
    angle = min(metres / EARTH, pi)
    reach = degrees(angle) + _SLACK
    low, high = latitude - reach, latitude + reach
    if low <= -90 or high >= 90:
        return low, high, [(-180.0, 180.0)]
    half = degrees(asin(min(1.0, sin(angle) / cos(radians(latitude)) * (1 + _SLACK)))) + _SLACK
    west, east = longitude - half, longitude + half
    if west < -180:
        return low, high, [(-180.0, east), (west + 360, 180.0)]
    if east > 180:
        return low, high, [(west, 180.0), (-180.0, east - 360)]
    return low, high, [(west, east)]
