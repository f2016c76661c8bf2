"""Rules that run inside the commit: `Guard`, and the two of referential integrity.

Rule: a guard claims what it looks at, so that of two commits that could break the rule together one comes second.
Guards are registered where the server is composed; hospital rules (a slot booked twice) are guards as well.
"""

from __future__ import annotations

from typing import Protocol

from pymongo.asynchronous.client_session import AsyncClientSession

from fhir_server.access.limits import Access
from fhir_server.model import Commit
from fhir_server.store.database import Database


class Guard(Protocol):
    """A rule that a commit must satisfy."""

    def claims(self, commit: Commit) -> tuple[str, ...]:
        """Keys of what the rule depends on; empty when the commit is none of its business. Commits with an equal key
        run one after another."""
        ...

    async def check(self, access: Access, db: Database, session: AsyncClientSession, commit: Commit) -> None:
        """Called in the transaction after the changes were written to it. Raises a FhirError to refuse them all."""
        ...
