"""Pages of large resources: bounded in bytes, and complete all the same; of large pages, few at a time."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from fhir_server.app import LARGE_PAGES
from fhir_server.store import reader

JSON = {"Content-Type": "application/fhir+json"}


async def walk(client: httpx.AsyncClient, url: str) -> tuple[list[str], int]:
    """Identities of all that the pages show, and how many pages they were."""
    seen, count = [], 0
    while url:
        answer = await client.get(url, timeout=60)
        assert len(answer.content) < 80_000_000
        bundle = answer.json()
        count += 1
        seen += [f"{e['resource']['id']}/{e['resource']['meta']['versionId']}" for e in bundle.get("entry", ())]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    return seen, count


async def test_pages_of_large_resources_lead_to_the_end(client: httpx.AsyncClient) -> None:
    text = "x" * 1_000_000
    ids = sorted(str(uuid.uuid4()) for _ in range(60))
    for id_ in ids:
        body = {"resourceType": "Basic", "id": id_, "code": {"text": text}}
        assert (await client.put(f"Basic/{id_}", json=body, headers=JSON)).status_code == 201
    for id_ in ids[::2]:
        body = {"resourceType": "Basic", "id": id_, "code": {"text": text + "y"}}
        assert (await client.put(f"Basic/{id_}", json=body, headers=JSON)).status_code == 200

    found, pages = await walk(client, "Basic?_count=1000")
    assert sorted(found) == sorted(f"{id_}/{2 if id_ in ids[::2] else 1}" for id_ in ids)
    assert pages > 1
    versions, pages = await walk(client, "Basic/_history?_count=1000")
    assert sorted(versions) == sorted([f"{id_}/1" for id_ in ids] + [f"{id_}/2" for id_ in ids[::2]])
    assert len(set(versions)) == len(versions)
    assert pages > 1


@pytest.mark.parametrize("path", ["Patient?_count=1000", "Patient/_history?_count=1000"])
async def test_of_a_crowd_of_large_pages_few_are_made_at_a_time(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    under_way, most = 0, 0
    name = "history" if "_history" in path else "search"
    read = getattr(reader, name)

    async def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            await asyncio.sleep(0.3)  # long enough for all to come meanwhile, also on a busy machine
            return await read(*arguments, **named)
        finally:
            under_way -= 1

    monkeypatch.setattr(reader, name, counted)
    answers = await asyncio.gather(*(client.get(path) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {200}
    assert most == LARGE_PAGES

    small = path.replace("1000", "20")
    await asyncio.gather(*(client.get(small) for _ in range(12)))
    assert most > LARGE_PAGES
