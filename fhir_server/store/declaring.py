"""SearchParameter resources: the guard that lets in what can have a life, and those that are in force.

Rule: of two SearchParameters in force that mean the same name of the same type the second is refused, whoever comes
first. What is let in is noted in the same commit, so that none is overlooked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession

from fhir_server.access.limits import Access
from fhir_server.document import entry, layout
from fhir_server.model import Change, Commit, Json
from fhir_server.search import declarations
from fhir_server.search.declarations import TYPE, Declared
from fhir_server.store import lives
from fhir_server.store.database import Database, Document, translated
from resources import json_codec
from resources.outcome import Conflict, Issue, Unprocessable

NAMESAKES: Final = 1_000
"""SearchParameters with one code that are looked at."""


class SearchParameterGuard:
    """See `fhir_server.store.guards.Guard`."""

    async def claims(self, commit: Commit) -> tuple[str, ...]:
        """One commit with SearchParameters at a time."""
        return ("search parameters",) if any(change.type == TYPE for change in commit.changes) else ()

    async def foresee(self, access: Access, db: Database, commit: Commit) -> None:
        """Raises Unprocessable for what is wrong in itself, all of it at once."""
        issues: list[Issue] = []
        several = len(commit.changes) > 1
        for resource in _in_force(commit.changes):
            for issue in declarations.problems(resource):
                named = f"{TYPE}/{resource['id']}: {issue.diagnostics}" if several else issue.diagnostics
                issues.append(replace(issue, diagnostics=named))
        if issues:
            raise Unprocessable(issues=issues)

    async def check(self, access: Access, db: Database, session: AsyncClientSession, commit: Commit) -> None:
        """Raises Conflict for a name that another SearchParameter has."""
        for resource in _in_force(commit.changes):
            await self._check_name(db, session, resource)
        await lives.touch(access, db, session)

    async def _check_name(self, db: Database, session: AsyncClientSession, resource: Json) -> None:
        types = set(declarations.read(resource).parameter.types)
        named = entry.starts_with(entry.token(f"{TYPE}.code", resource["code"].casefold(), ""))
        namesakes = db.resources.find(named, {layout.TEXT: 1}, hint="iI", session=session, limit=NAMESAKES)
        async for row in namesakes:
            other = json_codec.decode_own(row[layout.TEXT])
            if other["id"] == resource["id"] or other["code"] != resource["code"]:
                continue
            if declarations.is_in_force(other):
                shared = sorted(types.intersection(declarations.read(other).parameter.types))
                if shared:
                    raise Conflict(
                        f"{resource['code']} of {shared[0]} is defined by {TYPE}/{other['id']} already. "
                        "Choose another code, or retire the other one."
                    )


class Definitions:
    """The SearchParameter resources in force; what has not changed is not read again."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._read: dict[str, tuple[int, Declared | None]] = {}

    async def in_force(self, access: Access) -> dict[str, tuple[int, Declared]]:
        """What they declare, by id, with their versions. Raises Unavailable."""
        stored: Document = {layout.TYPE: TYPE, layout.DELETED: {"$exists": False}}
        with translated():
            rows = self._db.resources.find(stored, {layout.VERSION: 1}, hint="tU")
            versions = {row[layout.ID]: row[layout.VERSION] async for row in rows}
            known = {key: held for key, held in self._read.items() if held[0] == versions.get(key)}
            wanted = {**stored, layout.ID: {"$in": list(versions.keys() - known.keys())}}
            rows = self._db.resources.find(wanted, {layout.VERSION: 1, layout.TEXT: 1}, hint=layout.BY_ID)
            async for row in rows:
                resource = json_codec.decode_own(row[layout.TEXT])
                declared = declarations.read(resource) if declarations.is_in_force(resource) else None
                known[row[layout.ID]] = row[layout.VERSION], declared
        self._read = known
        return {key.partition("/")[2]: (version, declared) for key, (version, declared) in known.items() if declared}


def _in_force(changes: Sequence[Change]) -> list[Json]:
    """The SearchParameters that are to be answered after these changes."""
    written = [change.after for change in changes if change.type == TYPE and change.after is not None]
    return [resource for resource in written if declarations.is_in_force(resource)]
