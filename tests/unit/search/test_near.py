"""What `near` takes and finds; distances looked up by hand."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.search import grammar
from fhir_server.search.extract import extract
from fhir_server.search.match import matches
from resources.outcome import BadRequest
from resources.parameters import BASE

BASE_URL = "http://here.example/fhir"
BERLIN = {"latitude": 52.520008, "longitude": 13.404954}  # 255 km from Hamburg, 53.551086|9.993682
FIJI = {"latitude": -16.5, "longitude": 179.99}


def finds(name: str, asked: str, position: dict[str, Any] | None) -> bool:
    query = grammar.parse(
        "Location", ((name, asked),), parameters=BASE, base_url=BASE_URL, strict=True, default_count=20, max_count=100,
        now_ms=0,
    )  # fmt: skip
    location = {"resourceType": "Location", "id": "1", **({"position": position} if position else {})}
    extracted = extract(location, BASE_URL)
    return matches(query.tree, extracted, type_="Location", id_="1", updated=0)


@pytest.mark.parametrize(
    ("asked", "position", "found"),
    [
        ("53.551086|9.993682|256|km", BERLIN, True),
        ("53.551086|9.993682|254|km", BERLIN, False),
        ("53.551086|9.993682|256", BERLIN, True),
        ("53.551086|9.993682|256000|m", BERLIN, True),
        ("53.551086|9.993682|254000|m", BERLIN, False),
        ("53.551086|9.993682|160|[mi_us]", BERLIN, True),
        ("53.551086|9.993682|158|[mi_i]", BERLIN, False),
        ("53.551086|9.993682", BERLIN, False),
        ("52.1|13.4", BERLIN, True),  # 47 km
        ("52.1|13.4||m", BERLIN, False),
        ("53.551086|9.993682|1,52.5|13.4|5", BERLIN, True),
        ("52.520008|13.404954|0", BERLIN, True),
        ("-16.5|-179.99|3", FIJI, True),  # over the line of 180 degrees
        ("-16.5|-179.99|2", FIJI, False),
        ("89.9|0|25", {"latitude": 89.9, "longitude": 180}, True),  # over the pole
        ("89.9|0|22", {"latitude": 89.9, "longitude": 180}, False),
        ("-90|17|0", {"latitude": -90, "longitude": -100}, True),
        ("0|0|21000", {"latitude": 0, "longitude": 180}, True),
        ("0|0|20000", {"latitude": 0, "longitude": 180}, False),
        ("0|0|21000", {"latitude": 95, "longitude": 0}, False),  # no place
        ("0|0|21000", None, False),
    ],
)
def test_distances(asked: str, position: dict[str, Any] | None, found: bool) -> None:
    assert finds("near", asked, position) is found


def test_missing() -> None:
    assert finds("near:missing", "false", BERLIN)
    assert finds("near:missing", "true", None)
    assert not finds("near:missing", "true", BERLIN)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("52.5", "[latitude]|[longitude]"),
        ("52.5|", "[latitude]|[longitude]"),
        ("52.5|x", "[latitude]|[longitude]"),
        ("52.5|13.4|1|km|x", "[latitude]|[longitude]"),
        ("NaN|13.4", "[latitude]|[longitude]"),
        ("1e400|0", "[latitude]|[longitude]"),
        ("-93.7|42.3", "a latitude is from -90 to 90"),
        ("52.5|180.1", "a latitude is from -90 to 90"),
        ("52.5|13.4|-1", "the distance is a decimal"),
        ("52.5|13.4|far", "the distance is a decimal"),
        ("52.5|13.4|1|kg", "UCUM's of a length"),
        ("52.5|13.4|1|miles", "UCUM's of a length"),
        ("52.5|13.4|1|$gt", "UCUM's of a length"),
    ],
)
def test_what_is_no_place_is_refused(asked: str, said: str) -> None:
    with pytest.raises(BadRequest) as raised:
        finds("near", asked, None)
    assert said in str(raised.value)
    assert "near" in str(raised.value)


def test_a_modifier_is_refused() -> None:
    with pytest.raises(BadRequest, match="it takes missing"):
        finds("near:not", "1|1", None)
