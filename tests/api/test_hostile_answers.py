"""Answers that are large: bounded in bytes, made without others waiting, and not held for clients that do not read."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from fhir_server.http import door
from tests.api.others import others_served

JSON = {"Content-Type": "application/fhir+json"}
PAGE_BYTES = 32 * 1024 * 1024
VERSIONS = 6


def deep(id_: str, megabytes: float, code: str) -> bytes:
    """A Basic of small values, nested deeply: indented, it grows thirtyfold."""
    leaf: dict[str, Any] = {"url": "u", "valueString": "a"}
    nested: dict[str, Any] = {"url": "u", "extension": [leaf] * int(megabytes * 1e6 / 32)}
    for _ in range(40):
        nested = {"url": "u", "extension": [nested]}
    basic = {"resourceType": "Basic", "id": id_, "code": {"text": code}, "extension": [nested]}
    return json.dumps(basic, separators=(",", ":")).encode()


@pytest.fixture(scope="module")
def stored(server_url: str) -> str:
    with httpx.Client(base_url=f"{server_url}/", timeout=120, trust_env=False) as client:
        for number in range(VERSIONS):
            answer = client.put("Basic/deep", content=deep("deep", 11, f"big {number}"), headers=JSON)
            assert answer.status_code in (200, 201), answer.text
        for number in range(VERSIONS):
            client.put(f"Basic/d{number}", content=deep(f"d{number}", 11, "alike"), headers=JSON).raise_for_status()
    return server_url


@pytest.mark.parametrize(
    "path",
    [
        "Basic/deep?_pretty=true",
        "Basic/deep/_history?_pretty=true",
        "Basic/deep/_history?_elements=code",
        "Basic?code:text=alike&_summary=true",
        "Basic/deep?_summary=data",
    ],
)
@pytest.mark.usefixtures("stored")
async def test_nobody_waits_for_a_large_answer(client: httpx.AsyncClient, path: str) -> None:
    async with others_served(client):
        answer = await client.get(path, timeout=60)
    assert answer.status_code == 200
    assert len(answer.content) < 2 * PAGE_BYTES  # a history reads two collections


@pytest.mark.parametrize("path", ["Basic/deep/_history", "Basic?code:text=alike"])
@pytest.mark.usefixtures("stored")
async def test_a_page_ends_with_the_row_that_fills_it(client: httpx.AsyncClient, path: str) -> None:
    first = (await client.get(path, timeout=60)).json()
    assert len(first["entry"]) < VERSIONS
    seen = len(first["entry"])
    links = {link["relation"]: link["url"] for link in first["link"]}
    while "next" in links:
        page = (await client.get(links["next"], timeout=60)).json()
        seen += len(page["entry"])
        links = {link["relation"]: link["url"] for link in page["link"]}
    assert seen == VERSIONS


async def test_answers_that_are_not_read_are_not_held_without_end(client: httpx.AsyncClient, stored: str) -> None:
    where = urlsplit(stored)
    request = f"GET /fhir/Basic/deep HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode()
    opened = [await asyncio.open_connection(where.hostname, where.port, limit=1024) for _ in range(30)]
    try:
        async with others_served(client):
            for _, writer in opened:
                writer.write(request)
            statuses = [(await asyncio.wait_for(reader.read(12), 60))[9:12] for reader, _ in opened]
        assert set(statuses) == {b"200", b"503"}
        size = int((await client.head("Basic/deep", timeout=60)).headers["content-length"])
        assert statuses.count(b"200") <= door.ANSWERS_BYTES // size
    finally:
        for _, writer in opened:
            writer.transport.abort()
    for _ in range(50):
        if (await client.get("Basic/deep", timeout=60)).status_code == 200:
            return
        await asyncio.sleep(0.1)
    pytest.fail("room is not given back")
