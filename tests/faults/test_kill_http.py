"""`kill -9` of a server process or of mongod while clients write over HTTP: what they were told is there.

The seed is printed; `FAULT_SEED=n pytest …` replays the same moments and choices.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from resources import json_codec
from tests.faults import checker
from tests.faults.checker import COMMIT_SYSTEM, Acknowledged
from tests.faults.test_run import Running, running

CLIENTS: Final = 8
KEYS: Final = 30
"""Resources that all clients change; the others are new ones."""
ROUNDS_A_SERVER: Final = 10
"""Then a new one, or checking would take longer than writing."""
BACK_SECONDS: Final = 40
HEADERS: Final = {"Content-Type": "application/fhir+json", "Prefer": "return=representation"}


@dataclass(slots=True)
class Clients:
    """Clients that write until told to stop; `acknowledged` is what the server told them, `wrong` what it must not."""

    base: str
    choice: random.Random
    acknowledged: list[Acknowledged] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stopping: bool = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(CLIENTS):
                tasks.create_task(self.write(random.Random(self.choice.random())))

    async def write(self, choice: random.Random) -> None:
        async with httpx.AsyncClient(timeout=60, headers=HEADERS) as client:
            while not self.stopping:
                try:
                    await choice.choices((self.create, self.update, self.delete, self.transaction), (4, 4, 1, 2))[0](
                        client, choice
                    )
                except httpx.HTTPError:
                    await asyncio.sleep(0.02)  # cut off: may have been stored or not

    async def create(self, client: httpx.AsyncClient, choice: random.Random) -> None:
        token = f"{uuid.uuid4()}/1"
        headers = {"If-None-Exist": f"identifier={COMMIT_SYSTEM}|{token}"} if choice.random() < 0.3 else {}
        answer = await client.post(f"{self.base}/Patient", json=patient(token, choice), headers=headers)
        self.note(answer, {201})

    async def update(self, client: httpx.AsyncClient, choice: random.Random) -> None:
        path = f"{self.base}/Patient/k{choice.randrange(KEYS)}"
        read = await client.get(path)
        headers = {"If-Match": read.headers["ETag"]} if read.status_code == 200 else {}
        body = {"id": path.rpartition("/")[2], **patient(f"{uuid.uuid4()}/1", choice)}
        self.note(await client.put(path, json=body, headers=headers), {200, 201, 412})

    async def delete(self, client: httpx.AsyncClient, choice: random.Random) -> None:
        key = f"Patient/k{choice.randrange(KEYS)}"
        answer = await client.delete(f"{self.base}/{key}")
        if answer.status_code == 204 and "ETag" in answer.headers:
            self.acknowledged.append(Acknowledged.of(key, version_in(answer.headers["ETag"]), None))
        else:
            self.note(answer, {204})

    async def transaction(self, client: httpx.AsyncClient, choice: random.Random) -> None:
        count = choice.randint(2, 40)
        token = f"{uuid.uuid4()}/{count}"
        entries = [
            {"resource": patient(token, choice), "request": {"method": "POST", "url": "Patient"}} for _ in range(count)
        ]
        body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        answer = await client.post(self.base, json=body)
        if answer.status_code != 200:
            self.note(answer, set())
            return
        for entry in json_codec.decode(answer.content)["entry"]:
            self.told(entry["resource"])

    def note(self, answer: httpx.Response, allowed: set[int]) -> None:
        """Keep what was acknowledged; 503 and 409 are honest ways to say no."""
        if answer.status_code in (200, 201):
            self.told(json_codec.decode(answer.content))
        elif answer.status_code not in allowed | {409, 503}:
            self.wrong.append(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")

    def told(self, resource: dict[str, Any]) -> None:
        key, version = f"Patient/{resource['id']}", int(resource["meta"]["versionId"])
        self.acknowledged.append(Acknowledged.of(key, version, json_codec.encode(resource)))


def version_in(etag: str) -> int:
    return int(etag.strip('W/"'))


def patient(token: str, choice: random.Random) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": COMMIT_SYSTEM, "value": token}],
        "name": [{"family": f"Family{choice.randrange(1000)}", "given": ["x" * choice.randrange(1, 400)]}],
    }


async def one_round(server: Running, clients: Clients, choice: random.Random) -> None:
    """Let the clients write, kill somebody, and go on until they are acknowledged again."""
    clients.stopping = False
    writing = asyncio.create_task(clients.run())
    await growth(clients)
    await asyncio.sleep(choice.uniform(0, 0.5))
    victims = server.children(choice.choice(("mongod", "fhir_server.worker")))
    os.kill(choice.choice(victims), signal.SIGKILL)
    await growth(clients)
    await asyncio.sleep(choice.uniform(0, 0.2))
    clients.stopping = True
    await writing


async def growth(clients: Clients) -> None:
    """Return when more has been acknowledged."""
    before = len(clients.acknowledged)
    async with asyncio.timeout(BACK_SECONDS):
        while len(clients.acknowledged) <= before:  # noqa: ASYNC110 - what is awaited is the growth of a list
            await asyncio.sleep(0.01)


async def rounds(directory: Path, count: int) -> None:
    seed = int(os.environ.get("FAULT_SEED") or secrets.randbelow(2**32))
    print(f"FAULT_SEED={seed}")  # noqa: T201 - shown when a round fails
    choice = random.Random(seed)
    for start in range(0, count, ROUNDS_A_SERVER):
        data = directory / str(start)
        with running(data, "--workers", "2") as server:
            uri = f"mongodb://127.0.0.1:{(data / 'mongod.port').read_text().strip()}/?replicaSet=rs0"
            clients = Clients(server.base, choice)
            for _ in range(start, min(start + ROUNDS_A_SERVER, count)):
                await one_round(server, clients, choice)
                assert clients.wrong == []
                assert checker.problems(uri, "fhir", clients.acknowledged, server.base) == []


async def test_what_clients_were_told_outlives_two_kills(tmp_path: Path) -> None:
    await rounds(tmp_path, 2)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_what_clients_were_told_outlives_a_hundred_kills(tmp_path: Path) -> None:
    await rounds(tmp_path, 100)
