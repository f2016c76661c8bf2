"""Files of resources sent to a running server: `fhir-server load`.

Rule: loading again changes nothing that is there already, so a load that was interrupted is simply repeated; what is
refused is told with its place and the server's reason. See docs/loading.md.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from fhir_server.addresses import is_loopback
from mappers import sources
from mappers.identities import Memory, memory
from mappers.sending import AWAY, Sender
from mappers.sources import Item
from resources import json_codec

IN_FLIGHT = 3
"""Requests on the way at a time: one is read, one is written by the database, one waits."""
ENTRIES = 200
"""Entries that a request gathers; a Bundle is not divided to keep to it, up to `MOST_ENTRIES`."""
MOST_ENTRIES = 1_000
BYTES = 2 * 1024 * 1024
FIRST_ANSWER_SECONDS = 30


class NoServer(Exception):
    """No FHIR server answers at the base URL; the message says what came instead."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What the server did not take: where it comes from (`a.json entry 3`) and why."""

    source: str
    reason: str


@dataclass(slots=True)
class LoadProgress:
    """How far a load is: bytes of the files, entries that the server has answered."""

    bytes_total: int = 0
    bytes_done: int = 0
    resources: int = 0


@dataclass(slots=True)
class LoadReport:
    """What became of a load: `unchanged` were there already, as they are in the files; `repeated` were not sent,
    because the same resource comes again later in them."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    repeated: int = 0
    refused: list[Refused] = field(default_factory=list)
    seconds: float = 0.0


async def load(
    paths: Sequence[str], base_url: str, progress: Callable[[LoadProgress], None] = lambda _: None
) -> LoadReport:
    """Send all resources of the files, folders and NDJSON in `paths` (`-`: standard input) to the server at `base_url`.

    Raises NoServer before anything is sent, OSError for a path that cannot be read, httpx.HTTPError when the server
    goes away and stays away.
    """
    began = time.monotonic()
    report, told = LoadReport(), LoadProgress()
    async with AsyncExitStack() as stack:
        files = sources.files([stack.enter_context(spooled()) if path == "-" else Path(path) for path in paths])
        await find_server(base_url)
        remembered = stack.enter_context(memory())
        told.bytes_total = sum(file.stat().st_size for file in files)
        progress(told)
        files.sort(key=sources.refers_by_criteria)
        for file in files:
            for document in sources.documents(file):
                found = list(sources.identities(document))
                remembered.note((key, source) for key, source, _ in found)
                remembered.remember((full_url, key) for key, _, full_url in found if full_url is not None)
                await asyncio.sleep(0)

        def settled(items: Sequence[Item]) -> None:
            told.bytes_done += sum(item.size for item in items)
            told.resources += len(items)
            progress(told)

        client = await stack.enter_async_context(client_for(base_url))
        sender = Sender(client, base_url.rstrip("/"), remembered, settled)
        await send_all(sender, units(items_of(files, remembered, report)))
        await send_again(sender, remembered)
        told.bytes_done = told.bytes_total  # with what lies between the entries, and those that were not sent
        progress(told)
    report.created, report.updated, report.unchanged = sender.created, sender.updated, sender.unchanged
    report.refused += [Refused(source, reason) for source, reason in sender.refused]
    report.seconds = time.monotonic() - began
    return report


def client_for(base_url: str) -> httpx.AsyncClient:
    """A client for the server. This machine's own is asked directly: a proxy of the environment cannot reach it."""
    return httpx.AsyncClient(timeout=120, trust_env=not is_loopback(httpx.URL(base_url).host))


async def find_server(base_url: str) -> None:
    """Return when a FHIR server is there, also one that is starting; raises NoServer."""
    base_url = base_url.rstrip("/")
    try:
        async with client_for(base_url) as client:
            answer = await client.get(f"{base_url}/metadata", timeout=FIRST_ANSWER_SECONDS)
    except httpx.TransportError as error:
        raise NoServer(f"Nothing answers at {base_url} ({str(error) or type(error).__name__}).") from error
    if answer.status_code not in AWAY | {httpx.codes.OK}:
        raise NoServer(f"There is no FHIR server at {base_url}: {base_url}/metadata answers {answer.status_code}.")


@contextmanager
def spooled() -> Iterator[Path]:
    """The standard input as a file, because it is read twice."""
    with tempfile.TemporaryDirectory(prefix="fhir-load-") as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path


def items_of(files: Sequence[Path], remembered: Memory, report: LoadReport) -> Iterator[list[Item]]:
    """The entries of each document of the files; one that cannot be read is noted as refused."""
    for file in files:
        for document in sources.documents(file):
            if document.reason is not None:
                report.refused.append(Refused(document.source, document.reason))
                continue
            items = []
            for item in sources.items(document, remembered.meaning):
                if item.key is None or remembered.is_latest(item.key, item.source):
                    items.append(item)
                else:
                    report.repeated += 1
            if sources.is_batch(document.value):
                yield from ([item] for item in items)
            else:
                yield items


def units(documents: Iterator[list[Item]]) -> Iterator[list[Item]]:
    """What is sent together. Small documents are gathered, large ones divided; but one that asks for more than to
    store resources is sent as it is."""
    unit: list[Item] = []
    for items in documents:
        if any(item.key is None for item in items):
            yield from filter(None, (unit, items))
            unit = []
            continue
        for start in range(0, len(items), MOST_ENTRIES):
            part = items[start : start + MOST_ENTRIES]
            keys = {item.key for item in unit}
            if unit and (len(unit) + len(part) > MOST_ENTRIES or any(item.key in keys for item in part)):
                yield unit
                unit = []
            unit = unit + part
            if len(unit) >= ENTRIES or sum(item.size for item in unit) >= BYTES:
                yield unit
                unit = []
    if unit:
        yield unit


async def send_all(sender: Sender, waiting: Iterator[list[Item]]) -> None:
    """Send the units, `IN_FLIGHT` at a time; one that writes what another on its way writes waits for it."""
    running: dict[asyncio.Task[None], set[str | None]] = {}
    try:
        for unit in waiting:
            keys = {item.key for item in unit}
            while len(running) >= IN_FLIGHT or any(not keys.isdisjoint(others) for others in running.values()):
                await finish_one(running)
            running[asyncio.create_task(sender.send(unit))] = keys
        while running:
            await finish_one(running)
    finally:
        for task in running:
            task.cancel()


async def finish_one(running: dict[asyncio.Task[None], set[str | None]]) -> None:
    """Wait until one is done; raises what it raised."""
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        del running[task]
        task.result()


async def send_again(sender: Sender, remembered: Memory) -> None:
    """Try what was put off, as long as some of it succeeds; what is left then is refused."""
    while sender.put_off:
        before, sender.put_off = sender.succeeded, 0
        await send_all(sender, map(unpacked, remembered.take_again()))
        if sender.succeeded == before:
            break
    sender.last_try = True
    await send_all(sender, map(unpacked, remembered.take_again()))


def unpacked(payload: bytes) -> list[Item]:
    """The entries that `Sender` put off."""
    return [Item(*fields) for fields in json_codec.decode(payload)]
