"""Searches that find contained resources: a page of them, or of what holds them, after those that are not contained.

Rule: with `both`, what is not contained comes first, and the same resource never twice.
See https://hl7.org/fhir/R4/search.html#contained.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from fhir_server.access.limits import Access
from fhir_server.interactions import pages
from fhir_server.interactions.server import Server
from fhir_server.search import cursor
from fhir_server.search.query import Position, Query
from fhir_server.store import contained, reader, totals
from fhir_server.store.contained import Hit, Hits
from resources.outcome import Issue, Unprocessable

COUNTED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """The entries of a page, the total where it is known, the cursor of the next page, and what is to be said."""

    entries: tuple[bytes, ...]
    total: int | None
    following: str | None
    issues: tuple[Issue, ...] = ()


async def search(server: Server, access: Access, query: Query, base: bytes) -> Found:
    """One page of a query that asks for contained resources; `base` is the service base url. Raises BadRequest,
    Unprocessable (too costly), Unavailable."""
    if query.count == 0:
        return Found((), await _count(server, access, query), None)
    after = cursor.unseal(query.cursor, query, server.secret) if query.cursor else None
    entries: tuple[bytes, ...] = ()
    following: Position | None = None
    if query.contained == "both" and (after is None or not contained.is_among(after)):
        page = await reader.search(access, server.database, query, secret=server.secret)
        entries = await pages.entries(server, page.versions, partial(pages.match_entry, base, subset=query.subset))
        following, after = page.next, contained.START
    if following is None:
        hits = await _hits(server, access, query, after or contained.START, query.count - len(entries))
        entries += tuple(_entry(query, base, hit) for hit in hits.hits)
        following = hits.next
    is_whole = following is None and query.cursor is None
    total, issues = await _total(server, access, query, len(entries) if is_whole else None)
    return Found(entries, total, cursor.seal(following, query, server.secret) if following else None, issues)


def _entry(query: Query, base: bytes, hit: Hit) -> bytes:
    if query.contained_type == "container":
        return pages.match_entry(base, hit.container, subset=query.subset)
    return pages.contained_entry(base, hit.container, hit.contained, query.subset)


async def _hits(server: Server, access: Access, query: Query, after: Position, size: int) -> Hits:
    base_url, parameters = server.settings.base_url, server.parameters
    return await contained.search(
        access, server.database, query, after, size, base_url=base_url, parameters=parameters
    )


async def _total(
    server: Server, access: Access, query: Query, known: int | None
) -> tuple[int | None, tuple[Issue, ...]]:
    if query.total == "none":
        return None, ()
    if known is not None:
        return known, ()
    if query.total == "accurate":
        return await _count(server, access, query), ()
    if query.total is None:
        return None, ()
    return None, (Issue("information", "informational", "_total=estimate: there is none of contained resources."),)


async def _count(server: Server, access: Access, query: Query) -> int:
    counted = await totals.count(access, server.database, query) if query.contained == "both" else 0
    after: Position | None = contained.START
    try:
        async with asyncio.timeout(totals.COUNT_MILLISECONDS / 1000):
            while after is not None:
                hits = await _hits(server, access, query, after, COUNTED_AT_ONCE)
                counted, after = counted + len(hits.hits), hits.next
    except TimeoutError as error:
        raise Unprocessable(
            "Counting the contained resources takes too long. Narrow the search.", code="too-costly"
        ) from error
    return counted
