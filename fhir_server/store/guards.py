"""Rules that run inside the commit: `Guard`, and referential integrity, which is one.

Rule: a guard claims what it looks at, so that of two commits that could break the rule together one comes second.
Guards are registered where the server is composed; a hospital's rules (a slot booked twice) are guards as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import groupby
from typing import Final, Protocol

from pymongo.asynchronous.client_session import AsyncClientSession

from fhir_server.access.limits import Access
from fhir_server.document import entry, layout
from fhir_server.model import Change, Commit, Json
from fhir_server.search.upgrade import check_current
from fhir_server.store.current import CurrentParameters
from fhir_server.store.database import Database, translated
from resources import references
from resources.outcome import Conflict, Issue, Unprocessable
from resources.positions import expressions_of
from resources.registry import RESOURCE_TYPES

NAMED_AT_MOST: Final = 5
"""References that a refusal to delete names."""
ISSUES_AT_MOST: Final = 100
"""References to nothing that a refusal to write names, the last of them only counted."""
KEYS_AT_ONCE: Final = 1000
"""Resources that are looked for in one query."""
TURN_REFERENCES: Final = 500
"""References looked at before others may run."""


class Guard(Protocol):
    """A rule that a commit must satisfy."""

    async def claims(self, commit: Commit) -> tuple[str, ...]:
        """Keys of what the rule depends on; empty when the commit is none of its business. Of commits with an equal
        key, in whatever process, one runs after the other."""

    async def foresee(self, access: Access, db: Database, commit: Commit) -> None:
        """Called before the transaction, to refuse there what can be refused already. Raises a FhirError.

        What it lets through is checked again in the transaction.
        """

    async def check(self, access: Access, db: Database, session: AsyncClientSession, commit: Commit) -> None:
        """Called in the transaction, after the changes were written to it. Raises a FhirError to refuse them all.

        Reads with `session` and lets the driver's errors through: they say whether to try again.
        """


class ReferentialIntegrity:
    """References between resources of this server hold (https://hl7.org/fhir/R4/references.html#integrity).

    on_write: what a written resource refers to must exist; else Unprocessable, an issue for each reference.
    on_delete: nothing that remains may refer to what is deleted; else Conflict. Found by the reference parameters, and,
    for references that no parameter covers (in extensions, contained resources, Binary.securityContext), by entries of
    their own.
    """

    def __init__(self, parameters: CurrentParameters, base_url: str, *, on_write: bool, on_delete: bool) -> None:
        self._parameters = parameters
        self._base_url = base_url
        self._on_write = on_write
        self._on_delete = on_delete

    async def claims(self, commit: Commit) -> tuple[str, ...]:
        """What is referred to, and what is deleted: these exclude one another."""
        keys = {key async for _, _, _, key in self._targets(commit)}
        keys.update(change.key for change in commit.changes if change.after is None)
        return tuple(f"referred {key}" for key in sorted(keys))

    async def foresee(self, access: Access, db: Database, commit: Commit) -> None:
        """Raises Unprocessable for references to what neither is there nor comes with the commit."""
        if self._on_write:
            coming = {change.key for change in commit.changes if change.after is not None}
            with translated():
                await self._check_targets(db, None, commit, coming)

    async def check(self, access: Access, db: Database, session: AsyncClientSession, commit: Commit) -> None:
        """Raises Unprocessable for references to nothing, Conflict for references that would be left behind."""
        if self._on_write:
            await self._check_targets(db, session, commit, set())
        if self._on_delete:
            for change in commit.changes:
                if change.after is None:
                    await self._check_referrers(db, session, change)

    async def _targets(self, commit: Commit) -> AsyncIterator[tuple[Json, Json, str, str]]:
        """Each reference to a resource of this server: (resource, holder, member, `Patient/1`)."""
        number = 0
        for change in commit.changes:
            if change.after is None:
                continue
            for holder, member, value in references.references_in(change.after):
                number += 1
                if number % TURN_REFERENCES == 0:
                    await asyncio.sleep(0)
                parsed = references.parse(value, self._base_url)
                if parsed is not None and parsed.key is not None:
                    yield change.after, holder, member, parsed.key

    async def _check_targets(
        self, db: Database, session: AsyncClientSession | None, commit: Commit, coming: set[str]
    ) -> None:
        wanted = sorted({key async for _, _, _, key in self._targets(commit)} - coming)
        missing = set(wanted)
        for start in range(0, len(wanted), KEYS_AT_ONCE):
            there = {layout.ID: {"$in": wanted[start : start + KEYS_AT_ONCE]}, layout.DELETED: {"$exists": False}}
            async for document in db.resources.find(there, {layout.ID: 1}, session=session):
                missing.discard(document[layout.ID])
        if missing:
            dangling = [found async for found in self._targets(commit) if found[3] in missing]
            raise Unprocessable(issues=list(_issues(dangling)))

    async def _check_referrers(self, db: Database, session: AsyncClientSession, change: Change) -> None:
        parameters = self._parameters.for_search()
        check_current(parameters, RESOURCE_TYPES)
        key = change.key
        entries = [
            entry.exact(f"{type_}.{parameter.code}", key)
            for type_ in sorted(RESOURCE_TYPES)
            for parameter in parameters.searchable(type_)
            if parameter.type == "reference"
        ]
        referring = db.resources.find(
            {layout.INDEX: {"$in": [*entries, entry.exact(entry.UNCOVERED, key)]}, layout.ID: {"$ne": key}},
            {layout.ID: 1},
            hint="iI",
            limit=NAMED_AT_MOST,
            session=session,
        )
        names = [document[layout.ID] async for document in referring]
        if names:
            raise Conflict(
                f"{key} is still referred to, by {', '.join(names)}{' and others' * (len(names) == NAMED_AT_MOST)}. "
                "Change or delete these first, or all in one transaction."
            )


def _issues(dangling: list[tuple[Json, Json, str, str]]) -> Iterator[Issue]:
    """An issue for each (resource, holder, member, key), up to ISSUES_AT_MOST."""
    shown = dangling if len(dangling) <= ISSUES_AT_MOST else dangling[: ISSUES_AT_MOST - 1]
    for _, group in groupby(shown, key=lambda each: id(each[0])):
        of_one = list(group)
        places = expressions_of(of_one[0][0], [holder for _, holder, _, _ in of_one])
        for place, (_, _, member, key) in zip(places, of_one, strict=True):
            yield Issue("error", "not-found", f"{key} does not exist.", f"{place}.{member}")
    if rest := len(dangling) - len(shown):
        yield Issue("error", "not-found", f"{rest:,} more references lead to nothing.")
