"""Conditional delete of all matches, where the setting allows it."""

import asyncio
import uuid

import httpx

from tests.api.bundled import entry, transaction

SETTINGS = {"conditional_delete_multiple": True}


async def test_all_matches_are_deleted_together_and_no_other(client: httpx.AsyncClient) -> None:
    mark = uuid.uuid4().hex
    for number in range(30):
        body = {"resourceType": "Basic", "code": {"text": "x"}, "identifier": [{"value": mark if number else "kept"}]}
        assert (await client.post("Basic", json=body)).status_code == 201
    answer = await client.delete("Basic", params={"identifier": mark})

    assert answer.status_code == 200
    assert "29 Basic" in answer.json()["issue"][0]["diagnostics"]
    left = (await client.get("Basic")).json()
    assert [entry["resource"]["identifier"][0]["value"] for entry in left["entry"]] == ["kept"]
    assert (await client.delete("Basic", params={"identifier": mark})).status_code == 204


async def test_updates_that_come_between_are_deleted_too(client: httpx.AsyncClient) -> None:
    mark = uuid.uuid4().hex
    body = {"resourceType": "Basic", "code": {"text": "x"}, "identifier": [{"value": mark}]}
    ids = [(await client.post("Basic", json=body)).json()["id"] for _ in range(20)]

    async def update(id_: str) -> int:
        after = {**body, "id": id_, "language": "en"}
        return (await client.put(f"Basic/{id_}", json=after, headers={"If-Match": 'W/"1"'})).status_code

    criteria = {"identifier": mark}
    deleting = asyncio.create_task(client.delete("Basic", params=criteria))
    updates = await asyncio.gather(*map(update, ids))
    deleted = await deleting

    assert deleted.status_code == 200
    assert set(updates) <= {200, 412}
    assert (await client.get("Basic", params=criteria)).json().get("entry", []) == []


async def test_if_match_names_the_version_of_one(client: httpx.AsyncClient, mrn: str) -> None:
    body = {"resourceType": "Basic", "code": {"text": "x"}, "identifier": [{"value": mrn}], "id": mrn}
    for language in ("en", "de"):
        await client.put(f"Basic/{mrn}", json={**body, "language": language})
    criteria = {"identifier": mrn}
    assert (await client.delete("Basic", params=criteria, headers={"If-Match": 'W/"1"'})).status_code == 412
    bundle = transaction(entry("DELETE", f"Basic?identifier={mrn}", ifMatch='W/"1"'))
    assert (await client.post("", json=bundle)).status_code == 412
    assert (await client.get(f"Basic/{mrn}")).status_code == 200
    await client.put(f"Basic/{mrn}-2", json={**body, "id": f"{mrn}-2"})
    several = await client.delete("Basic", params=criteria, headers={"If-Match": 'W/"2"'})
    assert (several.status_code, several.json()["issue"][0]["code"]) == (412, "multiple-matches")
    await client.delete(f"Basic/{mrn}-2")
    assert (await client.delete("Basic", params=criteria, headers={"If-Match": 'W/"2"'})).status_code == 200


async def test_the_capability_statement_says_so(client: httpx.AsyncClient) -> None:
    statement = (await client.get("metadata")).json()
    assert {resource["conditionalDelete"] for resource in statement["rest"][0]["resource"]} == {"multiple"}


async def test_large_matches_are_deleted_all_or_none(client: httpx.AsyncClient) -> None:
    large = [{"url": "http://large", "valueString": "x" * 600_000}] * 2

    async def put(number: int, mark: str) -> None:
        basic = {"resourceType": "Basic", "id": f"{mark}-{number}", "code": {"text": "x"}, "extension": large}
        basic["identifier"] = [{"value": mark}]
        assert (await client.put(f"Basic/{mark}-{number}", json=basic, timeout=60)).status_code == 201

    for mark, count in (("few", 25), ("many", 50)):
        for number in range(count):
            await put(number, mark)
    assert (await client.delete("Basic", params={"identifier": "few"}, timeout=60)).status_code == 200
    refused = await client.delete("Basic", params={"identifier": "many"}, timeout=60)
    assert refused.status_code == 422
    assert "narrow" in refused.json()["issue"][0]["diagnostics"]
    left = [(await client.get("Basic", params={"identifier": mark, "_summary": "count"})).json()["total"]
            for mark in ("few", "many")]  # fmt: skip
    assert left == [0, 50]


async def test_a_transaction_deletes_more_than_a_message_holds(client: httpx.AsyncClient) -> None:
    large = [{"url": "http://large", "valueString": "y" * 600_000}] * 2
    for number in range(50):
        basic = {"resourceType": "Basic", "id": f"big-{number}", "code": {"text": "x"}, "extension": large}
        assert (await client.put(f"Basic/big-{number}", json=basic, timeout=60)).status_code == 201
    entries = [{"request": {"method": "DELETE", "url": f"Basic/big-{number}"}} for number in range(50)]
    answer = await client.post("", json=transaction(*entries), timeout=60)
    assert answer.status_code == 200, answer.text
    assert (await client.get("Basic/big-49")).status_code == 410
