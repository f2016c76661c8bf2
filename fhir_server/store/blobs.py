"""Large contents of Binary resources, streamed to and from MongoDB in flat memory.

Rule: a blob is written once, before the resource that names it; what no version names is swept away an hour later.
A sweep first marks what it takes, and the commit that names a blob touches it (`keep`): only one of the two succeeds.
The form is GridFS's, so that its tools can read it; its driver is not used, since it buffers 48 MB of an upload:
https://www.mongodb.com/docs/manual/core/gridfs/.
"""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.store.database import Database, Document, translated
from resources.outcome import Conflict, Unavailable

CHUNK_BYTES: Final = 512 * 1024
CHUNKS_AT_ONCE: Final = 4
ORPHANED_AFTER: Final = timedelta(hours=1)
"""Younger blobs may be on their way, or belong to a resource that is just being committed."""

_TOUCHED: Final = "uploadDate"
"""When something was last done with a blob: begun, continued, ended, named by a commit."""
_SWEPT: Final = "metadata.swept"
_MINE: Final[Document] = {_SWEPT: {"$exists": False}}


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored content: its name, its length in bytes, and its SHA-256 in hexadecimal."""

    name: str
    length: int
    sha256: str


class BlobMissing(Exception):
    """A version names a content that is not there: the database was changed by other hands."""


class BlobSwept(Conflict):
    """A content was not committed within an hour and is gone."""

    def __init__(self) -> None:
        super().__init__("The content waited too long to be committed and was removed. Send it again.")


async def put(access: Access, db: Database, chunks: AsyncIterator[bytes], *, content_type: str) -> Blob:
    """Store a content; durable on return, or nothing is kept.

    Raises Unavailable, InsufficientStorage, and what `chunks` raises.
    """
    name = uuid.uuid4().hex
    facts = {"contentType": content_type}
    with translated():
        # First, so that the sweep finds what a crash leaves behind.
        await db.blob_files.insert_one(
            {
                layout.ID: name,
                "filename": name,
                "length": 0,
                "chunkSize": CHUNK_BYTES,
                _TOUCHED: datetime.now(UTC),
                "metadata": facts,
            }
        )
    try:
        with translated():
            length, digest = await _write(db, name, chunks)
            await _touch(db, name, {"length": length, "metadata": facts | {"sha256": digest}})
    except BaseException:
        await discard(access, db, name)
        raise
    return Blob(name, length, digest)


async def find(access: Access, db: Database, name: str) -> Blob:
    """What is known of a content. Raises BlobMissing, Unavailable."""
    with translated():
        file = await db.blob_files.find_one({layout.ID: name})
    if file is None or "sha256" not in file["metadata"]:
        raise BlobMissing(name)
    return Blob(name, int(file["length"]), file["metadata"]["sha256"])


async def read(access: Access, db: Database, blob: str) -> AsyncGenerator[bytes]:
    """The content of a blob, in pieces; close it where it is not read to its end. Raises Unavailable."""
    with translated():
        async with db.blob_chunks.find(
            {"files_id": blob}, {"data": 1}, sort=[("n", 1)], batch_size=CHUNKS_AT_ONCE
        ) as found:
            async for chunk in found:
                yield chunk["data"]


async def keep(access: Access, db: Database, session: AsyncClientSession, names: Sequence[str]) -> None:
    """Touch the blobs that a commit names, in its transaction: a sweep then leaves them alone, or was first.

    Raises BlobSwept, and the driver's errors.
    """
    touched = await db.blob_files.update_many(
        {layout.ID: {"$in": list(names)}, **_MINE}, {"$set": {_TOUCHED: datetime.now(UTC)}}, session=session
    )
    if touched.matched_count != len(set(names)):
        raise BlobSwept


async def delete(access: Access, db: Database, blob: str) -> None:
    """Remove a blob that no version names; one that is gone already is no error. Raises Unavailable."""
    with translated():
        await db.blob_chunks.delete_many({"files_id": blob})
        await db.blob_files.delete_one({layout.ID: blob})


async def discard(access: Access, db: Database, blob: str) -> None:
    """`delete` what is not wanted any more, now or, when the database is away, by the next sweep."""
    with contextlib.suppress(Unavailable):
        await delete(access, db, blob)


async def sweep(access: Access, db: Database, *, now: datetime | None = None) -> int:
    """Remove the blobs that no version names and that nobody touched for ORPHANED_AFTER; how many there were.

    For the start of the server: a crash between upload and commit leaves them behind. Raises Unavailable.
    """
    old = {_TOUCHED: {"$lt": (now or datetime.now(UTC)) - ORPHANED_AFTER}}
    swept = 0
    with translated():
        async for file in db.blob_files.find(old, {layout.ID: 1}):
            if await _is_named(db, file[layout.ID]):
                continue
            # A commit that names it now has touched it, or finds it marked and fails.
            marked = await db.blob_files.update_one({layout.ID: file[layout.ID], **old}, {"$set": {_SWEPT: True}})
            if marked.matched_count:
                await delete(access, db, file[layout.ID])
                swept += 1
    return swept


async def _touch(db: Database, name: str, facts: Document) -> None:
    """Record facts of an upload, and that it goes on. Raises Unavailable when it was swept away."""
    touched = await db.blob_files.update_one(
        {layout.ID: name, **_MINE}, {"$set": {_TOUCHED: datetime.now(UTC), **facts}}
    )
    if not touched.matched_count:
        raise Unavailable("The upload took too long and was given up. Try again.")


async def _write(db: Database, name: str, chunks: AsyncIterator[bytes]) -> tuple[int, str]:
    """Write the content; its length and the hexadecimal SHA-256 of it."""
    digest = hashlib.sha256()
    pending = bytearray()
    length = 0

    async def flush(upto: int) -> None:
        nonlocal length
        first = length // CHUNK_BYTES
        documents: list[Document] = [
            {"files_id": name, "n": first + number, "data": bytes(pending[start : min(start + CHUNK_BYTES, upto)])}
            for number, start in enumerate(range(0, upto, CHUNK_BYTES))
        ]
        del pending[:upto]
        length += upto
        await db.blob_chunks.insert_many(documents)
        await _touch(db, name, {})

    async for chunk in chunks:
        digest.update(chunk)
        pending += chunk
        while len(pending) >= CHUNKS_AT_ONCE * CHUNK_BYTES:
            await flush(CHUNKS_AT_ONCE * CHUNK_BYTES)
    if pending:
        await flush(len(pending))
    return length, digest.hexdigest()


async def _is_named(db: Database, blob: str) -> bool:
    for collection in (db.resources, db.versions):
        if await collection.find_one({layout.BLOB: blob}, {layout.ID: 1}, hint="blob") is not None:
            return True
    return False
