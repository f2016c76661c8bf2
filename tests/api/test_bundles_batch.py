"""Batches over HTTP: https://hl7.org/fhir/R4/http.html#transaction."""

import uuid
from typing import Any

import httpx

Json = dict[str, Any]


def batch(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "batch", "entry": list(entries)}


def asked(method: str, url: str, resource: Json | None = None, **request: str) -> Json:
    made: Json = {"request": {"method": method, "url": url, **request}}
    return made | ({"resource": resource} if resource is not None else {})


async def send(client: httpx.AsyncClient, *entries: Json, **headers: str) -> list[Json]:
    answer = await client.post("", json=batch(*entries), headers=headers)
    assert answer.status_code == 200, answer.text
    bundle: Json = answer.json()
    assert bundle["type"] == "batch-response"
    found: list[Json] = bundle["entry"]
    return found


async def test_each_entry_stands_alone(client: httpx.AsyncClient) -> None:
    id_ = uuid.uuid4().hex
    await client.put(f"Patient/{id_}", json={"resourceType": "Patient", "id": id_})
    answered = await send(
        client,
        asked("GET", f"Patient/{id_}"),
        asked("POST", "Patient", {"resourceType": "Patient"}),
        asked("POST", "Patient", {"resourceType": "Patient", "gender": "unclear"}),
        asked("GET", "Patient/unknown"),
        asked("GET", "Nonsense/1"),
        {"resource": {"resourceType": "Patient"}},
        asked("GET", f"Patient?_id={id_}"),
        asked("GET", "metadata"),
        asked("DELETE", "Patient/unknown"),
    )
    statuses = [int(entry["response"]["status"].split()[0]) for entry in answered]
    assert statuses == [200, 201, 422, 404, 404, 400, 200, 200, 204]
    assert answered[0]["resource"]["id"] == id_
    assert answered[0]["fullUrl"].endswith(f"/Patient/{id_}")
    assert answered[0]["response"]["etag"] == 'W/"1"'
    assert answered[2]["response"]["outcome"]["issue"][0]["expression"] == ["Patient.gender"]
    assert answered[5]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[5].request"]
    assert answered[6]["resource"]["entry"][0]["resource"]["id"] == id_
    assert answered[7]["resource"]["resourceType"] == "CapabilityStatement"


async def test_more_entries_than_run_side_by_side_keep_their_order(client: httpx.AsyncClient) -> None:
    ids = [uuid.uuid4().hex for _ in range(150)]
    puts = [asked("PUT", f"Patient/{id_}", {"resourceType": "Patient", "id": id_}) for id_ in ids]
    answered = await send(client, *puts)
    assert [entry["response"]["location"].split("/")[-3] for entry in answered] == ids


async def test_every_broken_entry_is_told_apart(client: httpx.AsyncClient) -> None:
    answered = await send(client, *({"request": {"method": "FETCH", "x": 1}} for _ in range(150)))
    for position, entry in enumerate(answered):
        assert entry["response"]["status"] == "400 Bad Request"
        issues = entry["response"]["outcome"]["issue"]
        assert {issue["expression"][0].partition(".request")[0] for issue in issues} == {f"Bundle.entry[{position}]"}


async def test_prefer(client: httpx.AsyncClient) -> None:
    post = asked("POST", "Patient", {"resourceType": "Patient", "active": True})
    [quiet], [shown] = await send(client, post), await send(client, post, Prefer="return=representation")
    assert "resource" not in quiet
    assert shown["resource"]["active"] is True


async def test_a_binary_is_read_as_a_resource(client: httpx.AsyncClient) -> None:
    made = await client.post("Binary", content=b"%PDF-", headers={"Content-Type": "application/pdf"})
    [answered] = await send(client, asked("GET", made.headers["location"].split("/fhir/")[1].split("/_history")[0]))
    assert answered["resource"]["data"] == "JVBERi0="


async def test_a_broken_frame(client: httpx.AsyncClient) -> None:
    answer = await client.post("", json={"resourceType": "Bundle", "type": "batch", "entry": {}, "total": "many"})
    assert answer.status_code == 400
    answer = await client.post("", json={"resourceType": "Bundle", "type": "batch", "total": "many", "no": 1})
    assert {issue["expression"][0] for issue in answer.json()["issue"]} == {"Bundle.no", "Bundle.total"}
