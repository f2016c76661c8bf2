"""Filling both sides with the same Patients: ours through its own front door, the floor by the driver."""

import asyncio
from typing import Any

import httpx
import orjson
from pymongo import MongoClient

from benchmarks.patients import patient

BATCH = 500


def put(url: str, first: int, count: int) -> None:
    """Patients `p<first>` … in our server, version 1."""
    asyncio.run(_put(url, first, count))


async def _put(url: str, first: int, count: int) -> None:
    async with httpx.AsyncClient(timeout=120, trust_env=False) as client:
        for start in range(first, first + count, BATCH):
            numbers = range(start, min(start + BATCH, first + count))
            entries = [
                {"resource": {"id": f"p{n}", **patient(n)}, "request": {"method": "PUT", "url": f"Patient/p{n}"}}
                for n in numbers
            ]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            headers = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}
            answer = await client.post(url, content=orjson.dumps(bundle), headers=headers)
            answer.raise_for_status()


def insert(uri: str, database: str, count: int) -> None:
    """The same Patients as bare documents of the floor."""
    client: MongoClient[dict[str, Any]] = MongoClient(uri)
    documents = [{"_id": f"p{n}", "resource": {"id": f"p{n}", **patient(n)}} for n in range(count)]
    client[database].patients.insert_many(documents)
    client.close()
