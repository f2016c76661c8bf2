"""Marks: small facts that a command of this server keeps of the database as a whole, such as how far it is.

Rule: they lie beside the schema's own facts and bear other names.
"""

from __future__ import annotations

from typing import Final

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.store.database import Database, Document, translated

PREFIX: Final = "mark "


async def find(access: Access, db: Database, name: str) -> Document | None:
    """The facts set last under this name; None when there are none. Raises Unavailable."""
    with translated():
        return await db.meta.find_one({layout.ID: PREFIX + name}, {layout.ID: 0})


async def put(access: Access, db: Database, name: str, facts: Document) -> None:
    """Set the facts of a name, whatever they were. Raises Unavailable."""
    with translated():
        await db.meta.replace_one({layout.ID: PREFIX + name}, facts, upsert=True)
