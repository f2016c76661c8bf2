"""`_sort` over HTTP: every kind of parameter, several keys, missing values, links; counted by hand."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from fhir_server.store import links, ordered
from tests.api.writing import JSON, put

UCUM = "http://unitsofmeasure.org"

Json = dict[str, Any]


def patient(id_: str, **members: Any) -> Json:
    return {"resourceType": "Patient", "id": id_, **members}


def dose(value: float, unit: str) -> Json:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


@pytest.fixture
async def mark(client: httpx.AsyncClient) -> str:
    """A prefix of ids, shared by three Patients and five Observations, which are about the patients or nobody."""
    mark = uuid.uuid4().hex[:12]
    tag = {"tag": [{"code": mark}]}
    patients = [
        patient(f"{mark}a", name=[{"family": "Zand"}, {"family": "Berg"}], birthDate="1970", gender="male"),
        patient(f"{mark}b", name=[{"family": "Moor"}], identifier=[{"value": "7"}, {"value": "1"}], gender="female"),
        patient(f"{mark}c", birthDate="1960-05-04", identifier=[{"value": "5"}]),
    ]
    values = [
        ("1", f"{mark}a", dose(2, "g")),
        ("2", f"{mark}b", dose(500, "mg")),
        ("3", f"{mark}c", dose(3, "g")),
        ("4", None, None),
        ("5", f"{mark}b", dose(70, "ug")),
    ]
    observations: list[Json] = [
        {
            "resourceType": "Observation",
            "id": mark + id_,
            "status": "final" if id_ in "135" else "amended",
            "code": {"text": "x"},
            **({"subject": {"reference": f"Patient/{subject}"}} if subject else {}),
            **({"valueQuantity": value} if value else {}),
        }
        for id_, subject, value in values
    ]
    await put(client, *({**each, "meta": tag} for each in [*patients, *observations]))
    return mark


async def ids(client: httpx.AsyncClient, path: str, mark: str) -> str:
    """The last characters of the ids of all matches, page by page."""
    found, address = "", path
    while True:
        answer = await client.get(address)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        found += "".join(entry["resource"]["id"].removeprefix(mark) for entry in bundle.get("entry", ()))
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following:
            return found
        address = following[0]


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("Patient?_sort=family", "cab"),  # none, Berg, Moor
        ("Patient?_sort=-family", "abc"),  # Zand, Moor, none
        ("Patient?_sort=identifier", "abc"),  # none, 1, 5
        ("Patient?_sort=-identifier", "bca"),  # 7, 5, none
        ("Patient?_sort=-birthdate", "acb"),
        ("Patient?_sort=gender,-birthdate", "cba"),
        ("Observation?_sort=value-quantity", "45213"),  # none, 70 ug, 500 mg, 2 g, 3 g
        ("Observation?_sort=-value-quantity", "31254"),
        ("Observation?_sort=status,-value-quantity", "24315"),
        ("Observation?_sort=patient,_id", "41253"),
        ("Observation?_sort=-subject,-_id", "35214"),
        ("Observation?_sort=patient.family,_id", "34125"),  # none, no family, Berg, Moor, Moor
        ("Observation?_sort=-patient.family,_id", "12534"),
        ("Observation?_sort=-subject:Patient.birthdate,-_id", "13542"),
        ("Observation?_sort=subject.identifier,-_id", "41523"),
        ("Observation?_sort=patient._lastUpdated,patient._id,_id", "41253"),
        ("?_type=Patient,Observation&_sort=-_tag,-_id", "cba54321"),
        ("Patient/{mark}b/Observation?_sort=-value-quantity", "25"),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 50])
async def test_orders(client: httpx.AsyncClient, mark: str, path: str, order: str, count: int) -> None:
    path = path.format(mark=mark)
    assert await ids(client, f"{path}&_tag={mark}&_count={count}", mark) == order


async def test_links_that_are_tested_row_by_row_are_in_order_too(
    client: httpx.AsyncClient, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MANY", 0)
    monkeypatch.setattr(links, "AT_FIRST", 0)
    path = f"Observation?_tag={mark}&subject:Patient.gender=male,female&_sort=-value-quantity"
    assert await ids(client, f"{path}&_count=2", mark) == "125"
    monkeypatch.setattr(links, "MOST_WALKED", 2)
    refused = await client.get(path)
    assert refused.status_code == 422
    assert "subject:Patient.gender" in refused.json()["issue"][0]["diagnostics"]


async def test_self_and_next_say_the_order(client: httpx.AsyncClient, mark: str) -> None:
    bundle = (await client.get(f"Observation?_tag={mark}&_sort=-patient.family,status&_count=1")).json()
    assert all("_sort=-patient.family,status" in link["url"] for link in bundle["link"])
    assert [link["relation"] for link in bundle["link"]] == ["self", "next"]


async def test_what_takes_too_long_names_the_key(
    client: httpx.AsyncClient, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [
        {"resource": patient(f"{mark}-{number}"), "request": {"method": "PUT", "url": f"Patient/{mark}-{number}"}}
        for number in range(1500)
    ]
    for start in range(0, 1500, 500):
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries[start : start + 500]}
        assert (await client.post("", json=bundle, headers=JSON)).status_code == 200
    monkeypatch.setattr(ordered, "SEARCH_MILLISECONDS", 1)
    refused = await client.get("Patient?_sort=-family,identifier")
    assert refused.status_code == 422
    issue = refused.json()["issue"][0]
    assert issue["code"] == "too-costly"
    assert "-family, identifier" in issue["diagnostics"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Patient?_sort=_score", "does not rank"),
        ("Patient?_sort=nose", "birthdate"),
        ("Patient?_sort=family,-family", "twice"),
        ("Patient?_sort=family&_sort=_id", "twice"),
        ("Patient?_sort=family,", "empty key"),
        ("Observation?_sort=code-value-quantity", "composite"),
        ("Observation?_sort=patient.nose", "nose is not a search parameter of Patient"),
        ("Observation?_sort=code.name", "only a reference can be chained"),
        ("?_type=Patient,Observation&_sort=birthdate", "'birthdate' cannot be sorted by"),
        ("Patient?_sort=_text", "no order"),
        ("?_sort=family", "_lastUpdated"),
    ],
)
async def test_what_cannot_be_sorted_by_is_refused(client: httpx.AsyncClient, path: str, said: str) -> None:
    for prefer in ("handling=strict", "handling=lenient"):
        answer = await client.get(path, headers={"Prefer": prefer})
        assert answer.status_code == 400, answer.text
        assert "_sort" in answer.json()["issue"][0]["diagnostics"]
        assert said in answer.json()["issue"][0]["diagnostics"]
