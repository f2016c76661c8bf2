"""Locations by distance over HTTP: five places in Germany and two beside the line of 180 degrees."""

import httpx
import pytest

JSON = {"Content-Type": "application/fhir+json"}
PLACES = {
    "berlin": (52.520008, 13.404954),
    "potsdam": (52.390569, 13.064473),  # 27 km from Berlin
    "hamburg": (53.551086, 9.993682),  # 255 km
    "munich": (48.137154, 11.576124),  # 504 km
    "taveuni": (-16.85, 179.97),
    "rabi": (-16.5, -179.99),  # 39 km from Taveuni
}


@pytest.fixture(scope="module", autouse=True)
def _located(server_url: str) -> None:
    for id_, (latitude, longitude) in PLACES.items():
        position = {"latitude": latitude, "longitude": longitude}
        location = {"resourceType": "Location", "id": id_, "status": "active", "position": position}
        assert httpx.put(f"{server_url}/Location/{id_}", json=location, headers=JSON).status_code == 201
    nowhere = {"resourceType": "Location", "id": "nowhere", "status": "suspended"}
    assert httpx.put(f"{server_url}/Location/nowhere", json=nowhere, headers=JSON).status_code == 201
    encounter = {
        "resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"},
        "location": [{"location": {"reference": "Location/potsdam"}}],
    }  # fmt: skip
    assert httpx.put(f"{server_url}/Encounter/e", json=encounter, headers=JSON).status_code == 201


async def found(client: httpx.AsyncClient, path: str, query: dict[str, str]) -> set[str]:
    answer = await client.get(path, params=query, headers={"Prefer": "handling=strict"})
    assert answer.status_code == 200, answer.text
    return {entry["resource"]["id"] for entry in answer.json().get("entry", ())}


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ("52.520008|13.404954|30|km", {"berlin", "potsdam"}),
        ("52.520008|13.404954|26|km", {"berlin"}),
        ("52.520008|13.404954|30000|m", {"berlin", "potsdam"}),
        ("52.520008|13.404954|160|[mi_us]", {"berlin", "potsdam", "hamburg"}),
        ("52.520008|13.404954|505", {"berlin", "potsdam", "hamburg", "munich"}),
        ("52.520008|13.404954", {"berlin", "potsdam"}),
        ("48.1|11.5|10,53.5|10|10", {"munich", "hamburg"}),
        ("-16.85|179.97|40", {"taveuni", "rabi"}),
        ("-16.5|-179.99|40", {"taveuni", "rabi"}),
        ("-16.5|-179.99|38", {"rabi"}),
        ("0|0|20100", set(PLACES)),
    ],
)
async def test_near(client: httpx.AsyncClient, asked: str, ids: set[str]) -> None:
    assert await found(client, "Location", {"near": asked}) == ids


async def test_with_others_and_behind_links(client: httpx.AsyncClient) -> None:
    assert await found(client, "Location", {"near": "52.5|13.4|600", "_id": "munich,rabi"}) == {"munich"}
    assert await found(client, "Location", {"near": "52.5|13.4|600", "status": "suspended"}) == set()
    assert await found(client, "Location", {"near:missing": "true"}) == {"nowhere"}
    assert await found(client, "Encounter", {"location.near": "52.4|13.0|20|km"}) == {"e"}
    assert await found(client, "Encounter", {"location.near": "52.4|13.0|1|km"}) == set()


@pytest.mark.parametrize("asked", ["here", "91|0", "0|181", "0|0|x", "0|0|1|kg", "0|0|-1", "0"])
async def test_what_is_no_place_is_refused_by_name(client: httpx.AsyncClient, asked: str) -> None:
    answer = await client.get("Location", params={"near": asked})
    assert answer.status_code == 400
    assert "near" in answer.json()["issue"][0]["diagnostics"]
