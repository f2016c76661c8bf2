"""Conditional delete of all matches, where the setting allows it."""

import asyncio
import uuid

import httpx

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


async def test_the_capability_statement_says_so(client: httpx.AsyncClient) -> None:
    statement = (await client.get("metadata")).json()
    assert {resource["conditionalDelete"] for resource in statement["rest"][0]["resource"]} == {"multiple"}
