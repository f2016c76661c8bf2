"""Large contents of Binary resources, streamed to and from MongoDB in flat memory.

Rule: a blob is written once, before the resource that names it; what no version names is swept away an hour later.
The form is GridFS's, so that its tools can read it; its driver is not used, since it buffers 48 MB of an upload:
https://www.mongodb.com/docs/manual/core/gridfs/.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.store.database import Database, Document, translated

CHUNK_BYTES: Final = 512 * 1024
CHUNKS_AT_ONCE: Final = 4
ORPHANED_AFTER: Final = timedelta(hours=1)
"""Younger blobs may belong to a resource that is just being committed."""


class BlobMissing(Exception):
    """A version names a content that is not there: the database was changed by other hands."""


async def put(access: Access, db: Database, chunks: AsyncIterator[bytes], *, content_type: str) -> str:
    """Store a content and return the name of its blob; durable on return, or nothing is kept.

    Length and SHA-256 are recorded beside it. Raises Unavailable, InsufficientStorage, and what `chunks` raises.
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
                "uploadDate": datetime.now(UTC),
                "metadata": facts,
            }
        )
    try:
        with translated():
            length, digest = await _write(db, name, chunks)
            done = {"length": length, "metadata": facts | {"sha256": digest}}
            await db.blob_files.update_one({layout.ID: name}, {"$set": done})
    except BaseException:
        await delete(access, db, name)
        raise
    return name


async def read(access: Access, db: Database, blob: str) -> AsyncIterator[bytes]:
    """The content of a blob, in pieces. Raises BlobMissing, Unavailable."""
    with translated():
        if await db.blob_files.find_one({layout.ID: blob}, {layout.ID: 1}) is None:
            raise BlobMissing(blob)
        found = db.blob_chunks.find({"files_id": blob}, {"data": 1}, sort=[("n", 1)], batch_size=CHUNKS_AT_ONCE)
        async for chunk in found:
            yield chunk["data"]


async def delete(access: Access, db: Database, blob: str) -> None:
    """Remove a blob that no version names; one that is gone already is no error. Raises Unavailable."""
    with translated():
        await db.blob_chunks.delete_many({"files_id": blob})
        await db.blob_files.delete_one({layout.ID: blob})


async def sweep(access: Access, db: Database, *, now: datetime | None = None) -> int:
    """Remove the blobs that no version names and that are older than ORPHANED_AFTER; how many there were.

    For the start of the server: a crash between upload and commit leaves them behind. Raises Unavailable.
    """
    before = (now or datetime.now(UTC)) - ORPHANED_AFTER
    swept = 0
    with translated():
        async for file in db.blob_files.find({"uploadDate": {"$lt": before}}, {layout.ID: 1}):
            if not await _is_named(db, file[layout.ID]):
                await delete(access, db, file[layout.ID])
                swept += 1
    return swept


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
