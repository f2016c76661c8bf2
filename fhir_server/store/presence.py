"""Which server processes there are, and which state of the search parameters each of them works by.

Rule: MongoDB's clock decides who is gone. A process that is gone must not write (`CurrentParameters.check`), and
what it had begun is ended before the others go on without it.
"""

from __future__ import annotations

from typing import Final

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.store.abandoned import end_abandoned
from fhir_server.store.database import Database, Document, translated

GONE_SECONDS: Final = 40
"""A process that was not heard of for so long is gone. NOTE: more than `current.SILENT_SECONDS`, by more than
`abandoned.IDLE_MICROSECONDS`: a transaction that it left open is then idle for long enough to be ended."""
_REVISION, _DEFINITIONS, _ENTRIES, _HEARD = "revision", "definitions", "entries", "heard"


async def tell(access: Access, db: Database, process: str, revision: int, definitions: int, form: str) -> None:
    """Say that this process lives, that all it writes from now on is by this revision or a later one, with entries of
    this form (`lives.form`), and that it answers by no definitions before these (`lives.Facts`).

    Raises Unavailable.
    """
    facts: Document = {_REVISION: revision, _DEFINITIONS: definitions, _ENTRIES: form, _HEARD: "$$NOW"}
    with translated():
        await db.workers.update_one({layout.ID: process}, [{"$set": facts}], upsert=True)


async def leave(access: Access, db: Database, process: str) -> None:
    """Say that this process writes no more. Raises Unavailable."""
    with translated():
        await db.workers.delete_one({layout.ID: process})


async def known_by_all(access: Access, db: Database, form: str) -> int | None:
    """The latest revision that every process works by; None while there is one that makes entries of another form.

    Those that are gone are forgotten. Raises Unavailable.
    """
    gone = {"$expr": {"$lt": [f"${_HEARD}", {"$subtract": ["$$NOW", GONE_SECONDS * 1000]}]}}
    with translated():
        lost = [worker[layout.ID] async for worker in db.workers.find(gone, {layout.ID: 1})]
        if lost:
            await end_abandoned(db)
            await db.workers.delete_many({layout.ID: {"$in": lost}, **gone})
        present = [worker async for worker in db.workers.find({})]
    if any(worker[_ENTRIES] != form for worker in present):
        return None
    return min((worker[_REVISION] for worker in present), default=0)


async def is_answered_by_all(access: Access, db: Database, definitions: int) -> bool:
    """Whether no process answers by definitions before these. Raises Unavailable."""
    with translated():
        return await db.workers.find_one({_DEFINITIONS: {"$not": {"$gte": definitions}}}, {layout.ID: 1}) is None
