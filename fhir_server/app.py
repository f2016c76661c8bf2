"""The composition root: every part is made here, started in order and stopped in reverse.

Rule: plain constructor calls and no globals; the server starts without its database, answers 503, and opens by itself.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from starlette.exceptions import HTTPException

from fhir_server.access.limits import Access
from fhir_server.http import hosts, pages
from fhir_server.http.door import Door
from fhir_server.http.limits import Receive
from fhir_server.http.parse import PREFIX
from fhir_server.http.render import Send
from fhir_server.interactions.catalogue import INTERACTIONS
from fhir_server.interactions.server import Server, ordered_id
from fhir_server.interactions.turns import Turns
from fhir_server.mongodb_uri import hosts as hosts_of
from fhir_server.operations.catalogue import OPERATIONS
from fhir_server.room import Room
from fhir_server.settings import Settings
from fhir_server.store import blobs, database, lives, schema
from fhir_server.store.committer import Committer, now_us
from fhir_server.store.current import CurrentParameters
from fhir_server.store.database import Database
from fhir_server.store.declaring import SearchParameterGuard
from fhir_server.store.following import Follower
from fhir_server.store.guards import Guard, ReferentialIntegrity
from fhir_server.store.indexing import Indexer
from fhir_server.store.lookup import Lookup
from fhir_server.threads import Threads
from resources.outcome import FhirError
from resources.parameters import BASE, with_content

logger = logging.getLogger(__name__)

Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
RETRY_SECONDS = 1.0
REMIND_SECONDS = 30.0
"""Between two lines of the log that say what is waited for."""
LARGE_PAGES = 3
"""Of the largest size, so many are made at a time."""
SORTS = 2
"""Searches that sort by computed values, at a time: fewer than there may be large pages."""
GC_THRESHOLDS = (50_000, 20, 50)
"""Far apart: requests make little garbage that counting does not free, and looking for it costs a third of a write."""


def create(settings: Settings | None = None) -> Application:
    """The ASGI application: FHIR below `/fhir`, pages for people and monitoring beside it.

    settings: from the environment when not given.
    """
    settings = settings or Settings()
    threads = Threads()
    door = Door(settings, threads)
    site = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan(settings, door, threads))
    site.add_middleware(GZipMiddleware)
    site.include_router(pages.state(door))
    site.include_router(pages.documentation(door))
    site.add_exception_handler(HTTPException, pages.elsewhere(settings.base_url))
    known = hosts.known(settings) if settings.open else None

    async def application(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        is_http = scope["type"] == "http"
        if is_http and known is not None and (error := hosts.refusal(scope, known)) is not None:
            await door.refuse(scope, receive, send, error)
        elif is_http and (scope["path"].startswith(f"{PREFIX}/") or scope["path"] == PREFIX):
            await door(scope, receive, send)
        else:
            await site(scope, receive, send)

    return application


def _lifespan(settings: Settings, door: Door, threads: Threads) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        db = await database.connect(settings.mongodb_uri, settings.database)
        parameters = CurrentParameters(with_content() if settings.search_content else BASE)
        committer = Committer(
            db,
            base_url=settings.base_url,
            cache_share=settings.bundle_cache_share,
            guards=_guards(settings, parameters),
            parameters=parameters,
            threads=threads,
        )
        follower = Follower(db, parameters, committer)
        indexer = Indexer(db, follower.process, settings.base_url, now_us, parameters.base)
        opening = Opening(settings, door, db, committer, parameters, follower)
        try:
            obstacle = await opening.attempt()
            async with asyncio.TaskGroup() as tasks:
                background = tasks.create_task(_background(opening, indexer, obstacle))
                yield
                background.cancel()
        finally:
            door.close()
            await committer.stop()
            if opening.done:
                await indexer.leave()
                await follower.leave()
            threads.close()
            await db.close()

    return lifespan


def _guards(settings: Settings, parameters: CurrentParameters) -> tuple[Guard, ...]:
    """The rules that every commit must satisfy; none that are off, since each makes commits go alone."""
    on_write, on_delete = settings.referential_integrity_on_write, settings.referential_integrity_on_delete
    guards: list[Guard] = [SearchParameterGuard()]
    if on_write or on_delete:
        guards.append(ReferentialIntegrity(parameters, settings.base_url, on_write=on_write, on_delete=on_delete))
    return tuple(guards)


@dataclass(slots=True)
class Opening:
    """What it takes to open the door; `done` once it is."""

    settings: Settings
    door: Door
    db: Database
    committer: Committer
    parameters: CurrentParameters
    follower: Follower
    done: bool = False

    async def attempt(self) -> FhirError | None:
        """Prepare the database and open the door; what is in the way when that is not possible yet.

        Raises SchemaTooNew, which ends the server.
        """
        access = Access.system("start")
        try:
            await schema.prepare(access, self.db)
            await lives.prepare(access, self.db, lives.form(self.parameters.base))
            secret = await schema.secret(access, self.db)
            await self.committer.start()
            await self.follower.look()
        except FhirError as error:
            return error
        if self.settings.cursor_secret is not None:
            secret = self.settings.cursor_secret.encode()
        self.door.open(
            Server(
                settings=self.settings,
                database=self.db,
                committer=self.committer,
                search_parameters=self.parameters,
                secret=secret,
                interactions=INTERACTIONS,
                operations=OPERATIONS,
                new_id=ordered_id,
                clock=now_us,
                lookup=Lookup(self.db),
                turns=Turns(),
                threads=self.door.threads,
                pages=Room(LARGE_PAGES * self.settings.page_size_max),
                sorting=Room(SORTS),
            )
        )
        self.done = True
        _settle_memory()
        return None


async def _background(opening: Opening, indexer: Indexer, obstacle: FhirError | None) -> None:
    """What need not be waited for: opening later, clearing away what a crash left half uploaded, search parameters."""
    remind_at = time.monotonic()
    while obstacle is not None:
        if time.monotonic() >= remind_at:
            where = hosts_of(opening.settings.mongodb_uri)
            logger.warning("waiting for MongoDB at %s: %s `fhir-server doctor` looks for the cause.", where, obstacle)
            remind_at = time.monotonic() + REMIND_SECONDS
        await asyncio.sleep(RETRY_SECONDS)
        obstacle = await opening.attempt()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(opening.follower.run())
        tasks.create_task(indexer.run())
        tasks.create_task(_sweep(opening.db))


async def _sweep(db: Database) -> None:
    try:
        await blobs.sweep(Access.system("start"), db)
    except FhirError as error:
        logger.warning("sweep of orphaned blobs put off to the next start: %s", error)


def _settle_memory() -> None:
    """What was made up to now lives as long as the process: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
