"""`_text` and `_content` over HTTP, from MongoDB: a handful of resources counted by hand."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

SETTINGS = {"search_content": True}
Json = dict[str, Any]


def narrated(type_: str, id_: str, words: str, **members: Any) -> Json:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{words}</p></div>'
    return {"resourceType": type_, "id": id_, "text": {"status": "generated", "div": div}, **members}


SUBJECT = {"subject": {"display": "Zoë"}}
STORED = [
    narrated("Condition", "bone", "Metastases in the <b>bone</b>", **SUBJECT),
    narrated("Condition", "liver", "Liver metastases", code={"text": "Secondary tumour"}, **SUBJECT),
    narrated("Condition", "brain", "Metastasis in the brain", **SUBJECT),
    {"resourceType": "Condition", "id": "silent", "code": {"text": "Bone pain"}, **SUBJECT},
    narrated("Patient", "p", "Bone setter"),
    {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "Ym9uZQ=="},
]


@pytest.fixture(scope="module", autouse=True)
def _stored(server_url: str) -> None:
    for resource in STORED:
        answer = httpx.put(f"{server_url}/{resource['resourceType']}/{resource['id']}", json=resource)
        assert answer.status_code == 201, answer.text


async def found(client: httpx.AsyncClient, type_: str, query: Json) -> set[str]:
    answer = await client.get(type_, params=query)
    assert answer.status_code == 200, answer.text
    return {entry["resource"]["id"] for entry in answer.json().get("entry", ())}


@pytest.mark.parametrize(
    ("type_", "query", "ids"),
    [
        ("Condition", {"_text": "(bone OR liver) and metastases"}, {"bone", "liver"}),
        ("Condition", {"_text": "metastas*"}, {"bone", "liver", "brain"}),
        ("Condition", {"_text": "liver metastases OR brain"}, {"liver", "brain"}),
        ("Condition", {"_text": "tumour"}, set()),
        ("Condition", {"_content": "tumour"}, {"liver"}),
        ("Condition", {"_content": "bone"}, {"bone", "silent"}),
        ("Condition", {"_content": "zoe pain"}, {"silent"}),
        ("Condition", {"_content": "bone", "_text": "bone"}, {"bone"}),
        ("", {"_text": "bone"}, {"bone", "p"}),
        ("", {"_content": "bone"}, {"bone", "silent", "p"}),
        ("", {"_content": "bone", "_type": "Patient,Condition"}, {"bone", "silent", "p"}),
        ("Condition", {"_text": "bone,brain", "_sort": "-_lastUpdated", "_count": "1"}, {"brain"}),
    ],
)
async def test_words(client: httpx.AsyncClient, type_: str, query: Json, ids: set[str]) -> None:
    assert await found(client, type_, query) == ids


async def test_what_was_deleted_is_not_found(client: httpx.AsyncClient) -> None:
    await client.put("Condition/gone", json=narrated("Condition", "gone", "Vanishing", **SUBJECT))
    assert await found(client, "Condition", {"_text": "vanishing"}) == {"gone"}
    await client.delete("Condition/gone")
    assert await found(client, "Condition", {"_text": "vanishing"}) == set()


async def test_both_are_in_the_capability_statement(client: httpx.AsyncClient) -> None:
    (rest,) = (await client.get("metadata")).json()["rest"]
    (condition,) = (each for each in rest["resource"] if each["type"] == "Condition")
    assert {"_text", "_content"} <= {each["name"] for each in condition["searchParam"]}


async def test_types_without_narrative_have_no_text(client: httpx.AsyncClient) -> None:
    answer = await client.get("Binary", params={"_text": "bone"})
    assert answer.status_code == 400
    assert "_text is not a search parameter of Binary" in answer.text
