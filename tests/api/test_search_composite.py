"""Composites over HTTP, from MongoDB: a handful of resources counted by hand."""

from typing import Any

import httpx
import pytest

JSON = {"Content-Type": "application/fhir+json"}
UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
SYSTOLIC, DIASTOLIC, GLUCOSE, SMOKING = "8480-6", "8462-4", "2345-7", "72166-2"


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def amount(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def pressure(systolic: float, diastolic: float) -> dict[str, Any]:
    parts = [
        {"code": coded(LOINC, code), "valueQuantity": amount(value, "mm[Hg]")}
        for code, value in ((SYSTOLIC, systolic), (DIASTOLIC, diastolic))
    ]
    return {"code": coded(LOINC, "85354-9"), "component": parts}


OBSERVATIONS = {
    "pressure-high": pressure(150, 95),
    "pressure-low": pressure(95, 60),
    "systolic": {"code": coded(LOINC, SYSTOLIC), "valueQuantity": amount(20, "kPa")},  # 150 mmHg
    "glucose": {"code": coded(LOINC, GLUCOSE), "valueQuantity": amount(126, "mg/dL")},
    "glucose-of-another": {"code": coded("http://other", GLUCOSE), "valueQuantity": amount(90, "mg/dL")},
    "smoker": {"code": coded(LOINC, SMOKING), "valueCodeableConcept": coded(SNOMED, "77176002")},
    "never-smoked": {"code": coded(LOINC, SMOKING), "valueCodeableConcept": coded(SNOMED, "266919005")},
    "note": {"code": coded(LOINC, "8251-1"), "valueString": "Größe: 1,80 m ($)"},
    "birth": {"code": coded(LOINC, "21112-8"), "valueDateTime": "1980-02-29"},
}


@pytest.fixture(scope="module", autouse=True)
def _observed(server_url: str) -> None:
    for id_, held in OBSERVATIONS.items():
        resource = {"resourceType": "Observation", "id": id_, "status": "final", **held}
        answer = httpx.put(f"{server_url}/Observation/{id_}", json=resource, headers=JSON)
        assert answer.status_code == 201, answer.text
    document = {
        "resourceType": "DocumentReference", "id": "d", "status": "current",
        "content": [{"attachment": {"title": "Letter"}}],
        "relatesTo": [{"code": "replaces", "target": {"display": "an older letter", "identifier": {"value": "7"}}},
                      {"code": "appends", "target": {"reference": "https://other.example/DocumentReference/9"}}],
    }  # fmt: skip
    answer = httpx.put(f"{server_url}/DocumentReference/d", json=document, headers=JSON)
    assert answer.status_code == 201, answer.text


async def found(client: httpx.AsyncClient, type_: str, query: dict[str, Any]) -> set[str]:
    answer = await client.get(type_, params=query, headers={"Prefer": "handling=strict"})
    assert answer.status_code == 200, answer.text
    return {entry["resource"]["id"] for entry in answer.json().get("entry", ())}


@pytest.mark.parametrize(
    ("name", "asked", "ids"),
    [
        ("component-code-value-quantity", f"{LOINC}|{SYSTOLIC}$gt140", {"pressure-high"}),
        ("component-code-value-quantity", f"{DIASTOLIC}$gt140", set()),
        ("component-code-value-quantity", f"{DIASTOLIC}$lt90", {"pressure-low"}),
        ("combo-code-value-quantity", f"{SYSTOLIC}$gt140|{UCUM}|mm[Hg]", {"pressure-high", "systolic"}),
        ("combo-code-value-quantity", f"{SYSTOLIC}$gt140||mm[Hg]", {"pressure-high"}),
        ("code-value-quantity", f"{SYSTOLIC}$gt140|{UCUM}|mm[Hg]", {"systolic"}),
        ("code-value-quantity", f"{GLUCOSE}$gt50", {"glucose", "glucose-of-another"}),
        ("code-value-quantity", f"{LOINC}|{GLUCOSE}$gt50", {"glucose"}),
        ("code-value-quantity", f"{LOINC}|{GLUCOSE}$1.26|{UCUM}|g/L", {"glucose"}),
        ("code-value-quantity", f"{LOINC}|$gt10", {"glucose", "systolic"}),
        ("code-value-quantity", f"{GLUCOSE}$lt100,{SYSTOLIC}$20", {"glucose-of-another", "systolic"}),
        ("code-value-concept", f"{SMOKING}$77176002", {"smoker"}),
        ("code-value-concept", f"{LOINC}|{SMOKING}${SNOMED}|266919005", {"never-smoked"}),
        ("code-value-concept", f"{LOINC}|{SMOKING}${SNOMED}|", {"smoker", "never-smoked"}),
        ("code-value-concept", f"{GLUCOSE}$77176002", set()),
        ("code-value-string", r"8251-1$grosse: 1\,80 m (\$)", {"note"}),
        ("code-value-date", "21112-8$lt1980-03", {"birth"}),
        ("code-value-date", "21112-8$gt1980-02-29", set()),
    ],
)
async def test_observations(client: httpx.AsyncClient, name: str, asked: str, ids: set[str]) -> None:
    assert await found(client, "Observation", {name: asked}) == ids


async def test_with_others(client: httpx.AsyncClient) -> None:
    query = {"component-code-value-quantity": [f"{SYSTOLIC}$gt140", f"{DIASTOLIC}$gt90"], "code": "85354-9"}
    assert await found(client, "Observation", query) == {"pressure-high"}
    bounded = {"code-value-quantity": [f"{GLUCOSE}$ge100||mg/dL", f"{GLUCOSE}$le130||mg/dL"]}
    assert await found(client, "Observation", bounded) == {"glucose"}
    assert await found(client, "Observation", {"code-value-string:missing": "false"}) == {"note"}


async def test_references(client: httpx.AsyncClient) -> None:
    asked = "appends$https://other.example/DocumentReference/9"
    assert await found(client, "DocumentReference", {"relationship": asked}) == {"d"}
    assert await found(client, "DocumentReference", {"relationship": asked.replace("appends", "replaces")}) == set()


@pytest.mark.parametrize("asked", ["8480-6", "8480-6$", "8480-6$high", "8480-6$5$6", "|$5", "8480-6$5|mg"])
async def test_what_is_no_composite_is_refused_by_name(client: httpx.AsyncClient, asked: str) -> None:
    answer = await client.get("Observation", params={"code-value-quantity": asked})
    assert answer.status_code == 400
    assert "code-value-quantity" in answer.json()["issue"][0]["diagnostics"]
