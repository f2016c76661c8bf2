"""A prepared and empty database, and its committer, for each test."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.document import layout
from fhir_server.store import database, schema
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from tests.integration.store.changes import ACCESS, BASE_URL
from tests.integration.store.processes import Process, forget


async def prepare(uri: str, name: str) -> None:
    db = await database.connect(uri, name)
    await schema.prepare(ACCESS, db)
    await db.close()


@pytest.fixture(scope="package")
def prepared_database(mongo_uri: str) -> Iterator[str]:
    """The name of a database with collections, indexes and views, which take a second to make."""
    name = f"test_store_{uuid.uuid4().hex}"
    asyncio.run(prepare(mongo_uri, name))
    yield name
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        client.drop_database(name)


@pytest.fixture
async def db(mongo_uri: str, prepared_database: str) -> AsyncIterator[Database]:
    """The prepared database; emptied when the test ends."""
    handle = await database.connect(mongo_uri, prepared_database)
    yield handle
    for name in layout.COLLECTIONS:
        if name != layout.META:
            await handle.database[name].delete_many({})
    await handle.database.drop_collection("system.profile")
    await handle.close()


@pytest.fixture
async def committer(db: Database) -> AsyncIterator[Committer]:
    """Takes commits; stopped when the test ends."""
    committer = Committer(db, base_url=BASE_URL)
    await committer.start()
    yield committer
    await committer.stop()


@pytest.fixture
async def process(db: Database) -> AsyncIterator[Process]:
    await forget(db)
    made = await Process(db).start()
    yield made
    await made.committer.stop()
    await forget(db)
