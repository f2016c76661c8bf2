"""Quantities over HTTP, from MongoDB: a handful of patients counted by hand."""

from typing import Any

import httpx
import pytest

JSON = {"Content-Type": "application/fhir+json"}
UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"

GLUCOSE = "2345-7"
TEMPERATURE = "8310-5"
TROPONIN = "6598-7"
MEASURED = {
    "glucose-90": (GLUCOSE, '{"value": 90, "unit": "mg/dL", "system": "%s", "code": "mg/dL"}'),
    "glucose-126": (GLUCOSE, '{"value": 1.26, "unit": "g/L", "system": "%s", "code": "g/L"}'),
    "glucose-low": (GLUCOSE, '{"value": 40, "comparator": "<", "unit": "mg/dL", "system": "%s", "code": "mg/dL"}'),
    "fever": (TEMPERATURE, '{"value": 102.2, "unit": "°F", "system": "%s", "code": "[degF]"}'),  # 39 °C
    "no-fever": (TEMPERATURE, '{"value": 36.60, "unit": "°C", "system": "%s", "code": "Cel"}'),
    "troponin": (TROPONIN, '{"value": 0.040, "unit": "ng/mL"}'),
    "huge": (TROPONIN, '{"value": 1E400, "unit": "ng/mL"}'),
}


@pytest.fixture(scope="module", autouse=True)
def _measured(server_url: str) -> None:
    for id_, (code, quantity) in MEASURED.items():
        held = quantity % UCUM if "%s" in quantity else quantity
        text = (
            f'{{"resourceType": "Observation", "id": "{id_}", "status": "final", "valueQuantity": {held}, '
            f'"code": {{"coding": [{{"system": "{LOINC}", "code": "{code}"}}]}}}}'
        )
        answer = httpx.put(f"{server_url}/Observation/{id_}", content=text.encode(), headers=JSON)
        assert answer.status_code == 201, answer.text
    invoice = {"resourceType": "Invoice", "id": "i", "status": "issued", "totalNet": {"value": 99.5, "currency": "EUR"}}
    assert httpx.put(f"{server_url}/Invoice/i", json=invoice, headers=JSON).status_code == 201


async def found(client: httpx.AsyncClient, type_: str, query: dict[str, Any]) -> set[str]:
    answer = await client.get(type_, params=query)
    assert answer.status_code == 200, answer.text
    return {entry["resource"]["id"] for entry in answer.json().get("entry", ())}


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        (f"90|{UCUM}|mg/dL", {"glucose-90"}),
        (f"0.90|{UCUM}|g/L", {"glucose-90"}),
        (f"gt100|{UCUM}|mg/dL", {"glucose-126"}),
        (f"ge126|{UCUM}|mg/dL", {"glucose-126"}),
        (f"gt126|{UCUM}|mg/dL", set()),
        (f"lt50|{UCUM}|mg/dL", {"glucose-low"}),
        (f"lt0.01|{UCUM}|mg/dL", {"glucose-low"}),
        (f"ne90|{UCUM}|mg/dL", {"glucose-126", "glucose-low"}),
        (f"ap1|{UCUM}|g/L", {"glucose-90"}),
        (f"ge39|{UCUM}|Cel", {"fever"}),
        (f"gt39|{UCUM}|Cel", set()),
        (f"39.0|{UCUM}|Cel", {"fever"}),
        (f"lt100|{UCUM}|[degF]", {"no-fever"}),
        ("0.04||ng/mL", {"troponin"}),
        ("0.040||ng/mL", {"troponin"}),
        ("0.0400||ng/mL", {"troponin"}),
        ("0.041||ng/mL", set()),
        (f"0.04|{UCUM}|ng/mL", set()),  # it has no code
        ("gt1e99||ng/mL", {"huge"}),
        ("gt1000", {"huge"}),
        ("36.6", {"no-fever"}),
        (f"90|{UCUM}|mg/dL,39.0|{UCUM}|Cel", {"glucose-90", "fever"}),
    ],
)
async def test_values_of_observations(client: httpx.AsyncClient, asked: str, ids: set[str]) -> None:
    assert await found(client, "Observation", {"value-quantity": asked}) == ids


async def test_with_other_parameters(client: httpx.AsyncClient) -> None:
    query = {"code": f"{LOINC}|{GLUCOSE}", "value-quantity": ["ge0.5", "le100"]}
    assert await found(client, "Observation", query) == {"glucose-90", "glucose-126", "glucose-low"}
    assert await found(client, "Observation", {"value-quantity:missing": "true"}) == set()
    assert await found(client, "Observation", {"value-quantity:missing": "false"}) == set(MEASURED)


async def test_money(client: httpx.AsyncClient) -> None:
    assert await found(client, "Invoice", {"totalnet": "le100|urn:iso:std:iso:4217|EUR"}) == {"i"}
    assert await found(client, "Invoice", {"totalnet": "le100|urn:iso:std:iso:4217|USD"}) == set()
    assert await found(client, "Invoice", {"totalnet": "99.5||EUR"}) == {"i"}


@pytest.mark.parametrize("asked", ["high", "5.4mg", "5|mg", f"5|{UCUM}|", "", "5||$gt|x"])
async def test_what_is_no_quantity_is_refused_by_name(client: httpx.AsyncClient, asked: str) -> None:
    answer = await client.get("Observation", params={"value-quantity": asked}, headers={"Prefer": "handling=strict"})
    assert answer.status_code == 400
    assert "value-quantity" in answer.json()["issue"][0]["diagnostics"]
