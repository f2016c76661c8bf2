"""Rules that run inside the commit: `Guard`, and referential integrity, which is one.

Rule: a guard claims what it looks at, so that of two commits that could break the rule together one comes second.
Guards are registered where the server is composed; a hospital's rules (a slot booked twice) are guards as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from pymongo.asynchronous.client_session import AsyncClientSession

from fhir_server.access.limits import Access
from fhir_server.document import entry, layout
from fhir_server.model import Change, Commit, Json
from fhir_server.store.database import Database
from resources import references
from resources.outcome import Conflict, Issue, Unprocessable
from resources.parameters import ParameterSet
from resources.registry import RESOURCE_TYPES

NAMED_AT_MOST = 5
"""References that a refusal to delete names."""


class Guard(Protocol):
    """A rule that a commit must satisfy."""

    def claims(self, commit: Commit) -> tuple[str, ...]:
        """Keys of what the rule depends on; empty when the commit is none of its business. Of commits with an equal
        key, in whatever process, one runs after the other."""

    async def check(self, access: Access, db: Database, session: AsyncClientSession, commit: Commit) -> None:
        """Called in the transaction, after the changes were written to it. Raises a FhirError to refuse them all.

        Reads with `session` and lets the driver's errors through: they say whether to try again.
        """


class ReferentialIntegrity:
    """References between resources of this server hold (https://hl7.org/fhir/R4/references.html#integrity).

    on_write: what a written resource refers to must exist; else Unprocessable, an issue for each reference.
    on_delete: nothing that remains may refer to what is deleted; else Conflict. Found by the reference parameters.
    """

    def __init__(self, parameters: ParameterSet, base_url: str, *, on_write: bool, on_delete: bool) -> None:
        self._parameters = parameters
        self._base_url = base_url
        self._on_write = on_write
        self._on_delete = on_delete

    def claims(self, commit: Commit) -> tuple[str, ...]:
        """What is referred to, and what is deleted: these exclude one another."""
        keys = {key for change in commit.changes if change.after for _, _, key in self._targets(change.after)}
        keys.update(f"{change.type}/{change.id}" for change in commit.changes if change.after is None)
        return tuple(f"referred {key}" for key in sorted(keys))

    async def check(self, access: Access, db: Database, session: AsyncClientSession, commit: Commit) -> None:
        """Raises Unprocessable for references to nothing, Conflict for references that would be left behind."""
        if self._on_write:
            await self._check_targets(db, session, [change.after for change in commit.changes if change.after])
        if self._on_delete:
            for change in commit.changes:
                if change.after is None:
                    await self._check_referrers(db, session, change)

    def _targets(self, resource: Json) -> Iterator[tuple[Json, str, str]]:
        """Each reference to a resource of this server: (holder, member, `Patient/1`)."""
        for holder, member, value in references.references_in(resource):
            parsed = references.parse(value, self._base_url)
            if parsed is not None and parsed.key is not None:
                yield holder, member, parsed.key

    async def _check_targets(self, db: Database, session: AsyncClientSession, resources: list[Json]) -> None:
        wanted = {key for resource in resources for _, _, key in self._targets(resource)}
        there = {layout.ID: {"$in": sorted(wanted)}, layout.DELETED: {"$exists": False}}
        found = {document[layout.ID] async for document in db.resources.find(there, {layout.ID: 1}, session=session)}
        issues = [
            Issue("error", "not-found", f"{key} does not exist.", f"{_path(resource, holder)}.{member}")
            for resource in resources
            for holder, member, key in self._targets(resource)
            if key not in found
        ]
        if issues:
            raise Unprocessable(issues=issues)

    async def _check_referrers(self, db: Database, session: AsyncClientSession, change: Change) -> None:
        key = f"{change.type}/{change.id}"
        entries = [
            entry.exact(f"{type_}.{parameter.code}", key)
            for type_ in sorted(RESOURCE_TYPES)
            for parameter in self._parameters.searchable(type_)
            if parameter.type == "reference" and change.type in parameter.targets
        ]
        referring = db.resources.find(
            {layout.INDEX: {"$in": entries}, layout.ID: {"$ne": key}},
            {layout.ID: 1},
            hint="iU",
            limit=NAMED_AT_MOST,
            session=session,
        )
        names = [document[layout.ID] async for document in referring]
        if names:
            raise Conflict(
                f"{key} is still referred to, by {', '.join(names)}{' and others' * (len(names) == NAMED_AT_MOST)}. "
                "Change or delete these first, or all in one transaction."
            )


def _path(resource: Json, holder: Json) -> str:
    """The FHIRPath of `holder`, which is a part of `resource`."""
    return f"{resource['resourceType']}{_way(resource, holder) or ''}"


def _way(value: Any, holder: Json) -> str | None:
    if value is holder:
        return ""
    steps: Iterator[tuple[str, Any]] = iter(())
    if isinstance(value, dict):
        steps = ((f".{name}", child) for name, child in value.items())
    elif isinstance(value, list):
        steps = ((f"[{number}]", child) for number, child in enumerate(value))
    for step, child in steps:
        way = _way(child, holder)
        if way is not None:
            return step + way
    return None
