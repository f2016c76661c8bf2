"""A code asked for without its system: which systems it has here, so that it can be asked for by equality, in order.

Rule: what is remembered is never trusted: each search looks whether the index has another entry with the same code.
See https://hl7.org/fhir/R4/search.html#token.
"""

from __future__ import annotations

import asyncio
from typing import Final

from fhir_server.document import entry, layout
from fhir_server.search.tree import Any_, Equals, Expr, StartsWith, all_of, any_of, conjuncts
from fhir_server.search.types import token
from fhir_server.store.database import Database
from fhir_server.store.rows import SEARCH_MILLISECONDS

MOST_SYSTEMS: Final = 8
"""A code with more systems is asked for by its beginning."""
MOST_CODES: Final = 20
"""The same for a search for more codes."""
REMEMBERED: Final = 20_000


async def told(db: Database, tree: Expr) -> Expr:
    """`tree` with the codes among its conjunctive parts as the entries that there are of them."""
    return all_of(*[await _part(db, part) for part in conjuncts(tree)])


async def _part(db: Database, part: Expr) -> Expr:
    codes = [part] if isinstance(part, StartsWith) else part.parts if isinstance(part, Any_) else ()
    wanted = [one.prefix for one in codes if isinstance(one, StartsWith) and _is_code(one.prefix)]
    if not 0 < len(wanted) <= MOST_CODES:
        return part
    found = dict(zip(wanted, await asyncio.gather(*(_entries(db, prefix) for prefix in wanted)), strict=True))
    return any_of(*(_equal(one, found) for one in codes))


def _is_code(prefix: str) -> bool:
    """Whether a beginning is that of a code's entries: they have a `|` behind the code. What is kept in `rare` has no
    order that equality could give."""
    key, _, rest = prefix.partition(entry.SEPARATOR)
    return rest.endswith(entry.SEPARATOR) and not entry.is_rare(prefix) and token.may_have_systems(key)


def _equal(one: Expr, found: dict[str, tuple[str, ...] | None]) -> Expr:
    entries = found.get(one.prefix) if isinstance(one, StartsWith) else None
    return one if entries is None else any_of(*map(Equals, entries))


async def _entries(db: Database, prefix: str) -> tuple[str, ...] | None:
    """The entries that begin so; None where they are many."""
    known = db.systems.get(prefix, ())
    while len(known) <= MOST_SYSTEMS:
        others = {"$gte": prefix, "$lt": entry.successor(prefix), "$nin": list(known)}
        wanted = {layout.INDEX: {"$elemMatch": others}}
        row = await db.resources.find_one(
            wanted, {layout.INDEX: 1}, hint="iI", max_time_ms=SEARCH_MILLISECONDS
        )
        if row is None:
            return known
        known = (*known, *(held for held in row[layout.INDEX] if held.startswith(prefix) and held not in known))
        if len(db.systems) >= REMEMBERED:
            db.systems.clear()
        db.systems[prefix] = known
    return None
