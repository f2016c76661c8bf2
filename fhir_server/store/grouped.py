"""A page of what refers to many resources: gone through in groups of these, each in the order of ids.

Rule: for searches without `_sort` only. A group's bounds are in the cursor, so that a page goes on where the last one
ended whatever was written meanwhile; a row that refers into several groups is shown with the first.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Final

from fhir_server.document import layout
from fhir_server.search import compile as compiling
from fhir_server.search.query import Plan, Position
from fhir_server.search.tree import Linked
from fhir_server.store.database import Database, Document
from fhir_server.store.rows import Page, find, page_of, take

FIRST: Final = 20
LARGEST: Final = compiling.MERGED
"""Resources of a group: few at first, as many as MongoDB merges in order at most."""


async def page(db: Database, plan: Plan, linked: Linked, projection: Mapping[str, int]) -> Page:
    """The rows of a plan in groups of those that refer to `linked`. Raises the driver's errors."""
    ids = linked.ids
    rows: list[Document] = []
    position, size = plan.position, FIRST
    start = 0 if position is None or position.group is None else bisect_left(ids, position.group[0])
    while start < len(ids):
        if position is not None and position.group is not None:
            end = bisect_right(ids, position.group[1])
        else:
            end = min(start + size, len(ids))
        if end > start:
            of_group = compiling.group(plan, linked, start, end, position)
            left = plan.limit - len(rows)
            some, whole = await take(find(db, of_group, projection, limit=left), left)
            rows += some
            if not whole or len(rows) >= plan.limit:
                kept = rows[: plan.size]
                reached = _reached(kept, some, (ids[start], ids[end - 1]))
                return page_of(kept, reached)
        start, position, size = end, None, min(size * 2, LARGEST)
    return page_of(rows, None)


def _reached(kept: list[Document], some: list[Document], group: tuple[str, str]) -> Position:
    """Where the page ends: in the group from its first to its last, of which `some` rows were read."""
    shown = [row for row in kept if any(row is one for one in some)]
    if not shown:  # the first row of this group is the one too many
        return Position((), (), group)
    last = shown[-1][layout.ID]
    return Position((last,), (last,), group)
