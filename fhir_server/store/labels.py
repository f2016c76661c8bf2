"""Which profiles, security labels and tags are in use: for `$meta` on a type or on all.

Rule: it walks the resources, so it is bounded by time, not by an index.
"""

from __future__ import annotations

from typing import Any, Final

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.store.database import Database, translated
from resources.outcome import Unprocessable

WALK_MILLISECONDS: Final = 10_000
MOST_LABELS: Final = 10_000


async def in_use(access: Access, db: Database, type_: str | None) -> dict[str, list[Any]]:
    """The distinct values of meta.profile, .security and .tag over the current resources of a type, or of all types.

    Codings are told apart by system and code. Raises Unprocessable (too costly) after WALK_MILLISECONDS, Unavailable.
    """
    found: dict[str, list[Any]] = {}
    try:
        with translated():
            for name in ("profile", "security", "tag"):
                found[name] = await _distinct(db, type_, name)
    except Unprocessable as error:
        raise Unprocessable(
            "There are too many resources to collect their labels. Ask for one type.", code="too-costly"
        ) from error
    return found


async def _distinct(db: Database, type_: str | None, name: str) -> list[Any]:
    field = f"{layout.TREE}.meta.{name}"
    value = f"${field}"
    identity = value if name == "profile" else {"system": f"{value}.system", "code": f"{value}.code"}
    wanted: dict[str, Any] = {field: {"$exists": True}}
    if type_ is not None:
        wanted[layout.TYPE] = type_
    rows = await db.resources.aggregate(
        [
            {"$match": wanted},
            {"$unwind": value},
            {"$group": {"_id": identity, "value": {"$first": value}}},
            {"$sort": {"_id": 1}},
            {"$limit": MOST_LABELS},
        ],
        hint="tU" if type_ is not None else {"$natural": 1},
        maxTimeMS=WALK_MILLISECONDS,
    )
    return [row["value"] async for row in rows]
