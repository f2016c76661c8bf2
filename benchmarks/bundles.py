"""Synthea transaction Bundles, validated, linked and indexed, against the driver alone inserting the same documents
ready-made into the same indexes: one Bundle after another, and three in flight."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient, MongoClient, WriteConcern

from benchmarks import processes, setting
from benchmarks.compare import Figure, Sample, alternate, measured
from fhir_server.document import layout

SYNTHEA = Path(os.environ.get("SYNTHEA", Path(__file__).parent.parent.parent / "shared" / "data" / "synthea"))
REPEATS = 3


def texts() -> list[bytes]:
    """The patients' Bundles (the hospital and practitioner ones come first, once)."""
    if not SYNTHEA.is_dir():
        raise SystemExit(f"No Synthea Bundles at {SYNTHEA}: say where by SYNTHEA=…")
    return [path.read_bytes() for path in sorted(SYNTHEA.glob("*.json")) if "Information" not in path.name]


def figures() -> list[Figure]:
    with setting.mongo() as mongo, processes.server(mongo.uri, "ours") as ours:
        for path in sorted(SYNTHEA.glob("*Information*.json")):
            httpx.post(ours.url, content=path.read_bytes(), headers=HEADERS, timeout=60).raise_for_status()
        bodies = texts()
        sizes = [len(json.loads(body)["entry"]) for body in bodies] * REPEATS
        post(ours.url, bodies * REPEATS, 1)
        prepare_floor(mongo.uri)

        def mine(in_flight: int) -> Sample:
            return measured(lambda: post(ours.url, bodies * REPEATS, in_flight), ours.pid, mongo.pid)

        def bare(in_flight: int) -> Sample:
            documents = ready_made(mongo.uri, sizes)
            return measured(lambda: insert(mongo.uri, documents, in_flight), os.getpid(), mongo.pid)

        return [
            alternate(
                f"transaction Bundles, {in_flight} in flight (a resource)",
                lambda in_flight=in_flight: mine(in_flight),  # type: ignore[misc]
                lambda in_flight=in_flight: bare(in_flight),  # type: ignore[misc]
                0.6,
            )
            for in_flight in (1, 3)
        ]


HEADERS = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}


def post(url: str, bodies: Sequence[bytes], in_flight: int) -> tuple[int, float]:
    """Post the Bundles; how many resources, in how many seconds."""
    count = sum(len(json.loads(body)["entry"]) for body in bodies)

    async def work() -> float:
        async with httpx.AsyncClient(timeout=120, trust_env=False) as client:

            async def send(body: bytes) -> None:
                (await client.post(url, content=body, headers=HEADERS)).raise_for_status()

            began = time.perf_counter()
            await pooled(send, bodies, in_flight)
            return time.perf_counter() - began

    return count, asyncio.run(work())


async def pooled(send: Callable[[Any], Coroutine[Any, Any, None]], items: Sequence[Any], in_flight: int) -> None:
    pending = iter(items)

    async def lane() -> None:
        for item in pending:
            await send(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(lane())


def ready_made(uri: str, sizes: Sequence[int]) -> list[list[RawBSONDocument]]:
    """The documents that our server stored of the Bundles posted last, encoded; `sizes` are those of the Bundles."""
    client: MongoClient[RawBSONDocument] = MongoClient(uri, document_class=RawBSONDocument)
    newest = client["ours"][layout.RESOURCES].find({}).sort(layout.UPDATED, -1).limit(sum(sizes))
    documents = list(newest)[::-1]
    client.close()
    ends = list(accumulate(sizes))
    return [documents[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def prepare_floor(uri: str) -> None:
    """The same indexes in the floor's database."""
    client: MongoClient[dict[str, Any]] = MongoClient(uri)
    target = client["floor"][layout.RESOURCES]
    for name, index in client["ours"][layout.RESOURCES].index_information().items():
        if name != "_id_":
            keys = index.pop("key")
            target.create_index(keys, name=name, **{key: value for key, value in index.items() if key in OPTIONS})
    client.close()


OPTIONS = ("partialFilterExpression", "unique", "sparse")


def insert(uri: str, groups: list[list[RawBSONDocument]], in_flight: int) -> tuple[int, float]:
    """Insert each group in a transaction of its own; how many documents, in how many seconds."""

    async def work() -> float:
        client: AsyncMongoClient[Any] = AsyncMongoClient(uri)
        target = client["floor"].get_collection(layout.RESOURCES)

        async def send(group: list[RawBSONDocument]) -> None:
            async with (
                client.start_session() as session,
                await session.start_transaction(write_concern=WriteConcern("majority", j=True)),
            ):
                await target.insert_many(group, session=session)

        began = time.perf_counter()
        await pooled(send, groups, in_flight)
        seconds = time.perf_counter() - began
        await client.close()
        return seconds

    return sum(map(len, groups)), asyncio.run(work())
