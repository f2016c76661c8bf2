"""`_summary` and `_elements` on read, vread and history, and what a part cannot do: replace the whole."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from tests.api.parts import SUBSETTED, observation, of_each_part
from tests.api.writing import JSON

LARGE = bytes(2 * 1024 * 1024)


def identified() -> dict[str, Any]:
    return observation(id=str(uuid.uuid4()))


async def put(client: httpx.AsyncClient, resource: dict[str, Any]) -> str:
    path = f"{resource['resourceType']}/{resource['id']}"
    answer = await client.put(path, json=resource, headers=JSON)
    assert answer.is_success, answer.text
    return path


def issue(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["issue"][0]["diagnostics"])


@of_each_part
@pytest.mark.parametrize("version", ["", "/_history/1"])
async def test_reads_answer_with_the_part(client: httpx.AsyncClient, asked: str, left: set[str], version: str) -> None:
    path = await put(client, identified())
    whole = (await client.get(path + version)).json()

    answer = await client.get(f"{path}{version}?{asked}")

    assert answer.status_code == 200
    assert answer.headers["ETag"] == 'W/"1"'
    part = answer.json()
    assert part.pop("meta") == whole["meta"] | {"tag": [SUBSETTED]}
    assert part == {name: whole[name] for name in {"resourceType", "id"} | left}
    assert (await client.get(path + version)).json() == whole


async def test_all_is_what_summary_false_asks_for(client: httpx.AsyncClient) -> None:
    path = await put(client, identified())

    assert (await client.get(f"{path}?_summary=false")).content == (await client.get(path)).content


async def test_digits_and_xml(client: httpx.AsyncClient) -> None:
    id_ = str(uuid.uuid4())
    text = f'{{"resourceType":"Observation","id":"{id_}","status":"final","code":{{"text":"x"}},'
    text += '"valueQuantity":{"value":1.50},"note":[{"text":"x"}]}'
    assert (await client.put(f"Observation/{id_}", content=text, headers=JSON)).status_code == 201

    assert '"value":1.50' in (await client.get(f"Observation/{id_}?_summary=true")).text
    xml = (await client.get(f"Observation/{id_}?_summary=true&_format=xml")).text
    assert '<value value="1.50"/>' in xml
    assert '<code value="SUBSETTED"/>' in xml
    assert "<note>" not in xml


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("_summary=count", "_summary=count is for searches and histories"),
        ("_summary=maybe", "true, text, data, count or false is expected"),
        ("_summary=", "true, text, data, count or false is expected"),
        ("_summary=true&_summary=text", "_summary is given twice"),
        ("_summary=true&_elements=note", "Give either _summary or _elements"),
        ("_elements=nose", "nose is not an element of Observation; did you mean note?"),
        ("_elements=", "an empty name"),
        ("_elements=Patient.name", "names no element of Observation"),
        ("_count=1&_elements=note", "takes no parameters but _summary, _elements"),
    ],
)
async def test_reads_refuse_what_makes_no_part(client: httpx.AsyncClient, asked: str, words: str) -> None:
    path = await put(client, identified())

    for version in ("", "/_history/1"):
        assert words in issue(await client.get(f"{path}{version}?{asked}"), 400)


async def test_what_is_gone_or_unchanged_is_so_in_part_too(client: httpx.AsyncClient) -> None:
    path = await put(client, identified())
    url = f"{path}?_summary=true"

    assert (await client.get(url, headers={"If-None-Match": 'W/"1"'})).status_code == 304
    await client.delete(path)
    assert (await client.get(url)).status_code == 410
    assert (await client.get(f"Observation/{uuid.uuid4()}?_elements=code")).status_code == 404


async def test_a_read_in_a_batch_answers_with_the_part(client: httpx.AsyncClient) -> None:
    path = await put(client, identified())
    entry = {"request": {"method": "GET", "url": f"{path}?_elements=note"}}

    answer = await client.post("", json={"resourceType": "Bundle", "type": "batch", "entry": [entry]}, headers=JSON)

    [entry] = answer.json()["entry"]
    assert "text" not in entry["resource"]
    assert entry["resource"]["note"] == [{"text": "a note"}]


@pytest.mark.parametrize("content", [b"x", LARGE], ids=["small", "large"])
async def test_a_binary_goes_without_its_content(client: httpx.AsyncClient, content: bytes) -> None:
    path = f"Binary/{uuid.uuid4()}"
    await client.put(path, content=content, headers={"Content-Type": "application/octet-stream"})

    part = (await client.get(f"{path}?_summary=true&_format=json")).json()

    assert part.keys() == {"resourceType", "id", "meta", "contentType"}
    assert part["meta"]["tag"] == [SUBSETTED]
    refused = await client.get(f"{path}?_summary=true", headers={"Accept": "application/octet-stream"})
    assert refused.status_code == 400
    assert "_format=json" in refused.text


async def test_histories_have_the_parts_of_their_versions(client: httpx.AsyncClient) -> None:
    resource = identified()
    path = await put(client, resource)
    await put(client, resource | {"note": [{"text": "another"}]})
    await client.delete(path)

    bundle = (await client.get(f"{path}/_history?_elements=note&_count=2")).json()
    following = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    rest = (await client.get(following)).json()

    assert "_elements=note" in bundle["link"][0]["url"]
    assert "resource" not in bundle["entry"][0]
    parts = [entry["resource"] for entry in (bundle["entry"] + rest["entry"])[1:]]
    assert [part["note"][0]["text"] for part in parts] == ["another", "a note"]
    assert all(part["meta"]["tag"] == [SUBSETTED] and "text" not in part for part in parts)
    for url in ("Observation/_history?_summary=text&_count=5", "_history?_elements=Observation.text&_count=5"):
        entries = (await client.get(url)).json()["entry"]
        texts = [entry["resource"] for entry in entries if "Observation/" in entry["fullUrl"] and "resource" in entry]
        assert texts
        assert all("text" in part and "note" not in part for part in texts)


async def test_history_can_be_counted_where_its_total_is_known(client: httpx.AsyncClient) -> None:
    resource = identified()
    path = await put(client, resource)
    await put(client, resource | {"status": "amended"})

    bundle = (await client.get(f"{path}/_history?_summary=count")).json()

    assert bundle["total"] == 2
    assert "entry" not in bundle
    assert [link["relation"] for link in bundle["link"]] == ["self"]
    assert (await client.get(f"Observation/{uuid.uuid4()}/_history?_summary=count")).status_code == 404
    for url in ("_history", "Observation/_history", f"{path}/_history?_since=2020"):
        answer = await client.get(url, params={"_summary": "count", **httpx.URL(url).params})
        assert "whole history of one resource" in issue(answer, 400)
    assert "nose is not an element" in issue(await client.get(f"{path}/_history?_elements=nose"), 400)


async def test_a_part_is_not_stored(client: httpx.AsyncClient) -> None:
    path = await put(client, identified())
    part = (await client.get(f"{path}?_summary=true")).json()

    for answer in (
        await client.put(path, json=part, headers=JSON),
        await client.post("Observation", json=part, headers=JSON),
        await client.post(
            "",
            json={
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [{"resource": part, "request": {"method": "PUT", "url": path}}],
            },
            headers=JSON,
        ),
    ):
        assert "tagged as SUBSETTED" in issue(answer, 422)
        assert "meta.tag[0]" in answer.json()["issue"][0]["expression"][0]
    assert (await client.get(path)).json()["meta"]["versionId"] == "1"
    del part["meta"]["tag"]
    assert (await client.put(path, json=part, headers=JSON)).status_code == 200
