"""Leases: work that one process does at a time, whoever of them; taken over when the holder is gone.

Rule: MongoDB's clock decides. A holder that was away finds out inside the transaction in which it writes (`confirm`).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.store import transaction
from fhir_server.store.database import Database, translated
from resources.outcome import Unavailable

SECONDS: Final = 10
"""How long a lease lasts that its holder does not renew."""
_HOLDER, _UNTIL = "holder", "until"
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class LeaseLost(Unavailable):
    """Another process does this work now."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do the work `name`; `holder` is the process, by a name of its own."""

    name: str
    holder: str

    @property
    def id(self) -> str:
        """Of its document in `meta`."""
        return f"lease {self.name}"


async def take(access: Access, db: Database, lease: Lease) -> bool:
    """Take or renew the lease; whether it is held now. Raises Unavailable."""
    is_free = {"$or": [{"$eq": [f"${_HOLDER}", lease.holder]}, {"$lt": [f"${_UNTIL}", "$$NOW"]}]}
    free = {layout.ID: lease.id, "$expr": is_free}
    until = {"$add": ["$$NOW", SECONDS * 1000]}
    taken = False

    async def write(session: AsyncClientSession) -> None:
        nonlocal taken
        found = await db.meta.update_one(free, [{"$set": {_HOLDER: lease.holder, _UNTIL: until}}], session=session)
        taken = found.matched_count == 1

    with translated():
        found = await db.meta.find_one({layout.ID: lease.id}, {"free": is_free})
        if found is None:
            with contextlib.suppress(DuplicateKeyError):  # another process was first
                await db.meta.insert_one({layout.ID: lease.id, _HOLDER: None, _UNTIL: _LONG_AGO})
        elif not found["free"]:
            return False
        # NOTE: a holder that was killed may have left a transaction open that has confirmed the lease. Outside of a
        # transaction this write would wait for its end, which is minutes away.
        await transaction.run(db, write)
    return taken


async def confirm(access: Access, db: Database, lease: Lease, session: AsyncClientSession) -> None:
    """Hold the lease in a transaction: it cannot be committed once another process has taken the lease.

    Raises LeaseLost, and the driver's errors.
    """
    confirmed = await db.meta.update_one(
        {layout.ID: lease.id, _HOLDER: lease.holder}, [{"$set": {"confirmed": "$$NOW"}}], session=session
    )
    if not confirmed.matched_count:
        raise LeaseLost(f"Another process does the work of {lease.id}.")


async def release(access: Access, db: Database, lease: Lease) -> None:
    """Let others have the lease at once. Raises Unavailable."""
    with translated():
        await db.meta.delete_one({layout.ID: lease.id, _HOLDER: lease.holder})
