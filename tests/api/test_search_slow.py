"""Searches that take long keep nobody waiting but one another: here the sorting of computed values is made slow."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

from fhir_server.store import ordered
from tests.api.writing import put

SECONDS = 3.0


@pytest.fixture
def slow_sorts(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = ordered.take

    async def take(*arguments: Any) -> Any:
        await asyncio.sleep(SECONDS)
        return await taken(*arguments)

    monkeypatch.setattr(ordered, "take", take)


@pytest.mark.usefixtures("slow_sorts")
@pytest.mark.parametrize("others", ["Encounter?_include=Encounter:patient&_count=1", "Encounter?_count=1000"])
async def test_pages_with_includes_and_large_ones_are_made_meanwhile(client: httpx.AsyncClient, others: str) -> None:
    await put(
        client,
        {"resourceType": "Patient", "id": "p"},
        {
            "resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"},
            "subject": {"reference": "Patient/p"},
        },
    )  # fmt: skip
    slow = [asyncio.create_task(client.get("Encounter?_sort=subject.name&_count=1000", timeout=60)) for _ in range(4)]
    await asyncio.sleep(0.3)
    began = time.monotonic()
    answer = await client.get(others)
    assert time.monotonic() - began < SECONDS / 2
    assert answer.status_code == 200
    assert {entry["resource"]["id"] for entry in answer.json()["entry"]} >= {"e"}
    for task in slow:
        assert (await task).status_code == 200
    assert time.monotonic() - began > 1.5 * SECONDS  # they waited for one another: two at a time
