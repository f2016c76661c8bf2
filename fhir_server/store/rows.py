"""Rows of a search: the page they make, and how many are taken from a cursor.

Rule: memory is bounded by the page, in rows and in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.cursor import AsyncCursor

from fhir_server.document import codec, layout
from fhir_server.model import Version
from fhir_server.search import cursor
from fhir_server.search.query import Plan, Position
from fhir_server.store.database import Database, Document

SEARCH_MILLISECONDS: Final = 30_000
"""A search that takes longer is ended, in MongoDB too."""
PAGE_BYTES: Final = 32 * 1024 * 1024
"""A page whose resources exceed it ends there, whatever `_count` asks for."""
ROWS_AT_ONCE: Final = 25
ROWS_AT_FIRST: Final = 3
"""Before anything is known of their size, which may be 12 MB each."""


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of a plan in its order; `next` is where the next page begins, None on the last one. `entries` are those
    in the index of each row, where they were read (`codec.WITH_INDEX`)."""

    versions: tuple[Version, ...]
    next: Position | None
    entries: tuple[Sequence[str], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the resources."""
        return sum(len(version.text or b"") for version in self.versions)


def page_of(rows: Sequence[Document], following: Position | None) -> Page:
    """The page that these rows make."""
    entries = tuple(row.get(layout.INDEX, ()) for row in rows)
    return Page(tuple(map(codec.to_version, rows)), following, entries)


def find(
    db: Database,
    plan: Plan,
    projection: Mapping[str, Any],
    session: AsyncClientSession | None = None,
    *,
    limit: int,
    milliseconds: int = SEARCH_MILLISECONDS,
) -> AsyncCursor[Document]:
    """The rows of a plan that is one query, at most `limit` (0 is no limit)."""
    return db.resources.find(
        plan.filter,
        projection,
        sort=plan.sort or None,
        hint=plan.hint,
        limit=limit,
        session=session,
        max_time_ms=milliseconds,
    )


class Source(Protocol):
    """What rows come from: a cursor of the driver, or what reads like one."""

    async def to_list(self, length: int) -> list[Document]:
        """The next rows, fewer than `length` only at the end."""
        ...

    async def close(self) -> None:
        """Read no more."""
        ...


def next_rows(taken: int, size: int, limit: int, most_bytes: int) -> int:
    """How many rows to read next of `limit`, when `taken` were `size` bytes: about as many as still fit."""
    if taken == 0:
        return min(ROWS_AT_FIRST, limit)
    fitting = (most_bytes - size) * taken // max(size, 1) + 1
    return max(1, min(ROWS_AT_ONCE, limit - taken, fitting))


async def take(found: Source, limit: int, most_bytes: int = PAGE_BYTES) -> tuple[list[Document], bool]:
    """Up to `limit` rows, and whether that is all: not where they exceed `most_bytes` together before."""
    rows: list[Document] = []
    size = 0
    while len(rows) < limit:
        wanted = next_rows(len(rows), size, limit, most_bytes)
        some = await found.to_list(wanted)
        rows += some
        if len(some) < wanted:
            return rows, True
        size += sum(len(row.get(layout.TEXT, b"")) for row in some)
        if size > most_bytes and len(rows) < limit:
            await found.close()
            return rows, False
    return rows, True


def merged(plan: Plan, halves: Sequence[tuple[list[Document], bool]]) -> tuple[list[Document], bool]:
    """The rows of two plans of the same order in that order, as many as the plan's limit, and whether that is all. What
    comes after the end of a half that was cut is left to the next page."""
    rows = [row for some, _ in halves for row in some]
    for position in reversed(range(len(plan.sort))):  # the last key first: sorting keeps the order of equal ones
        rows.sort(key=partial(_comparable, plan, position), reverse=plan.sort[position][1] < 0)
    ends = [some[-1] for some, whole in halves if some and not whole]
    if ends:
        rows = rows[: 1 + min(rows.index(end) for end in ends)]
    return rows[: plan.limit], not ends and len(rows) <= plan.limit


def _comparable(plan: Plan, position: int, row: Document) -> tuple[bool, str | float]:
    """For ordering by one key: null comes before everything."""
    value = cursor.values(plan, row)[position]
    return (False, 0) if value is None else (True, value)
