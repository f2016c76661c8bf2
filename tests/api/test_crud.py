"""read, vread, create, update, delete and history of an instance: statuses, headers, bodies."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

JSON = {"Content-Type": "application/fhir+json"}


def patient(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": "Okafor", "given": ["Chidi"]}], **members}


def new_id() -> str:
    return str(uuid.uuid4())


async def put(client: httpx.AsyncClient, resource: dict[str, Any], **headers: str) -> httpx.Response:
    path = f"{resource['resourceType']}/{resource['id']}"
    return await client.put(path, json=resource, headers=JSON | headers)


async def test_create_answers_201_with_where_it_is_and_what_was_stored(client: httpx.AsyncClient) -> None:
    answer = await client.post("Patient", json=patient(id="not-used", birthDate="1974-12"), headers=JSON)

    assert answer.status_code == 201
    stored = answer.json()
    assert stored["id"] != "not-used"
    assert answer.headers["Location"] == f"{client.base_url}Patient/{stored['id']}/_history/1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    assert stored["meta"]["versionId"] == "1"
    assert (await client.get(f"Patient/{stored['id']}")).json() == stored


async def test_what_was_stored_comes_back_digit_by_digit(client: httpx.AsyncClient) -> None:
    text = (
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50},'
        '"effectiveDateTime":"2023-05","referenceRange":[{"low":{"value":-0.00}},{"low":{"value":1E3}}],'
        '"_status":{"extension":[{"url":"http://e.example","valueDecimal":123456789012345678901234567890.10}]},'
        '"note":[{"text":"ä€𝄞"}]}'
    )
    answer = await client.post("Observation", content=text.encode(), headers=JSON)
    assert answer.status_code == 201, answer.text

    read = await client.get(f"Observation/{answer.json()['id']}")

    head, _, rest = text.partition(',"status"')
    assert rest in read.text
    assert read.text.startswith(head)


async def test_read_of_nothing_is_404_and_of_a_deleted_one_410(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    assert (await client.get(f"Patient/{id_}")).status_code == 404
    await put(client, patient(id=id_))

    deleted = await client.delete(f"Patient/{id_}")

    assert (deleted.status_code, deleted.headers["ETag"], deleted.content) == (204, 'W/"2"', b"")
    gone = await client.get(f"Patient/{id_}")
    assert gone.status_code == 410
    assert gone.json()["issue"][0]["code"] == "deleted"
    assert (await client.get(f"Patient/{id_}/_history/1")).status_code == 200
    assert (await client.get(f"Patient/{id_}/_history/2")).status_code == 410
    assert (await client.get(f"Patient/{id_}/_history/3")).status_code == 404
    assert (await client.delete(f"Patient/{id_}")).status_code == 204
    assert (await client.delete(f"Patient/{new_id()}")).status_code == 204


async def test_update_makes_versions_and_a_deleted_one_lives_again(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    created = await put(client, patient(id=id_))
    assert (created.status_code, created.headers["ETag"]) == (201, 'W/"1"')
    updated = await put(client, patient(id=id_, active=True))
    assert (updated.status_code, updated.headers["ETag"]) == (200, 'W/"2"')
    await client.delete(f"Patient/{id_}")

    again = await put(client, patient(id=id_, active=False))

    assert (again.status_code, again.headers["ETag"]) == (201, 'W/"4"')
    assert (await client.get(f"Patient/{id_}/_history/1")).json() == created.json()
    assert (await client.get(f"Patient/{id_}/_history/2")).json()["active"] is True


async def test_an_update_that_changes_nothing_makes_no_version(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    first = await put(client, patient(id=id_, birthDate="1980-01-01"))

    as_read = await put(client, first.json())
    reordered = await put(client, dict(reversed(patient(birthDate="1980-01-01", id=id_).items())))

    for answer in (as_read, reordered):
        assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"1"')
        assert answer.json() == first.json()
    changed = await put(client, first.json() | {"active": True})
    assert changed.headers["ETag"] == 'W/"2"'


async def test_other_digits_are_a_change(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    text = (
        f'{{"resourceType":"Observation","id":"{id_}","status":"final","code":{{"text":"x"}},'
        '"valueQuantity":{"value":1.5%s}}'
    )
    for digits, version in (("", 1), ("0", 2), ("0", 2), ("", 3)):
        answer = await client.put(f"Observation/{id_}", content=text % digits, headers=JSON)
        assert answer.headers["ETag"] == f'W/"{version}"'


async def test_the_id_of_the_body_must_be_that_of_the_url(client: httpx.AsyncClient) -> None:
    for body in (patient(), patient(id="other")):
        answer = await client.put(f"Patient/{new_id()}", json=body, headers=JSON)
        assert answer.status_code == 400
        assert answer.json()["issue"][0]["expression"] == ["Patient.id"]


async def test_if_match_lets_only_the_known_version_be_replaced(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    await put(client, patient(id=id_))

    assert (await put(client, patient(id=id_, active=True), **{"If-Match": 'W/"1"'})).status_code == 200
    late = await put(client, patient(id=id_, active=False), **{"If-Match": 'W/"1"'})

    assert late.status_code == 412
    assert "version 2" in late.json()["issue"][0]["diagnostics"]
    assert (await client.get(f"Patient/{id_}")).json()["active"] is True
    for method in ("PATCH", "DELETE"):
        answer = await client.request(
            method,
            f"Patient/{id_}",
            content=b'[{"op":"remove","path":"/active"}]' if method == "PATCH" else None,
            headers={"If-Match": 'W/"1"', "Content-Type": "application/json-patch+json"},
        )
        assert answer.status_code == 412
    assert (await put(client, patient(id=new_id()), **{"If-Match": 'W/"1"'})).status_code == 412
    assert (await put(client, patient(id=id_), **{"If-None-Match": "*"})).status_code == 412


LONG_AGO = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "is_done"),
    [
        ({"If-Match": 'W/"7", W/"1"'}, True),
        ({"If-Match": 'W/"7", W/"8"'}, False),
        ({"If-None-Match": 'W/"2"'}, True),
        ({"If-None-Match": 'W/"2", W/"1"'}, False),
        ({"If-None-Match": "*"}, False),
        ({"If-Unmodified-Since": LONG_AGO}, False),
        ({"If-Unmodified-Since": LONG_AGO, "If-Match": 'W/"1"'}, True),
        ({"If-Unmodified-Since": "Last-Modified"}, True),
    ],
)
async def test_a_change_happens_where_its_conditions_hold(
    client: httpx.AsyncClient, method: str, headers: dict[str, str], is_done: bool
) -> None:
    id_ = new_id()
    made = await put(client, patient(id=id_))
    headers = {name: made.headers.get(value, value) for name, value in headers.items()}
    bodies = {"PUT": patient(id=id_, active=True), "PATCH": [{"op": "add", "path": "/active", "value": True}]}
    kind = "application/json-patch+json" if method == "PATCH" else "application/fhir+json"
    answer = await client.request(
        method, f"Patient/{id_}", json=bodies.get(method), headers={"Content-Type": kind} | headers
    )
    done = {"PUT": 200, "PATCH": 200, "DELETE": 204}[method]
    assert answer.status_code == (done if is_done else 412), answer.text
    versions = (await client.get(f"Patient/{id_}/_history")).json()["total"]
    assert versions == (2 if is_done else 1)


async def test_what_was_deleted_since_is_not_revived_unknowingly(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    await put(client, patient(id=id_))
    await client.delete(f"Patient/{id_}")
    assert (await put(client, patient(id=id_), **{"If-Unmodified-Since": LONG_AGO})).status_code == 412
    assert (await put(client, patient(id=id_), **{"If-None-Match": "*"})).status_code == 201


async def test_a_read_of_another_version_than_asked_for_fails(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    made = await put(client, patient(id=id_))
    for headers, status in (
        ({"If-Match": 'W/"1"'}, 200),
        ({"If-Match": 'W/"2"'}, 412),
        ({"If-Match": 'W/"1"', "If-None-Match": 'W/"1"'}, 304),
        ({"If-Unmodified-Since": LONG_AGO}, 412),
        ({"If-Unmodified-Since": made.headers["Last-Modified"]}, 200),
    ):
        assert (await client.get(f"Patient/{id_}", headers=headers)).status_code == status


async def test_conditions_that_would_not_be_kept_to_are_refused(client: httpx.AsyncClient) -> None:
    for headers in ({"If-Match": 'W/"1"'}, {"If-Unmodified-Since": LONG_AGO}):
        assert (await client.post("Patient", json=patient(), headers=JSON | headers)).status_code == 400
    late = await put(client, patient(id=new_id()), **{"If-Unmodified-Since": "yesterday"})
    assert late.status_code == 400
    assert (await put(client, patient(id=new_id()), **{"If-None-Exist": "identifier=1"})).status_code == 400


async def test_of_updates_with_one_if_match_one_wins(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    await put(client, patient(id=id_))

    answers = await asyncio.gather(
        *(put(client, patient(id=id_, birthDate=f"19{n}-01-01"), **{"If-Match": 'W/"1"'}) for n in range(10, 40))
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 29
    assert (await client.get(f"Patient/{id_}")).headers["ETag"] == 'W/"2"'


async def test_updates_without_if_match_all_happen_one_after_another(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    await put(client, patient(id=id_))

    answers = await asyncio.gather(*(put(client, patient(id=id_, birthDate=f"19{n}-01-01")) for n in range(10, 30)))

    assert {answer.status_code for answer in answers} == {200}
    versions = sorted(int(answer.headers["ETag"].strip('W/"')) for answer in answers)
    assert versions == list(range(2, 22))


async def test_reads_with_a_known_version_are_304(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    made = await put(client, patient(id=id_))

    for headers in (
        {"If-None-Match": 'W/"1"'},
        {"If-None-Match": 'W/"7", W/"1"'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": made.headers["Last-Modified"]},
    ):
        answer = await client.get(f"Patient/{id_}", headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
    for headers in (
        {"If-None-Match": 'W/"2"'},
        {"If-Modified-Since": "Tue, 01 Jan 2019 00:00:00 GMT"},
        {"If-Modified-Since": "Tue, 01 Jan 99999999999 00:00:00 GMT"},
        {"If-None-Match": 'W/"2"', "If-Modified-Since": made.headers["Last-Modified"]},
    ):
        assert (await client.get(f"Patient/{id_}", headers=headers)).status_code == 200


async def test_prefer_says_what_a_write_returns(client: httpx.AsyncClient) -> None:
    minimal = await client.post("Patient", json=patient(), headers=JSON | {"Prefer": "return=minimal"})
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert "Location" in minimal.headers
    outcome = await client.post("Patient", json=patient(), headers=JSON | {"Prefer": "return=OperationOutcome"})
    assert outcome.json()["resourceType"] == "OperationOutcome"
    whole = await client.post("Patient", json=patient(), headers=JSON | {"Prefer": "return=representation"})
    assert whole.json()["resourceType"] == "Patient"


async def test_history_of_an_instance_is_whole_and_newest_first(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    await put(client, patient(id=id_))
    await put(client, patient(id=id_, active=True))
    await client.delete(f"Patient/{id_}")
    await put(client, patient(id=id_, active=False))

    bundle = (await client.get(f"Patient/{id_}/_history")).json()

    assert (bundle["type"], bundle["total"]) == ("history", 4)
    assert [entry["request"]["method"] for entry in bundle["entry"]] == ["PUT", "DELETE", "PUT", "PUT"]
    assert [entry["response"]["etag"] for entry in bundle["entry"]] == ['W/"4"', 'W/"3"', 'W/"2"', 'W/"1"']
    assert ["resource" in entry for entry in bundle["entry"]] == [True, False, True, True]
    assert {entry["fullUrl"] for entry in bundle["entry"]} == {f"{client.base_url}Patient/{id_}"}
    assert (await client.get(f"Patient/{new_id()}/_history")).status_code == 404


@pytest.mark.parametrize("count", [1, 2, 10])
async def test_a_history_tells_what_came_anew(client: httpx.AsyncClient, count: int) -> None:
    id_ = new_id()
    await put(client, patient(id=id_))
    await put(client, patient(id=id_, active=True))
    await client.delete(f"Patient/{id_}")
    assert (await put(client, patient(id=id_))).status_code == 201
    await put(client, patient(id=id_, active=False))
    for scope in (f"Patient/{id_}", "Patient", ""):
        told: list[str] = []
        url = f"{scope}/_history?_count={count}".removeprefix("/")
        while len(told) < 5:
            bundle = (await client.get(url)).json()
            told += [entry["response"]["status"] for entry in bundle["entry"]]
            url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        assert told[:5] == ["200", "201", "204", "200", "201"]


async def test_history_pages_lead_to_the_end_each_version_once(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    for number in range(7):
        await put(client, patient(id=id_, birthDate=f"200{number}-01-01"))
    seen: list[str] = []
    url = f"Patient/{id_}/_history?_count=2"
    while url:
        bundle = (await client.get(url)).json()
        seen += [entry["resource"]["meta"]["versionId"] for entry in bundle["entry"]]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    assert seen == ["7", "6", "5", "4", "3", "2", "1"]


async def test_history_since_and_at(client: httpx.AsyncClient) -> None:
    id_ = new_id()
    stamps = []
    for number in range(3):
        answer = await put(client, patient(id=id_, birthDate=f"200{number}-01-01"))
        stamps.append(answer.json()["meta"]["lastUpdated"])
        await asyncio.sleep(0.005)

    async def versions(**parameters: str) -> list[str]:
        bundle = (await client.get(f"Patient/{id_}/_history", params=parameters)).json()
        return [entry["resource"]["meta"]["versionId"] for entry in bundle.get("entry", [])]

    assert await versions(_since=stamps[1]) == ["3", "2"]
    assert await versions(_at=stamps[0]) == ["1"]
    assert await versions(_since="2999-01-01") == []
    for wrong in ({"_since": "yesterday"}, {"_count": "-1"}, {"_count": "0"}, {"_foo": "1"}, {"_cursor": "zzz"}):
        answer = await client.get(f"Patient/{id_}/_history", params=wrong)
        assert answer.status_code == 400
        assert next(iter(wrong)) in answer.json()["issue"][0]["diagnostics"]


async def test_history_of_type_and_system_follow_what_happens(client: httpx.AsyncClient) -> None:
    ids = [new_id() for _ in range(5)]
    for id_ in ids:
        await client.put(f"Basic/{id_}", json={"resourceType": "Basic", "id": id_, "code": {"text": "x"}}, headers=JSON)
    await client.delete(f"Basic/{ids[0]}")

    of_type = (await client.get("Basic/_history?_count=100")).json()
    keys = [entry["fullUrl"].rpartition("/")[2] for entry in of_type["entry"]]
    assert keys == [ids[0], *reversed(ids)]
    of_system = (await client.get("_history?_count=6")).json()
    assert [entry["fullUrl"].rpartition("/")[2] for entry in of_system["entry"]] == keys
