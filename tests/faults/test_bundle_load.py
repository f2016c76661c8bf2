"""Large Bundles, and many at once: all commit, reads go on, and what cannot fit is refused before it is written."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from fhir_server.embedded import EmbeddedMongo
from tests.api.conftest import running

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SLOWEST_READ_SECONDS = 5.0


def bundle(entries: int, tag: str, padding: int = 0) -> dict[str, Any]:
    """A transaction of a patient and observations that refer to it, about 900 bytes each with indexes to match."""
    person = "urn:uuid:8f3c3c0e-2f3b-4d6e-9f5e-0d6a6f0d9a01"
    made = [{"fullUrl": person, "resource": {"resourceType": "Patient", "identifier": [{"value": tag}]},
             "request": {"method": "POST", "url": "Patient"}}]  # fmt: skip
    note = [{"text": "x" * padding}] if padding else []
    for number in range(entries - 1):
        resource: dict[str, Any] = {
            "resourceType": "Observation",
            "status": "final",
            "identifier": [{"system": "http://example.org/load", "value": f"{tag}-{number}"}],
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                      "code": "vital-signs"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "Systolic"}]},
            "subject": {"reference": person},
            "effectiveDateTime": f"2026-01-{1 + number % 28:02}T10:00:00Z",
            "valueQuantity": {"value": 100 + number % 60, "unit": "mmHg", "system": "http://unitsofmeasure.org",
                              "code": "mm[Hg]"},
        }  # fmt: skip
        if note:
            resource["note"] = note
        made.append({"resource": resource, "request": {"method": "POST", "url": "Observation"}})
    return {"resourceType": "Bundle", "type": "transaction", "entry": made}


@contextmanager
def server(folder: Path, cache_gb: float) -> Iterator[tuple[str, str]]:
    """Base url of a server, and the uri of a mongod of its own with this cache."""
    mongod = EmbeddedMongo(folder, cache_gb=cache_gb)
    uri = mongod.start()
    try:
        with running(uri, "fhir", request_timeout_seconds=600) as base_url:
            yield base_url, uri
    finally:
        mongod.stop()


def stored(uri: str) -> int:
    with MongoClient[dict[str, Any]](uri) as client:
        return client["fhir"]["resources"].count_documents({})


async def test_24_bundles_of_1600_entries_at_once(tmp_path: Path) -> None:
    with server(tmp_path, 1) as (base_url, uri):
        async with httpx.AsyncClient(base_url=f"{base_url}/", timeout=800) as client:
            known = (await client.post("Patient", json={"resourceType": "Patient"})).json()["id"]
            slowest, done = 0.0, asyncio.Event()

            async def read() -> None:
                nonlocal slowest
                while not done.is_set():
                    began = time.monotonic()
                    assert (await client.get(f"Patient/{known}")).status_code == 200
                    slowest = max(slowest, time.monotonic() - began)
                    await asyncio.sleep(0.05)

            reader = asyncio.create_task(read())
            answers = await asyncio.gather(*(client.post("", json=bundle(1600, f"a{n}")) for n in range(24)))
            done.set()
            await reader
        assert [answer.status_code for answer in answers] == [200] * 24
        assert stored(uri) == 24 * 1600 + 1
        assert slowest < SLOWEST_READ_SECONDS


async def test_a_bundle_of_25000_entries(tmp_path: Path) -> None:
    with server(tmp_path, 4) as (base_url, uri):
        async with httpx.AsyncClient(timeout=800) as client:
            answer = await client.post(base_url, json=bundle(25_000, "b"))
        assert answer.status_code == 200, answer.text[:500]
        assert len(answer.json()["entry"]) == 25_000
        assert stored(uri) == 25_000


async def test_a_bundle_that_cannot_fit_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with server(tmp_path, 0.25) as (base_url, uri):
        async with httpx.AsyncClient(timeout=800) as client:
            answer = await client.post(base_url, json=bundle(5_000, "c", padding=8_000))
            assert answer.status_code == 413
            assert "Divide the Bundle" in answer.json()["issue"][0]["diagnostics"]
            small = await client.post(base_url, json=bundle(10, "d"))
        assert small.status_code == 200
        assert stored(uri) == 10
