"""Large contents of Binary resources, streamed to and from GridFS in flat memory.

Rule: a blob is written once, before the resource that names it; what no version names is swept away an hour later.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

from gridfs.errors import NoFile

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.store.database import BLOB_CHUNK_BYTES, Database, translated

ORPHANED_AFTER: Final = timedelta(hours=1)
"""Younger blobs may belong to a resource that is just being committed."""


async def put(access: Access, db: Database, chunks: AsyncIterator[bytes], *, content_type: str) -> str:
    """Store a content and return the name of its blob; durable on return, or nothing is kept.

    Length and SHA-256 are recorded beside it. Raises Unavailable, InsufficientStorage, and what `chunks` raises.
    """
    name = uuid.uuid4().hex
    digest = hashlib.sha256()
    with translated():
        upload = db.blobs.open_upload_stream_with_id(name, name, metadata={"contentType": content_type})
        try:
            async for chunk in chunks:
                digest.update(chunk)
                await upload.write(chunk)
            await upload.set("metadata", {"contentType": content_type, "sha256": digest.hexdigest()})
            await upload.close()
        except BaseException:
            await upload.abort()
            raise
    return name


async def read(access: Access, db: Database, blob: str) -> AsyncIterator[bytes]:
    """The content of a blob, in pieces. Raises Unavailable, and `gridfs.NoFile` for a blob that is not there."""
    with translated():
        download = await db.blobs.open_download_stream(blob)
        while chunk := await download.read(BLOB_CHUNK_BYTES):
            yield chunk


async def delete(access: Access, db: Database, blob: str) -> None:
    """Remove a blob that no version names; one that is gone already is no error. Raises Unavailable."""
    with translated():
        try:
            await db.blobs.delete(blob)
        except NoFile:
            return


async def sweep(access: Access, db: Database, *, now: datetime | None = None) -> int:
    """Remove the blobs that no version names and that are older than ORPHANED_AFTER; how many there were.

    For the start of the server: a crash between upload and commit leaves them behind.
    """
    before = (now or datetime.now(UTC)) - ORPHANED_AFTER
    swept = 0
    with translated():
        files = db.database[f"{layout.BLOBS}.files"].find({"uploadDate": {"$lt": before}}, {layout.ID: 1})
        async for file in files:
            if not await _is_named(db, file[layout.ID]):
                await delete(access, db, file[layout.ID])
                swept += 1
    return swept


async def _is_named(db: Database, blob: str) -> bool:
    for collection in (db.resources, db.versions):
        named = {layout.BLOB: blob}
        if await collection.find_one(named, {layout.ID: 1}, hint="blob") is not None:
            return True
    return False
