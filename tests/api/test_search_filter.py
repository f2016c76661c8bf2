"""`_filter` and `_list` over HTTP, from MongoDB: five patients counted by hand."""

from typing import Any

import httpx
import pytest

JSON = {"Content-Type": "application/fhir+json"}
PATIENTS: dict[str, dict[str, Any]] = {
    "peter": {"name": [{"family": "Müller", "given": ["Peter"]}], "gender": "male", "birthDate": "2015-03-01"},
    "petra": {"name": [{"family": "Müller-Lüdenscheidt", "given": ["Petra"]}], "gender": "female"},
    "paul": {"name": [{"family": "Smith", "given": ["Paul", "Peter"]}], "gender": "male", "birthDate": "1950-06-15"},
    "ann": {"name": [{"family": "Smith", "given": ["Ann"]}], "gender": "female", "birthDate": "1951"},
    "unknown": {"active": True},
}
OBSERVATIONS = {"o-peter": ("peter", 5.0), "o-ann": ("ann", 7.0)}


@pytest.fixture(scope="module", autouse=True)
def _stored(server_url: str) -> None:
    resources = [{"resourceType": "Patient", "id": id_, **held} for id_, held in PATIENTS.items()]
    for id_, (patient, value) in OBSERVATIONS.items():
        resources.append({
            "resourceType": "Observation", "id": id_, "status": "final", "code": {"coding": [{"code": "x"}]},
            "subject": {"reference": f"Patient/{patient}"}, "valueQuantity": {"value": value, "unit": "mg"},
        })  # fmt: skip
    for id_, members in {"42": ["Patient/ann", "Patient/paul", "Observation/o-ann"], "43": ["Patient/petra"]}.items():
        entry = [{"item": {"reference": reference}} for reference in members]
        resources.append({"resourceType": "List", "id": id_, "status": "current", "mode": "working", "entry": entry})
    for resource in resources:
        url = f"{server_url}/{resource['resourceType']}/{resource['id']}"
        answer = httpx.put(url, json=resource, headers=JSON)
        assert answer.status_code == 201, answer.text


async def found(client: httpx.AsyncClient, path: str, query: dict[str, Any]) -> set[str]:
    answer = await client.get(path, params=query, headers={"Prefer": "handling=strict"})
    assert answer.status_code == 200, answer.text
    return {entry["resource"]["id"] for entry in answer.json().get("entry", ())}


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ('name co "pet"', {"peter", "petra", "paul"}),
        ('given eq "peter"', {"peter", "paul"}),
        ('given eq "peter" and birthdate ge 2014-10-10', {"peter"}),
        ("family eq muller", {"peter"}),
        ("family sw muller", {"peter", "petra"}),
        ("gender eq male or birthdate eq 1951", {"peter", "paul", "ann"}),
        ("gender eq male or gender eq female and birthdate pr true", {"peter", "paul", "ann"}),
        ("gender eq male or (gender eq female and birthdate pr false)", {"peter", "paul", "petra"}),
        ("not (family co m)", {"unknown"}),
        ("not (gender eq male or gender eq female)", {"unknown"}),
        ("birthdate pr false", {"petra", "unknown"}),
        ("birthdate po 1950", {"paul"}),
        ("gender ne male", {"petra", "ann"}),
        ("birthdate lt 1952 and not (given eq ann)", {"paul"}),
    ],
)
async def test_patients(client: httpx.AsyncClient, text: str, ids: set[str]) -> None:
    assert await found(client, "Patient", {"_filter": text}) == ids


async def test_paths_and_quantities(client: httpx.AsyncClient) -> None:
    assert await found(client, "Observation", {"_filter": 'subject:Patient.name co "pet"'}) == {"o-peter"}
    assert await found(client, "Observation", {"_filter": "value-quantity gt 5||mg"}) == {"o-ann"}
    either = "subject:Patient.family eq smith or value-quantity le 5"
    assert await found(client, "Observation", {"_filter": either}) == {"o-peter", "o-ann"}
    assert await found(client, "Observation", {"_filter": "patient re Patient/ann"}) == {"o-ann"}
    assert await found(client, "Observation", {"_filter": "subject:Patient.birthdate pr false"}) == set()
    assert await found(client, "Observation", {"_filter": "not (subject:Patient.gender eq male)"}) == {"o-ann"}


async def test_with_others(client: httpx.AsyncClient) -> None:
    assert await found(client, "Patient", {"_filter": "gender eq male", "family": "smith"}) == {"paul"}
    assert await found(client, "", {"_type": "Patient,Practitioner", "_filter": "family sw smi"}) == {"paul", "ann"}
    answer = await client.get("Patient", params={"_filter": "gender eq male"})
    assert "_filter=gender" in answer.json()["link"][0]["url"]


@pytest.mark.parametrize(
    "text", ["given", "nose eq 1", "given eq x and", "given ew x", "(given eq x", "name[use eq official].family eq x"]
)
@pytest.mark.parametrize("handling", ["strict", "lenient"])
async def test_what_is_wrong_is_refused(client: httpx.AsyncClient, text: str, handling: str) -> None:
    answer = await client.get("Patient", params={"_filter": text}, headers={"Prefer": f"handling={handling}"})
    assert answer.status_code == 400
    assert "_filter" in answer.json()["issue"][0]["diagnostics"]


async def test_lists(client: httpx.AsyncClient) -> None:
    assert await found(client, "Patient", {"_list": "42"}) == {"ann", "paul"}
    assert await found(client, "Patient", {"_list": "List/42"}) == {"ann", "paul"}
    assert await found(client, "Patient", {"_list": "42,43"}) == {"ann", "paul", "petra"}
    assert await found(client, "Observation", {"_list": "42"}) == {"o-ann"}
    assert await found(client, "Patient", {"_list": "42", "gender": "male"}) == {"paul"}
    assert await found(client, "Patient", {"_list": "99"}) == set()
    assert await found(client, "", {"_list": "42"}) == {"ann", "paul", "o-ann"}
    assert await found(client, "Observation", {"subject:Patient._list": "42"}) == {"o-ann"}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"_list": "$current-allergies"}, "functional lists"),
        ({"_list": "a b"}, "the id of a List"),
        ({"_list": "Patient/1"}, "the id of a List"),
        ({"_list:not": "42"}, "no modifier"),
        ({"_query": "mine"}, "named queries"),
    ],
)
async def test_what_lists_cannot_be(client: httpx.AsyncClient, query: dict[str, str], said: str) -> None:
    answer = await client.get("Patient", params=query)
    assert answer.status_code == 400
    assert said in answer.json()["issue"][0]["diagnostics"]
