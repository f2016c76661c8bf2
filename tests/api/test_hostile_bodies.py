"""Bodies that are much work: others are answered meanwhile, and pages of XML are written."""

import asyncio
import gzip
import json
from typing import Any

import httpx
import pytest

from tests.api.others import others_served

JSON = {"Content-Type": "application/fhir+json"}
PACKED = JSON | {"Content-Encoding": "gzip"}


def numbers(megabytes: float, piece: bytes = b"1e1,") -> bytes:
    return b'{"resourceType":"Basic","entry":[' + piece * int(megabytes * 1e6 / len(piece)) + b"1]}"


@pytest.mark.parametrize("piece", [b"1e1,", b"1.5,", b"12,", b'"",', b"{},", b"[1],", b'"ab",'])
async def test_bodies_of_tiny_values_are_refused_unread(client: httpx.AsyncClient, piece: bytes) -> None:
    async with others_served(client):
        answer = await client.post("Basic", content=gzip.compress(numbers(10, piece)), headers=PACKED, timeout=60)
    assert answer.status_code == 413
    assert answer.json()["issue"][0]["code"] == "too-costly"
    assert "values" in answer.json()["issue"][0]["diagnostics"]


async def test_crowds_of_hostile_bodies_leave_reads_and_pages_alone(client: httpx.AsyncClient) -> None:
    for number in range(40):
        body: dict[str, Any] = {
            "resourceType": "Basic",
            "id": f"x{number}",
            "code": {"text": "x" * 20},
            "subject": {"display": "y"},
        }
        body["extension"] = [{"url": "http://e.example", "valueString": str(each)} for each in range(30)]
        assert (await client.put(f"Basic/x{number}", json=body, headers=JSON)).status_code in (200, 201)
    padded = numbers(1)[:-2] + b',"' + b"x" * 8_000_000 + b'"]}'
    hostile = gzip.compress(padded)
    async with others_served(client), others_served(client, "Basic?_count=40&_format=xml"):
        answers = await asyncio.gather(
            *(client.post("Basic", content=hostile, headers=PACKED, timeout=100) for _ in range(6))
        )
    assert {answer.status_code for answer in answers} == {422}


LARGE: dict[str, dict[str, Any]] = {
    "distinct names": {"resourceType": "Patient", "name": [{"given": [f"{number:x}" for number in range(300_000)]}]},
    "accents": {"resourceType": "Patient", "name": [{"given": [f"é\u0301{number:x}!" for number in range(250_000)]}]},
    "extensions": {"resourceType": "Patient", "extension": [{"url": "a", "valueString": "b"}] * 100_000},
    "wrong": {"resourceType": "Patient", "name": [{"given": [12345678] * 300_000}]},
    "components": {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "a"},
        "component": [{"code": {"text": "b"}, "valueQuantity": {"value": 1.5}}] * 40_000,
    },
    "tags": {
        "resourceType": "Basic",
        "code": {"text": "b"},
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml">' + "<b>x</b>" * 300_000 + "</div>",
        },
    },
}


@pytest.mark.parametrize("name", LARGE)
async def test_a_large_resource_holds_nobody_up(client: httpx.AsyncClient, name: str) -> None:
    resource = LARGE[name]
    text = json.dumps(resource, separators=(",", ":"), ensure_ascii=False).encode()
    type_ = resource["resourceType"]
    entry = {"resource": resource, "request": {"method": "POST", "url": type_}}
    async with others_served(client):
        created = await client.post(type_, content=text, headers=JSON | {"Prefer": "return=minimal"}, timeout=100)
        checked = await client.post(f"{type_}/$validate", content=text, headers=JSON, timeout=100)
        for kind in ("batch", "transaction"):
            bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
            answer = await client.post("", json=bundle, headers=JSON, timeout=100)
            assert answer.status_code in (200, created.status_code)
    assert created.status_code in (201, 413, 422)
    assert checked.status_code == 200
