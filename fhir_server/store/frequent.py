"""Which criteria many resources satisfy: rather than their rows sorted, all of a type is gone through in order.

Rule: this chooses how rows are found, never which. So what was found frequent is remembered for a while, and not
counted for each search.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from fhir_server.search import compile as compiling
from fhir_server.search.query import Plan
from fhir_server.search.tree import Expr
from fhir_server.store import links
from fhir_server.store.database import Database

FREQUENT: Final = 1_000
"""Rows that are rather sorted than all of a type gone through."""
REMEMBERED_SECONDS: Final = 60.0
REMEMBERED: Final = 5_000
LONGEST: Final = 500
"""Criteria with more characters are counted each time."""


async def among(db: Database, costly: Sequence[Expr], tree: Expr) -> list[Expr]:
    """Those of `compiling.costly(query, tree)` that many resources satisfy. Raises the driver's errors."""
    return [part for part in costly if await _is_frequent(db, compiling.counting(part, tree))]


async def _is_frequent(db: Database, counting: Plan) -> bool:
    criteria = repr(counting.filter)
    now = time.monotonic()
    if db.frequent.get(criteria, 0) > now:
        return True
    if not await links.exceeds(db, counting, FREQUENT):
        return False
    if len(criteria) <= LONGEST:
        if len(db.frequent) >= REMEMBERED:
            db.frequent.clear()
        db.frequent[criteria] = now + REMEMBERED_SECONDS
    return True
