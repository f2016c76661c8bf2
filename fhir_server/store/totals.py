"""How many resources a search matches: counted, or estimated within a bound.

Rule: a count is exact or refused; an estimate costs about what the search of one page does, and says what it is.
See https://hl7.org/fhir/R4/search.html#total.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from pymongo.errors import ExecutionTimeout

from fhir_server.access.limits import Access
from fhir_server.search import compile as compiling
from fhir_server.search.query import Query
from fhir_server.store import links, planning
from fhir_server.store.database import Database, translated
from resources.outcome import Unprocessable

COUNT_MILLISECONDS: Final = 5_000
"""A count that takes longer is refused."""
ESTIMATED: Final = 1_000
"""An estimate counts so far."""
ESTIMATE_MILLISECONDS: Final = 50
"""An estimate that takes longer is given up."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """`total` matches, or at least so many where it is not `exact`; None where it is not known."""

    total: int | None
    exact: bool


async def count(access: Access, db: Database, query: Query) -> int:
    """How many rows match, without limit. Raises Unprocessable (too costly) after COUNT_MILLISECONDS, Unavailable."""
    try:
        async with asyncio.timeout(COUNT_MILLISECONDS / 1000 + 1):
            with translated():
                tree = await planning.counted_tree(access, db, query)
                return await links.count(db, compiling.unordered(tree, 0), milliseconds=COUNT_MILLISECONDS)
    except (Unprocessable, TimeoutError) as error:
        raise Unprocessable(
            "Counting the matches takes too long. Narrow the search, or ask without _total=accurate.", code="too-costly"
        ) from error


async def estimate(access: Access, db: Database, query: Query) -> Estimate:
    """How many rows match, as far as that can be seen at once. Raises Unprocessable (too costly), Unavailable."""
    with translated():
        tree = await planning.counted_tree(access, db, query)
        plan = compiling.unordered(tree, 0)
        if plan.residual is not None:
            return Estimate(None, exact=False)
        try:
            counted = await db.resources.count_documents(
                plan.filter, hint=plan.hint, limit=ESTIMATED + 1, maxTimeMS=ESTIMATE_MILLISECONDS
            )
        except ExecutionTimeout:
            return Estimate(None, exact=False)
    return Estimate(min(counted, ESTIMATED), exact=counted <= ESTIMATED)
