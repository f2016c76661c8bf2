"""Large contents: in and out by streaming, nothing left of what failed."""

import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from fhir_server.model import Change
from fhir_server.store import blobs
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from tests.integration.store.changes import ACCESS, commit

MIB = 1024 * 1024


async def chunks(count: int, size: int = 100_000) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number % 251]) * size


async def put(db: Database, content: AsyncIterator[bytes]) -> str:
    return await blobs.put(ACCESS, db, content, content_type="application/pdf")


async def test_content_comes_back_with_its_digest_recorded(db: Database) -> None:
    blob = await put(db, chunks(30))
    expected = b"".join([chunk async for chunk in chunks(30)])
    assert b"".join([chunk async for chunk in blobs.read(ACCESS, db, blob)]) == expected
    file = await db.database["blobs.files"].find_one({"_id": blob})
    assert file is not None
    assert file["length"] == len(expected)
    assert file["metadata"] == {"contentType": "application/pdf", "sha256": hashlib.sha256(expected).hexdigest()}


async def test_memory_stays_flat(db: Database) -> None:
    tracemalloc.start()
    try:
        blob = await put(db, chunks(60, MIB))
        read = 0
        async for chunk in blobs.read(ACCESS, db, blob):
            read += len(chunk)
        assert read == 60 * MIB
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


async def test_a_client_that_hangs_up_leaves_nothing(db: Database) -> None:
    async def broken() -> AsyncIterator[bytes]:
        async for chunk in chunks(20):
            yield chunk
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await put(db, broken())
    assert await db.database["blobs.chunks"].count_documents({}) == 0
    assert await db.database["blobs.files"].count_documents({}) == 0


async def test_sweep_removes_what_no_version_names_after_an_hour(db: Database, committer: Committer) -> None:
    kept, replaced, orphan = [await put(db, chunks(2)) for _ in range(3)]
    after = {"resourceType": "Binary", "id": "b", "contentType": "application/pdf"}
    first = await commit(committer, Change("PUT", "Binary", "b", None, after, blob=replaced))
    second = await commit(committer, Change("PUT", "Binary", "b", first, after, blob=kept))
    assert second.blob == kept
    assert await blobs.sweep(ACCESS, db) == 0
    assert await blobs.sweep(ACCESS, db, now=datetime.now(UTC) + timedelta(hours=2)) == 1
    names = {file["_id"] async for file in db.database["blobs.files"].find()}
    assert names == {kept, replaced}
    assert orphan not in names


async def test_deleting_twice_is_no_error(db: Database) -> None:
    blob = await put(db, chunks(1))
    await blobs.delete(ACCESS, db, blob)
    await blobs.delete(ACCESS, db, blob)
    assert await db.database["blobs.chunks"].count_documents({}) == 0
