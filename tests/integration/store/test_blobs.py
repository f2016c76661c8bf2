"""Large contents: in and out by streaming, nothing left of what failed."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from fhir_server.model import Change, Version
from fhir_server.store import blobs, reader
from fhir_server.store.blobs import BlobSwept
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from resources.outcome import Unavailable
from tests.integration.store.changes import ACCESS, commit

MIB = 1024 * 1024


async def chunks(count: int, size: int = 100_000) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number % 251]) * size


async def put(db: Database, content: AsyncIterator[bytes]) -> str:
    return (await blobs.put(ACCESS, db, content, content_type="application/pdf")).name


async def names(db: Database) -> set[str]:
    return {file["_id"] async for file in db.blob_files.find()}


def binary(id_: str, blob: str, before: Version | None = None) -> Change:
    after = {"resourceType": "Binary", "id": id_, "contentType": "application/pdf"}
    return Change("PUT", "Binary", id_, before, after, blob=blob)


def later() -> datetime:
    """A time at which what was touched now is orphaned."""
    return datetime.now(UTC) + timedelta(hours=2)


async def grow_old(db: Database, blob: str) -> None:
    await db.blob_files.update_one({"_id": blob}, {"$set": {"uploadDate": datetime.now(UTC) - timedelta(hours=2)}})


async def test_content_comes_back_with_its_digest_recorded(db: Database) -> None:
    stored = await blobs.put(ACCESS, db, chunks(30), content_type="application/pdf")
    blob = stored.name
    expected = b"".join([chunk async for chunk in chunks(30)])
    assert b"".join([chunk async for chunk in blobs.read(ACCESS, db, blob)]) == expected
    file = await db.database["blobs.files"].find_one({"_id": blob})
    assert file is not None
    assert file["length"] == len(expected)
    assert file["metadata"] == {"contentType": "application/pdf", "sha256": hashlib.sha256(expected).hexdigest()}
    assert stored == blobs.Blob(blob, len(expected), hashlib.sha256(expected).hexdigest())
    assert await blobs.find(ACCESS, db, blob) == stored


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
    first = await commit(committer, binary("b", replaced))
    second = await commit(committer, binary("b", kept, first))
    assert second.blob == kept
    assert await blobs.sweep(ACCESS, db) == 0
    assert await blobs.sweep(ACCESS, db, now=later()) == 1
    assert orphan not in (left := await names(db))
    assert left == {kept, replaced}


async def test_an_upload_that_goes_on_is_not_swept(db: Database) -> None:
    async def slow() -> AsyncIterator[bytes]:
        """Begun long ago; something arrived just now."""
        async for chunk in chunks(3, MIB):
            yield chunk
            if chunk[0] == 0:
                await grow_old(db, next(iter(await names(db))))
        assert await blobs.sweep(ACCESS, db) == 0

    blob = await put(db, slow())

    assert [len(piece) async for piece in blobs.read(ACCESS, db, blob)] == [blobs.CHUNK_BYTES] * 6


@pytest.mark.parametrize("rest", [0, 3], ids=["at its end", "in the middle"])
async def test_an_upload_that_was_swept_away_is_refused_and_leaves_nothing(db: Database, rest: int) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        async for chunk in chunks(3, MIB):
            yield chunk
        assert await blobs.sweep(ACCESS, db, now=later()) == 1
        async for chunk in chunks(rest, MIB):
            yield chunk

    with pytest.raises(Unavailable):
        await put(db, stalled())

    assert await names(db) == set()
    assert await db.blob_chunks.count_documents({}) == 0


async def test_a_commit_of_what_was_swept_away_fails_alone(db: Database, committer: Committer) -> None:
    swept = await put(db, chunks(1))
    await blobs.sweep(ACCESS, db, now=later())
    kept = await put(db, chunks(1))

    refused, made = await asyncio.gather(
        commit(committer, binary("swept", swept)), commit(committer, binary("kept", kept)), return_exceptions=True
    )

    assert isinstance(refused, BlobSwept)
    assert isinstance(made, Version)
    assert await reader.read(ACCESS, db, "Binary", "swept") is None


async def test_a_new_version_with_the_same_content_needs_no_look_at_it(db: Database, committer: Committer) -> None:
    blob = await put(db, chunks(1))
    first = await commit(committer, binary("b", blob))
    await blobs.delete(ACCESS, db, blob)
    assert (await commit(committer, binary("b", blob, first))).version == 2


async def test_sweep_waits_for_a_commit_that_names_the_blob(db: Database) -> None:
    blob = await put(db, chunks(1))
    await grow_old(db, blob)
    async with db.client.start_session(causal_consistency=False) as session:
        await session.start_transaction()
        await blobs.keep(ACCESS, db, session, [blob])
        sweep = asyncio.create_task(blobs.sweep(ACCESS, db))
        await asyncio.sleep(0.1)
        assert not sweep.done()
        await session.commit_transaction()

    assert await sweep == 0
    assert await names(db) == {blob}


async def test_of_a_sweep_and_a_commit_at_once_one_comes_first(db: Database, committer: Committer) -> None:
    uploads = [await put(db, chunks(1)) for _ in range(30)]
    for blob in uploads:
        await grow_old(db, blob)

    _, *outcomes = await asyncio.gather(
        blobs.sweep(ACCESS, db),
        *(commit(committer, binary(f"b{number}", blob)) for number, blob in enumerate(uploads)),
        return_exceptions=True,
    )

    left = await names(db)
    for blob, outcome in zip(uploads, outcomes, strict=True):
        assert isinstance(outcome, Version | BlobSwept)
        assert isinstance(outcome, Version) == (blob in left)


async def test_what_a_killed_sweep_has_marked_the_next_one_removes(db: Database) -> None:
    blob = await put(db, chunks(1))
    await db.blob_files.update_one({"_id": blob}, {"$set": {"metadata.swept": True}})
    assert await blobs.sweep(ACCESS, db, now=later()) == 1
    assert await names(db) == set()


async def test_deleting_twice_is_no_error(db: Database) -> None:
    blob = await put(db, chunks(1))
    await blobs.delete(ACCESS, db, blob)
    await blobs.delete(ACCESS, db, blob)
    assert await db.database["blobs.chunks"].count_documents({}) == 0
