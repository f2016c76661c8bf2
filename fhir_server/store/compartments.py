"""What kinds of resources a compartment has.

Rule: for planning only, and told nobody: the limits of the caller stand in the searches that are planned so.
"""

from __future__ import annotations

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.store.database import Database, translated


async def types_in(access: Access, db: Database, compartment: str) -> tuple[str, ...]:
    """The types of what is in a compartment (`Patient/1`), sorted: read from the index, a key a type. Raises
    Unavailable."""
    stages = [{"$match": {layout.COMPARTMENTS: compartment}}, {"$group": {layout.ID: f"${layout.TYPE}"}}]
    with translated():
        found = await db.resources.aggregate(stages, hint="cI")
        return tuple(sorted([row[layout.ID] async for row in found]))
