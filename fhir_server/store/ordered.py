"""Rows in an order that is computed: first the ids in order, then the rows themselves, batch by batch.

Rule: MongoDB sorts ids and sort values only, in memory and within a time; each row is read under the whole filter, so
that what has changed in between is not shown. See https://hl7.org/fhir/R4/search.html#sort.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.errors import ExecutionTimeout, OperationFailure

from fhir_server.document import layout
from fhir_server.search import ordering
from fhir_server.search.query import Plan
from fhir_server.store import rows
from fhir_server.store.database import Database, Document
from fhir_server.store.rows import SEARCH_MILLISECONDS
from resources.outcome import Unprocessable

_NO_MEMORY: Final = frozenset({292})  # QueryExceededMemoryLimitNoDiskUseAllowed


async def take(
    db: Database,
    plan: Plan,
    projection: Mapping[str, int],
    session: AsyncClientSession | None,
    most_bytes: int,
) -> tuple[list[Document], bool]:
    """Up to `plan.limit` rows, and whether that is all, as `rows.take` does. Raises Unprocessable (too costly)."""
    while True:
        found = Ordered(db, plan, projection, session, most=plan.limit, milliseconds=SEARCH_MILLISECONDS)
        some, complete = await rows.take(found, plan.limit, most_bytes)
        if some or not found.passed_over:
            return some, complete and not found.passed_over


class Ordered:
    """The rows of a plan whose sort values are computed, as a cursor gives them: with the sort values in them.

    At most `most` are listed; `passed_over` says that of so many not all were there any more, and more may follow.
    """

    def __init__(
        self, db: Database, plan: Plan, projection: Mapping[str, int], session: AsyncClientSession | None = None,
        *, most: int, milliseconds: int | None = None,
    ) -> None:  # fmt: skip
        self._db, self._plan, self._projection, self._session = db, plan, projection, session
        self._most, self._milliseconds = most, milliseconds
        self._listing: AsyncCommandCursor[Document] | None = None
        self._listed = self._found = 0

    @property
    def passed_over(self) -> bool:
        """Whether rows that were listed had gone, and others may follow behind the last one listed."""
        return self._found < self._listed == self._most

    async def to_list(self, length: int) -> list[Document]:
        """The next rows, fewer than `length` only at the end. Raises Unprocessable (too costly)."""
        found: list[Document] = []
        while len(found) < length:
            try:
                listing = self._listing = self._listing or await self._list()
                some = await listing.to_list(length - len(found))
            except OperationFailure as error:
                if isinstance(error, ExecutionTimeout) or error.code in _NO_MEMORY:
                    raise self._too_costly() from error
                raise
            if not some:
                break
            found += await self._rows(some)
            self._listed += len(some)
        self._found += len(found)
        return found

    async def close(self) -> None:
        """Read no more."""
        if self._listing is not None:
            await self._listing.close()

    async def _list(self) -> AsyncCommandCursor[Document]:
        limits: dict[str, Any] = {} if self._milliseconds is None else {"maxTimeMS": self._milliseconds}
        return await self._db.resources.aggregate(
            ordering.pipeline(self._plan, self._most),
            hint=self._plan.hint,
            session=self._session,
            allowDiskUse=False,
            **limits,
        )

    async def _rows(self, listed: list[Document]) -> list[Document]:
        ids = {layout.ID: {"$in": [row[layout.ID] for row in listed]}}
        wanted = {"$and": [ids, self._plan.filter]}
        found = self._db.resources.find(wanted, self._projection, hint=layout.BY_ID, session=self._session)
        by_id = {row[layout.ID]: row async for row in found}
        return [by_id[row[layout.ID]] | row for row in listed if row[layout.ID] in by_id]

    def _too_costly(self) -> Unprocessable:
        names = self._plan.computed.names if self._plan.computed else ""
        return Unprocessable(
            f"Parameter _sort: too many resources have to be looked at to sort them by {names}. Narrow the search.",
            code="too-costly",
        )

