"""A prepared database and its committer for each test."""

from collections.abc import AsyncIterator

import pytest

from fhir_server.store import database, schema
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from tests.integration.store.changes import ACCESS, BASE_URL


@pytest.fixture
async def db(mongo_uri: str, database_name: str) -> AsyncIterator[Database]:
    """A database of this test's own, with collections and indexes."""
    handle = await database.connect(mongo_uri, database_name)
    await schema.prepare(ACCESS, handle)
    yield handle
    await handle.close()


@pytest.fixture
async def committer(db: Database) -> AsyncIterator[Committer]:
    """Takes commits; stopped when the test ends."""
    committer = Committer(db, base_url=BASE_URL)
    await committer.start()
    yield committer
    await committer.stop()
