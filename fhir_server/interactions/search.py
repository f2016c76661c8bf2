"""search by GET and POST, on a type, at the root, and in a compartment: https://hl7.org/fhir/R4/http.html#search.

Rule: what refers to a resource is in its compartment, whether or not that resource is stored here, and still is when it
has been deleted: a search in the compartment of what nobody refers to finds nothing, and is no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from fhir_server.access.limits import Access
from fhir_server.interactions import contained, pages
from fhir_server.interactions.explain import explain
from fhir_server.interactions.server import Server
from fhir_server.model import FhirRequest, FhirResponse, Pairs
from fhir_server.search import cursor, grammar
from fhir_server.search.query import Query
from fhir_server.store import includes, reader, totals
from fhir_server.store.rows import PAGE_BYTES, Page
from resources.outcome import Issue


async def search(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """One page of matches as a searchset Bundle. Raises BadRequest for what cannot be understood.

    Unknown parameters are refused unless the client prefers lenient handling: a filter must not evaporate silently.
    """
    query = understood(
        server,
        request.type,
        request.query,
        strict=request.prefer.handling != "lenient",
        compartment=request.compartment,
    )
    if query.explain:
        return await explain(server, access, query)
    async with pages.costly(server, query), pages.room(server, query.count + pages.brought(query)):
        return await made(server, access, request, query)


async def made(server: Server, access: Access, request: FhirRequest, query: Query) -> FhirResponse:
    """The page that `query` asks for."""
    if query.contained != "false":
        found = await contained.search(server, access, query, request.base_url.encode())
        return answer(request, _noted(query, found.issues), found.entries, found.total, found.following)
    if query.count == 0:
        total, notes = await _counted(server, access, query)
        return answer(request, _noted(query, notes), (), total, None)
    page = await reader.search(access, server.database, query, secret=server.secret)
    total, notes = await _total(server, access, query, page)
    query = _noted(query, notes)
    following = cursor.seal(page.next, query, server.secret) if page.next else None
    base = request.base_url.encode()
    entries = await pages.entries(server, page.versions, partial(pages.match_entry, base, subset=query.subset))
    if query.includes:
        # What is brought to a small page takes its room only now: matches that are long to find keep nobody waiting.
        async with pages.room(server, 0 if pages.brought(query) else includes.MOST):
            included = await includes.follow(access, server.database, query.includes, page)
            along = partial(pages.match_entry, base, mode=b"include", subset=query.subset)
            entries += await pages.entries(server, included.versions, along)
        query = _noted(query, left_out(included.cut))
    return answer(request, query, entries, total, following)


def _noted(query: Query, notes: Sequence[Issue]) -> Query:
    """The query with more that is to be said of it."""
    return replace(query, issues=(*query.issues, *notes)) if notes else query


async def _total(server: Server, access: Access, query: Query, page: Page) -> tuple[int | None, list[Issue]]:
    """How many matches there are, as far as the client wants to know, and what is to be said of the number."""
    if query.total == "none":
        return None, []
    if page.next is None and query.cursor is None:
        return len(page.versions), []  # they are all here
    return (None, []) if query.total is None else await _counted(server, access, query)


async def _counted(server: Server, access: Access, query: Query) -> tuple[int | None, list[Issue]]:
    if query.total != "estimate":
        return await totals.count(access, server.database, query), []
    found = await totals.estimate(access, server.database, query)
    if found.exact:
        return found.total, []
    few = "are too many to be seen at once" if found.total is None else f"may be more than these {found.total:,}"
    return found.total, [Issue("information", "informational", f"_total=estimate: the matches {few}.")]


def left_out(cut: tuple[str, ...]) -> list[Issue]:
    """The warning that these includes may have more than what came along with a page."""
    if not cut:
        return []
    words = (
        f"{', '.join(cut)}: not everything may have come along with this page. It takes {includes.MOST:,} resources "
        f"and {PAGE_BYTES // 1024 // 1024} MiB at most, in {includes.MOST_ROUNDS} steps. Ask for fewer matches on a "
        "page (_count), or search for what refers to them."
    )
    return [Issue("warning", "too-costly", words)]


def understood(
    server: Server, type_: str | None, pairs: Pairs, *, strict: bool, compartment: str | None = None
) -> Query:
    """The query that the pairs ask for. Raises BadRequest, naming each parameter that is wrong."""
    return grammar.parse(
        type_,
        pairs,
        parameters=server.parameters,
        base_url=server.settings.base_url,
        strict=strict,
        default_count=server.settings.page_size_default,
        max_count=server.settings.page_size_max,
        now_ms=server.clock() // 1000,
        compartment=compartment,
    )


def answer(
    request: FhirRequest, query: Query, entries: tuple[bytes, ...], total: int | None, following: str | None
) -> FhirResponse:
    """The searchset."""
    address = "/".join((request.base_url, *_path(request)))
    links = pages.links(address, query.applied, query.cursor, following)
    if query.issues:
        entries = (*entries, pages.outcome_entry(query.issues))
    return FhirResponse(200, text=pages.bundle("searchset", links, entries, total))


def _path(request: FhirRequest) -> tuple[str, ...]:
    """What stands behind the base url of a search."""
    if request.compartment is not None:
        return request.compartment, request.type or "*"
    return (request.type,) if request.type is not None else ()
