"""Server processes whose background work is done when a test says so, and what they search for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fhir_server.document import layout
from fhir_server.model import Change, Json, Version
from fhir_server.search import grammar
from fhir_server.search.life import State
from fhir_server.store import leases, lives, reader
from fhir_server.store.committer import Committer, now_us
from fhir_server.store.current import CurrentParameters
from fhir_server.store.database import Database
from fhir_server.store.declaring import SearchParameterGuard
from fhir_server.store.following import Follower
from fhir_server.store.indexing import Indexer
from resources.parameters import BASE
from tests.integration.store.changes import ACCESS, BASE_URL, commit

EYES = "http://hospital.example/eyes"
COLOURS = ("blue", "brown", "green")


@dataclass
class Process:
    """A server process, whose background work is done when a test says so."""

    db: Database
    current: CurrentParameters = field(default_factory=CurrentParameters)

    def __post_init__(self) -> None:
        self.committer = Committer(
            self.db, base_url=BASE_URL, guards=(SearchParameterGuard(),), parameters=self.current
        )
        self.follower = Follower(self.db, self.current, self.committer)
        self.indexer = Indexer(self.db, self.follower.process, BASE_URL, now_us)

    async def start(self) -> Process:
        await lives.prepare(ACCESS, self.db, lives.form(BASE))
        await self.committer.start()
        await self.follower.look()
        return self

    async def lead(self, until: Callable[[lives.Stored], bool]) -> lives.Stored:
        """Do the background work, step by step, until the stored state is as it should be."""
        async with asyncio.timeout(30):
            while not until(stored := await lives.load(ACCESS, self.db)):
                await self.step()
        await self.follower.look()
        return stored

    async def step(self) -> None:
        await self.follower.look()
        if await leases.take(ACCESS, self.db, self.indexer.lease):
            await self.indexer.advance()

    async def found(self, type_: str, **criteria: str) -> set[str]:
        query = grammar.parse(
            type_, tuple(criteria.items()), parameters=self.current.for_search(), base_url=BASE_URL, strict=True,
            default_count=1000, max_count=1000, now_ms=0,
        )  # fmt: skip
        page = await reader.search(ACCESS, self.db, query, secret=b"s" * 32)
        return {version.id for version in page.versions}


async def forget(db: Database) -> None:
    await db.meta.delete_many({layout.ID: {"$regex": "search parameters"}})


def definition(id_: str = "eyes", **members: Any) -> Json:
    return {
        "resourceType": "SearchParameter", "id": id_, "url": f"http://hospital.example/SearchParameter/{id_}",
        "name": id_, "status": "active", "description": "Eyes", "code": id_, "base": ["Patient"], "type": "token",
        "expression": f"Patient.extension('{EYES}').value", **members,
    }  # fmt: skip


def patient(number: int, colour: str) -> Json:
    extension = {"url": EYES, "valueCode": colour}
    return {"resourceType": "Patient", "id": f"p{number}", "extension": [extension], "gender": "other"}


async def create(process: Process, resource: Json) -> Version:
    change = Change("POST", resource["resourceType"], resource["id"], None, resource)
    return await commit(process.committer, change)


async def patients(process: Process, count: int) -> list[Version]:
    resources = [patient(number, COLOURS[number % 3]) for number in range(count)]
    return list(await asyncio.gather(*(create(process, resource) for resource in resources)))


def is_in(state: State, id_: str = "eyes") -> Callable[[lives.Stored], bool]:
    return lambda stored: any(life.id == id_ and life.state is state for life in stored.lives)
