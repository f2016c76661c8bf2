"""Collections, indexes, views and facts exist before the first write, whoever starts first."""

import asyncio
import time

import pytest

from fhir_server.document import layout
from fhir_server.store import database, schema
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from resources.registry import RESOURCE_TYPES
from tests.integration.store.changes import ACCESS, commit, created, deleted


async def test_every_index_of_the_layout_exists(db: Database) -> None:
    for name, indexes in layout.COLLECTIONS.items():
        known = await db.database[name].index_information()
        assert set(known) == {"_id_", *(index.name for index in indexes)}
    expiry = (await db.claims.index_information())["expiry"]
    assert expiry["expireAfterSeconds"] == 3600


async def test_prepare_is_quick_when_all_is_there(db: Database) -> None:
    started = time.perf_counter()
    await schema.prepare(ACCESS, db)
    assert time.perf_counter() - started < 0.3


async def test_many_workers_prepare_at_once_and_share_the_secret(mongo_uri: str, database_name: str) -> None:
    handles = [await database.connect(mongo_uri, database_name) for _ in range(4)]
    await asyncio.gather(*(schema.prepare(ACCESS, handle) for handle in handles))
    secrets = {await schema.secret(ACCESS, handle) for handle in handles}
    assert len(secrets) == 1
    assert len(secrets.pop()) == 32
    for handle in handles:
        await handle.close()


async def test_a_missing_index_and_a_missing_view_come_back(db: Database) -> None:
    await db.versions.drop_index("tU")
    await db.database.drop_collection("Patient")
    await schema.prepare(ACCESS, db)
    assert "tU" in await db.versions.index_information()
    assert "Patient" in await db.database.list_collection_names()


async def test_people_see_current_resources_of_a_type(db: Database, committer: Committer) -> None:
    await commit(committer, created("a", birthDate="1980-02-03"))
    await commit(committer, deleted(await commit(committer, created("gone"))))
    assert [found["_id"] async for found in db.database["Patient"].find()] == ["Patient/a"]
    assert await db.database["Patient"].count_documents({"resource.birthDate": "1980-02-03"}) == 1
    assert set(await db.database.list_collection_names()) >= RESOURCE_TYPES


async def test_writes_create_no_collection(db: Database, committer: Committer) -> None:
    before = set(await db.database.list_collection_names())
    await commit(committer, deleted(await commit(committer, created("a"))))
    assert set(await db.database.list_collection_names()) == before


async def test_the_database_of_a_newer_release_is_left_alone(mongo_uri: str, database_name: str) -> None:
    db = await database.connect(mongo_uri, database_name)
    await db.meta.insert_one({"_id": "schema", "version": layout.SCHEMA_VERSION + 1})
    with pytest.raises(schema.SchemaTooNew, match="newer release"):
        await schema.prepare(ACCESS, db)
    assert await db.database.list_collection_names() == [layout.META]
    await db.close()
