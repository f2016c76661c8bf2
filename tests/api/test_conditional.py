"""Conditional create, read, update, patch and delete, alone and a hundred at once."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from tests.api.bundled import entry, transaction

JSON = {"Content-Type": "application/fhir+json"}
SYSTEM = "https://hospital.example/mrn"


def patient(number: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": number}], **members}


def new_number() -> str:
    return uuid.uuid4().hex


async def create(client: httpx.AsyncClient, number: str, criteria: str | None = None) -> httpx.Response:
    headers = JSON | {"If-None-Exist": criteria or f"identifier={SYSTEM}|{number}"}
    return await client.post("Patient", json=patient(number), headers=headers)


async def test_a_conditional_create_makes_one_and_then_finds_it(client: httpx.AsyncClient) -> None:
    number = new_number()
    first = await create(client, number)
    second = await create(client, number)

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    assert second.headers["Content-Location"] == first.headers["Location"]


@pytest.mark.parametrize("returns", ["minimal", "representation", "OperationOutcome"])
@pytest.mark.parametrize("accept", ["application/fhir+json", "application/fhir+xml"])
async def test_a_create_that_finds_one_says_where(client: httpx.AsyncClient, returns: str, accept: str) -> None:
    number = new_number()
    first = await create(client, number)
    headers = JSON | {"If-None-Exist": f"identifier={number}", "Prefer": f"return={returns}", "Accept": accept}
    second = await client.post("Patient", json=patient(number), headers=headers)
    assert (second.status_code, second.content == b"") == (200, returns == "minimal")
    assert second.headers["Location"] == second.headers["Content-Location"] == first.headers["Location"]
    assert second.headers["ETag"] == 'W/"1"'


async def test_a_hundred_equal_conditional_creates_make_one(client: httpx.AsyncClient) -> None:
    number = new_number()
    criteria = [
        f"identifier={SYSTEM}|{number}&active:missing=true",
        f"active:missing=true&identifier={SYSTEM}|{number}",
    ]

    answers = await asyncio.gather(*(create(client, number, criteria[n % 2]) for n in range(100)))

    assert sorted(answer.status_code for answer in answers) == [200] * 99 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    found = (await client.get("Patient", params={"identifier": f"{SYSTEM}|{number}", "_total": "accurate"})).json()
    assert found["total"] == 1


async def test_creates_that_look_for_one_identifier_in_different_words_make_one(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        number = new_number()
        identifier = f"identifier={SYSTEM}|{number}"
        criteria = [identifier, f"identifier={number}", f"{identifier}&active:missing=true"]
        answers = await asyncio.gather(*(create(client, number, criteria[n % 3]) for n in range(12)))
        assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]


@pytest.mark.parametrize("id_", [".", ".."])
async def test_an_id_that_no_path_can_hold_is_refused(client: httpx.AsyncClient, id_: str) -> None:
    body, query = patient("1", id=id_), f"identifier={new_number()}"
    encoded = id_.replace(".", "%2E")
    answers = [
        await client.put(f"Patient?{query}", json=body, headers=JSON),
        await client.put(f"Patient/{encoded}/", json=body, headers=JSON),
        *[
            await client.post("", json=transaction(entry("PUT", url, body)))
            for url in (f"Patient?{query}", f"Patient/{id_}")
        ],
    ]
    for answer in answers:
        assert answer.status_code == 400, answer.text
        assert "in a path it means another place" in answer.json()["issue"][0]["diagnostics"]


async def test_a_hundred_equal_conditional_updates_make_one(client: httpx.AsyncClient) -> None:
    number = new_number()

    async def update(day: int) -> httpx.Response:
        body = patient(number, birthDate=f"2001-01-{day % 28 + 1:02d}")
        return await client.put("Patient", params={"identifier": f"{SYSTEM}|{number}"}, json=body, headers=JSON)

    answers = await asyncio.gather(*(update(n) for n in range(100)))

    assert [answer.status_code for answer in answers].count(201) == 1
    assert {answer.status_code for answer in answers} == {200, 201}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_criteria_that_match_several_are_refused(client: httpx.AsyncClient) -> None:
    number = new_number()
    for _ in range(2):
        assert (await client.post("Patient", json=patient(number), headers=JSON)).status_code == 201
    query = {"identifier": f"{SYSTEM}|{number}"}

    answers = [
        await create(client, number),
        await client.put("Patient", params=query, json=patient(number), headers=JSON),
        await client.patch(
            "Patient", params=query, content=b"[]", headers={"Content-Type": "application/json-patch+json"}
        ),
        await client.delete("Patient", params=query),
    ]

    for answer in answers:
        assert answer.status_code == 412
        assert answer.json()["issue"][0]["code"] == "multiple-matches"


async def test_criteria_must_be_given_and_understood(client: httpx.AsyncClient) -> None:
    for query, status in (({}, 400), ({"nonsense": "1"}, 400), ({"_count": "1"}, 400), ({"birthdate": "zz"}, 400)):
        assert (await client.delete("Patient", params=query)).status_code == status
        assert (await client.put("Patient", params=query, json=patient("1"), headers=JSON)).status_code == status
        criteria = "&".join(f"{name}={value}" for name, value in query.items())
        assert (
            await client.post("Patient", json=patient("1"), headers=JSON | {"If-None-Exist": criteria})
        ).status_code == 400


async def test_a_conditional_update_takes_the_id_of_the_body_or_of_the_match(client: httpx.AsyncClient) -> None:
    number, id_ = new_number(), str(uuid.uuid4())
    query = {"identifier": f"{SYSTEM}|{number}"}

    made = await client.put("Patient", params=query, json=patient(number, id=id_), headers=JSON)
    updated = await client.put("Patient", params=query, json=patient(number, active=True), headers=JSON)
    other = await client.put("Patient", params=query, json=patient(number, id="other"), headers=JSON)
    taken = await client.put("Patient", params={"identifier": new_number()}, json=patient(number, id=id_), headers=JSON)

    assert (made.status_code, made.json()["id"]) == (201, id_)
    assert (updated.status_code, updated.json()["id"], updated.headers["ETag"]) == (200, id_, 'W/"2"')
    assert other.status_code == 400
    assert taken.status_code == 412


async def test_a_conditional_patch_and_delete_of_the_one_match(client: httpx.AsyncClient) -> None:
    number = new_number()
    query = {"identifier": f"{SYSTEM}|{number}"}
    headers = {"Content-Type": "application/json-patch+json"}
    body = b'[{"op":"add","path":"/active","value":true}]'
    assert (await client.patch("Patient", params=query, content=body, headers=headers)).status_code == 404
    made = await create(client, number)

    patched = await client.patch("Patient", params=query, content=body, headers=headers)
    deleted = await client.delete("Patient", params=query)

    assert patched.json()["active"] is True
    assert deleted.status_code == 204
    assert (await client.get(f"Patient/{made.json()['id']}")).status_code == 410
    assert (await client.delete("Patient", params=query)).status_code == 204
    assert (await create(client, number)).status_code == 201
