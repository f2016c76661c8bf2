"""`_contained` and `_containedType` over HTTP, counted by hand."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

JSON = {"Content-Type": "application/fhir+json"}
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"

Json = dict[str, Any]


def medication(mark: str, code: str, status: str, id_: str | None = None, **members: Any) -> Json:
    coding = [{"system": RXNORM, "code": f"{code}-{mark}"}]
    return {
        "resourceType": "Medication",
        **({"id": id_} if id_ else {}),
        "code": {"coding": coding},
        "status": status,
        **members,
    }


def request(id_: str, *contained: Json) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": id_,
        "contained": list(contained),
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
        "medicationCodeableConcept": {"text": "x"},
        "supportingInformation": [{"reference": f"#{each['id']}"} for each in contained],
    }


@pytest.fixture
async def mark(client: httpx.AsyncClient) -> str:
    """Ids and codes: two requests that hold Medications, one that holds another resource, and two Medications."""
    mark = uuid.uuid4().hex[:12]
    patient = {"resourceType": "Patient", "id": "p", "name": [{"family": f"Fam{mark}"}], "birthDate": "1970-05-01"}
    held = [
        request(
            f"{mark}1", medication(mark, "a", "active", "m1"), medication(mark, "b", "inactive", "m2"),
            medication(mark, "a", "inactive", "m3"),
        ),
        request(f"{mark}2", medication(mark, "a", "inactive", "x"), patient),
        request(f"{mark}3", patient),
        medication(mark, "a", "active", f"{mark}4"),
        medication(mark, "b", "active", f"{mark}5", contained=[medication(mark, "a", "active", "in")],
                   ingredient=[{"itemReference": {"reference": "#in"}}]),
    ]  # fmt: skip
    for each in held:
        answer = await client.put(f"{each['resourceType']}/{each['id']}", json=each, headers=JSON)
        assert answer.status_code == 201, answer.text
    return mark


async def walk(client: httpx.AsyncClient, path: str, mark: str) -> list[str]:
    """What follows the mark in the fullUrls, page by page."""
    found: list[str] = []
    address = path
    while True:
        answer = await client.get(address)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        entries = bundle.get("entry", [])
        assert {entry["search"]["mode"] for entry in entries} <= {"match"}
        found += [entry["fullUrl"].partition(mark)[2] for entry in entries]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following:
            return found
        address = following[0]


@pytest.mark.parametrize(
    ("query", "containers", "contained"),
    [
        ("code=a-{mark}", ["5", "1", "2"], ["5#in", "1#m1", "1#m3", "2#x"]),
        ("code=" + RXNORM + "|b-{mark}", ["1"], ["1#m2"]),
        ("code=a-{mark}&status=active", ["5", "1"], ["5#in", "1#m1"]),
        ("code=b-{mark}&status=active", [], []),  # one has the code, another the status
        ("code=a-{mark}&status:not=active", ["1", "2"], ["1#m3", "2#x"]),
        ("code=a-{mark},b-{mark}&status=inactive", ["1", "2"], ["1#m2", "1#m3", "2#x"]),
        ("code=a-{mark}&_id=x", ["2"], ["2#x"]),
        ("code=a-{mark}&status:missing=true", [], []),
        ("code=c-{mark}", [], []),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 50])
async def test_each_contained_resource_is_judged_alone(
    client: httpx.AsyncClient, mark: str, query: str, containers: list[str], contained: list[str], count: int
) -> None:
    path = f"Medication?{query.format(mark=mark)}&_contained=true&_count={count}"
    assert await walk(client, path, mark) == containers
    assert await walk(client, f"{path}&_containedType=contained", mark) == contained


@pytest.mark.parametrize("count", [1, 2, 3, 50])
async def test_both_are_those_that_are_not_contained_first(client: httpx.AsyncClient, mark: str, count: int) -> None:
    path = f"Medication?code=a-{mark}&_contained=both&_count={count}"
    assert await walk(client, path, mark) == ["4", "5", "1", "2"]
    assert await walk(client, f"{path}&_containedType=contained", mark) == ["4", "5#in", "1#m1", "1#m3", "2#x"]
    path = f"Medication?code=a-{mark},b-{mark}&status=active&_contained=both&_count={count}"
    assert sorted((await walk(client, path, mark))[:2]) == ["4", "5"]
    assert sorted(await walk(client, path, mark)) == ["1", "4", "5"]  # 5 once, though it also holds one


async def test_by_default_contained_resources_are_not_found(client: httpx.AsyncClient, mark: str) -> None:
    for more in ("", "&_contained=false", "&_containedType=contained"):
        assert await walk(client, f"Medication?code=a-{mark}{more}", mark) == ["4"]


async def test_entries_and_links(client: httpx.AsyncClient, mark: str) -> None:
    query = f"code=b-{mark}&_contained=true&_containedType=contained"
    bundle = (await client.get(f"Medication?{query}")).json()
    assert bundle["total"] == 1
    [entry] = bundle["entry"]
    assert entry["fullUrl"] == f"{client.base_url}MedicationRequest/{mark}1#m2"
    assert entry["resource"] == medication(mark, "b", "inactive", "m2")
    assert query in bundle["link"][0]["url"]
    container = (await client.get(f"Medication?code=b-{mark}&_contained=true")).json()["entry"][0]
    assert container["resource"] == (await client.get(f"MedicationRequest/{mark}1")).json()
    part = (await client.get(f"Medication?{query}&_elements=code")).json()["entry"][0]["resource"]
    assert set(part) == {"resourceType", "id", "meta", "code", "status"}


async def test_other_types_of_parameters(client: httpx.AsyncClient, mark: str) -> None:
    for criterion in ("birthdate=1970-05", "birthdate=ge1970&birthdate=lt1971", "family:contains=am", "_id=p"):
        path = f"Patient?family=fam{mark}&{criterion}&_contained=true"
        assert await walk(client, path, mark) == ["2", "3"], criterion
    assert await walk(client, f"Patient?family=fam{mark}&birthdate=1971&_contained=true", mark) == []


async def test_totals(client: httpx.AsyncClient, mark: str) -> None:
    path = f"Medication?code=a-{mark}&_contained="
    for query, total in [
        ("true&_count=0", 3), ("both&_summary=count", 4), ("true&_containedType=contained&_count=0", 4),
        ("true&_count=1&_total=accurate", 3), ("true&_count=1&_total=estimate", None), ("true", 3), ("both", 4),
        ("both&_count=1", None), ("true&_total=none", None),
    ]:  # fmt: skip
        bundle = (await client.get(path + query)).json()
        assert bundle.get("total") == total, query


async def test_what_is_changed_or_deleted_is_found_no_more(client: httpx.AsyncClient, mark: str) -> None:
    changed = request(f"{mark}1", medication(mark, "c", "active", "m1"))
    await client.put(f"MedicationRequest/{mark}1", json=changed, headers=JSON)
    await client.delete(f"MedicationRequest/{mark}2")
    assert await walk(client, f"Medication?code=a-{mark}&_contained=true", mark) == ["5"]
    assert await walk(client, f"Medication?code=c-{mark}&_contained=true", mark) == ["1"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Medication?_contained=maybe", "true, both or false"),
        ("Medication?_containedType=none", "container or contained"),
        ("Medication?_contained=true&_contained=both", "twice"),
        ("Medication?_contained=true&_lastUpdated=gt2020", "_lastUpdated"),
        ("Medication?_contained=true&ingredient:Substance.code=x", "chains"),
        ("Medication?_contained=true&_has:MedicationRequest:medication:status=active", "chains"),
        ("Medication?_contained=both&_sort=status", "_sort"),
        ("Medication?_contained=true&_include=Medication:manufacturer", "_include"),
        ("?_contained=true", "one type"),
        ("?_type=Medication,Patient&_contained=true", "one type"),
        ("Patient/1/Observation?_contained=true", "compartment"),
        ("Medication?_contained=true&_cursor=AAAA", "_cursor"),
    ],
)
async def test_what_cannot_be_asked_is_refused(client: httpx.AsyncClient, path: str, said: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["issue"][0]["diagnostics"]
