"""From a query to its plan, where that takes a look at what is stored: value sets, links, systems of codes, numbers.

Rule: each look is small and bounded; what is decided here changes how rows are found, never which.
Figures: docs/decisions/0008-links.md and 0011-plans.md.
"""

from __future__ import annotations

from pymongo.asynchronous.client_session import AsyncClientSession

from fhir_server.access.limits import Access
from fhir_server.search import compile as compiling
from fhir_server.search.query import Plan, Query
from fhir_server.search.rewrite import restrict, restricted, sort_targets, with_sort_limits
from fhir_server.search.tree import EVERYTHING, Expr
from fhir_server.store import frequent, links, lookups, systems
from fhir_server.store.database import Database
from resources.outcome import Unprocessable


async def plan(access: Access, db: Database, query: Query, *, secret: bytes) -> Plan:
    """The plan of a query under the caller's limits; `secret` opens its cursor.

    Raises BadRequest for a cursor that is not the query's, Unprocessable (too costly), the driver's errors.
    """
    return await planned(access, db, query, await tree(access, db, query), secret=secret)


async def tree(access: Access, db: Database, query: Query) -> Expr:
    """The tree of a query for its pages: restricted, and with all that has to be looked up."""
    found = await resolved(access, db, restricted(query, access.limit))
    return await systems.told(db, found) if compiling.in_order_of_entries(query, found) else found


async def counted_tree(access: Access, db: Database, query: Query) -> Expr:
    """The tree of a query for counting: a single entry is counted in its index, the same beginning is not."""
    return await systems.told(db, await resolved(access, db, restricted(query, access.limit)))


async def planned(access: Access, db: Database, query: Query, tree: Expr, *, secret: bytes) -> Plan:
    """The plan of a query whose tree was looked up."""
    passed_over = await frequent.among(db, compiling.costly(query, tree), tree)
    query = await _with_sort_limits(access, db, query)
    return compiling.plan(query, tree, secret=secret, frequent=passed_over)


async def _with_sort_limits(access: Access, db: Database, query: Query) -> Query:
    """The query with the caller's limits behind its sort keys, as they can be asked. Raises Unprocessable."""
    limits: dict[str, Expr] = {}
    for type_ in sort_targets(query):
        limits[type_] = await resolved(access, db, restrict(EVERYTHING, type_, access.limit))
        if compiling.has_links(limits[type_]):
            raise Unprocessable(
                f"Parameter _sort: which {type_} resources may be seen depends on too many others to sort by them.",
                code="too-costly",
            )
    return with_sort_limits(query, limits)


async def resolved(access: Access, db: Database, tree: Expr, session: AsyncClientSession | None = None) -> Expr:
    """A restricted tree as it can be asked: value sets and hierarchies looked up, links resolved where they lead to
    few."""
    return await links.resolve(db, await lookups.resolve(access, db, tree, session), session)
