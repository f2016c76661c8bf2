"""Bundles that are too much, and equal ones at once."""

import asyncio
import uuid

import httpx

from tests.api.bundled import Json, entry, transaction
from tests.api.writing import JSON


def post(resource: Json, **request: str) -> Json:
    return entry("POST", resource["resourceType"], resource, **request)


async def test_a_fault_inside_an_inner_bundle_is_told_at_its_own_entry(client: httpx.AsyncClient) -> None:
    inner = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {"resourceType": "Patient", "x": 1}}],
    }
    answer = await client.post("", json=transaction(post({"resourceType": "Patient"}), post(inner)), headers=JSON)

    assert answer.status_code == 422
    expressions = {issue["expression"][0] for issue in answer.json()["issue"]}
    assert expressions == {"Bundle.entry[1].resource.entry[0].resource.x"}


async def test_equal_transactions_at_once_make_one_and_all_succeed(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        number = uuid.uuid4().hex
        criteria = f"identifier=urn:n|{number}"
        patient = {"resourceType": "Patient", "identifier": [{"system": "urn:n", "value": number}]}
        basic = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": f"Patient?{criteria}"}}
        body = transaction(post(patient, ifNoneExist=criteria), *[post(basic)] * 20)

        answers = await asyncio.gather(*(client.post("", json=body, headers=JSON, timeout=60) for _ in range(15)))

        assert {answer.status_code for answer in answers} == {200}, next(
            a.text for a in answers if a.status_code != 200
        )
        found = (await client.get("Patient", params={"identifier": f"urn:n|{number}", "_total": "accurate"})).json()
        assert found["total"] == 1


async def test_too_many_entries_are_refused(client: httpx.AsyncClient) -> None:
    for type_ in ("batch", "transaction"):
        text = f'{{"resourceType":"Bundle","type":"{type_}","entry":[{",".join(["{}"] * 100_001)}]}}'
        answer = await client.post("", content=text, headers=JSON)
        assert answer.status_code == 413
        assert answer.json()["issue"][0]["code"] == "too-costly"


async def test_criteria_that_cannot_be_looked_up_are_bounded(client: httpx.AsyncClient) -> None:
    entries = [
        post({"resourceType": "Patient", "birthDate": "2001-01-01"}, ifNoneExist=f"birthdate=lt{1000 + number}")
        for number in range(500)
    ]
    answer = await client.post("", json=transaction(*entries), headers=JSON, timeout=60)
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["code"] == "too-costly"


async def test_a_transaction_patches_only_so_much(client: httpx.AsyncClient) -> None:
    extension = [{"url": "http://e.example", "valueString": "x" * 900_000}] * 7
    large = {"resourceType": "Basic", "code": {"text": "x"}, "extension": extension}
    ids = [str(uuid.uuid4()) for _ in range(3)]
    for id_ in ids:
        assert (await client.put(f"Basic/{id_}", json=large | {"id": id_}, headers=JSON)).status_code == 201
    part = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Basic.code.text"},
        {"name": "value", "valueString": "y"},
    ]
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": part}]}
    entries = [{"resource": patch, "request": {"method": "PATCH", "url": f"Basic/{id_}"}} for id_ in ids]

    refused = await client.post("", json=transaction(*entries), headers=JSON, timeout=60)
    done = await client.post("", json=transaction(*entries[:2]), headers=JSON, timeout=60)

    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (422, "too-costly")
    assert done.status_code == 200, done.text
    assert (await client.get(f"Basic/{ids[0]}")).json()["code"]["text"] == "y"


async def test_pages_in_a_bundle_are_bounded_together(client: httpx.AsyncClient) -> None:
    extension = [{"url": "http://e.example", "valueString": "x" * 900_000}] * 6
    for _ in range(5):
        body = {"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": "Group/1"}}
        answer = await client.post("Flag", json=body | {"extension": extension}, headers=JSON)
        assert answer.status_code == 201, answer.text[:300]
    reads = [{"request": {"method": "GET", "url": "Flag?_count=1000"}}] * 8
    write = post({"resourceType": "Basic", "code": {"text": uuid.uuid4().hex}})

    batch = await client.post("", json=transaction(*reads, write) | {"type": "batch"}, headers=JSON, timeout=60)
    refused = await client.post("", json=transaction(*reads, write), headers=JSON, timeout=60)

    statuses = [entry["response"]["status"][:3] for entry in batch.json()["entry"]]
    assert statuses == ["200", "200", *["413"] * 6, "201"]
    assert refused.status_code == 413
    found = await client.get("Basic", params={"_count": "0", "_total": "accurate"})
    before = found.json()["total"]
    assert (await client.post("", json=transaction(*reads[:1], write), headers=JSON, timeout=60)).status_code == 200
    found = await client.get("Basic", params={"_count": "0", "_total": "accurate"})
    assert found.json()["total"] == before + 1


async def test_many_faults_are_not_all_told(client: httpx.AsyncClient) -> None:
    wrong = {"resourceType": "Patient"} | {f"unknown{number}": 1 for number in range(20)}
    entries = [post(wrong) for _ in range(200)]
    answer = await client.post("", json=transaction(*entries), headers=JSON, timeout=60)
    assert answer.status_code == 422
    assert len(answer.json()["issue"]) == 201


async def test_a_uuid_that_is_a_full_url_stays_a_uuid(client: httpx.AsyncClient) -> None:
    name = f"urn:uuid:{uuid.uuid4()}"
    extension = [{"url": "http://e.example", "valueUuid": name}, {"url": "http://e.example", "valueUri": name}]
    body = transaction(
        {"fullUrl": name, **post({"resourceType": "Patient"})},
        post({"resourceType": "Basic", "code": {"text": "x"}, "extension": extension}),
    )
    answer = await client.post("", json=body, headers=JSON | {"Prefer": "return=representation"})
    assert answer.status_code == 200, answer.text
    patient, basic = (entry["resource"] for entry in answer.json()["entry"])
    assert basic["extension"][0]["valueUuid"] == name
    assert basic["extension"][1]["valueUri"] == f"Patient/{patient['id']}"


async def test_an_entry_whose_url_is_endless_is_refused(client: httpx.AsyncClient) -> None:
    for url in ("Patient/" * 20_000, "Patient?" + "_id=%41&" * 20_000):
        batch = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": url}}]}
        answer = (await client.post("", json=batch)).json()
        assert answer["entry"][0]["response"]["status"].startswith("414")
