"""Distances: MongoDB's answer is the matcher's, and both are the haversine formula's, over poles and date line too."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection

from fhir_server.document import layout, position

Json = dict[str, Any]
Place = tuple[float, float]

KEY = "Location.near"
EDGES = (-90.0, -89.9999, -45.0, 0.0, 1e-7, 52.5, 89.9, 90.0)
MERIDIANS = (-180.0, -179.9999, -90.0, 0.0, 13.4, 179.99, 180.0)

latitudes = st.one_of(st.sampled_from(EDGES), st.floats(-90, 90))
longitudes = st.one_of(st.sampled_from(MERIDIANS), st.floats(-180, 180))
places = st.tuples(latitudes, longitudes)
distances = st.one_of(
    st.sampled_from([0.0, 1.0, 11_200.0, 1e6, math.pi * position.EARTH, 1e9]), st.floats(0, 2.1e7), st.floats(0, 1e5)
)


def haversine(one: Place, other: Place) -> float:
    """The distance in metres, by the usual formula."""
    (north, east), (south, west) = ([math.radians(angle) for angle in place] for place in (one, other))
    half = math.sin((south - north) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin((west - east) / 2) ** 2
    return 2 * position.EARTH * math.asin(math.sqrt(min(1.0, half)))


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Place, Place]:
    """Two places, often close together, also over a pole or the line of 180 degrees."""
    latitude, longitude = draw(places)
    if draw(st.booleans()):
        return (latitude, longitude), draw(places)
    north, east = draw(st.floats(-0.3, 0.3)), draw(st.floats(-0.3, 0.3))
    turned = (longitude + east + 180) % 360 - 180
    return (latitude, longitude), (max(-90.0, min(90.0, latitude + north)), turned)


def is_near(stored: Place, asked: Place, metres: float) -> bool:
    return position.is_near(position.entry(KEY, *stored), *asked, metres)


@given(pair=neighbours(), metres=distances)
def test_near_is_by_the_haversine_formula(pair: tuple[Place, Place], metres: float) -> None:
    true = haversine(*pair)
    assume(abs(true - metres) > max(1e-4, true * 1e-6))  # both round, and most of all opposite each other
    assert is_near(*pair, metres) is (true <= metres)


@given(place=places)
def test_a_place_is_near_itself(place: Place) -> None:
    assert is_near(place, place, 0)


@pytest.fixture(scope="module")
def locations(mongo_uri: str) -> Iterator[Collection[Json]]:
    name = f"test_{uuid.uuid4().hex}"
    with MongoClient[Json](mongo_uri) as client:
        collection = client[name][layout.RESOURCES]
        collection.create_index([("ranges.k", 1), ("ranges.lo", 1), ("ranges.hi", 1)], name="rK")
        some = [(latitude, longitude) for latitude in EDGES for longitude in MERIDIANS]
        some += [(latitude + 0.05, 179.95) for latitude in range(-60, 61, 20)]
        rows = [{"_id": number, "ranges": [position.entry(KEY, *place)]} for number, place in enumerate(some)]
        collection.insert_many([*rows, {"_id": "gone", "deleted": True}])
        yield collection
        client.drop_database(name)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=places, metres=distances)
def test_mongodb_finds_what_the_matcher_finds(locations: Collection[Json], asked: Place, metres: float) -> None:
    found = {row["_id"] for row in locations.find(position.near(KEY, *asked, metres), hint="rK")}
    rows = locations.find({"ranges": {"$exists": True}})
    assert found == {row["_id"] for row in rows if position.is_near(row["ranges"][0], *asked, metres)}


def test_the_index_bounds_it(locations: Collection[Json]) -> None:
    stats = locations.find(position.near(KEY, 52.5, 13.4, 1000), hint="rK").explain()["executionStats"]
    assert stats["nReturned"] == stats["totalDocsExamined"] == 1
    assert stats["totalKeysExamined"] <= 8
