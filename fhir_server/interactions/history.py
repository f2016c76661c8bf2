"""history of an instance, a type, the whole system: https://hl7.org/fhir/R4/http.html#history."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from fhir_server.access.limits import Access
from fhir_server.interactions import pages, subsetting
from fhir_server.interactions.server import Server
from fhir_server.model import FhirRequest, FhirResponse, Pairs
from fhir_server.search import cursor
from fhir_server.search.query import Position, Query
from fhir_server.store import reader
from fhir_server.store.reader import HistoryPoint
from resources import instants
from resources.outcome import BadRequest, NotFound
from resources.subsets import Subset

PARAMETERS = ("_count", "_since", "_at", *subsetting.PARAMETERS, "_cursor")


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of a history, understood: instants in microseconds since the epoch. `subset` is the part of each
    resource that is wanted, or `count` where it is the total only."""

    count: int
    since: int | None
    at: tuple[int, int] | None
    cursor: str | None
    subset: Subset | Literal["count"] | None
    applied: Pairs


async def history(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """One page of versions, newest first, as a history Bundle. Raises BadRequest, and NotFound for an instance that
    never was."""
    asked = parse(server, request)
    scope = "/".join(part for part in (request.type, request.id) if part)
    bound = Query(type=f"{scope}/_history", applied=asked.applied)
    before = None
    if asked.cursor is not None:
        position = cursor.unseal(asked.cursor, bound, server.secret)
        before = HistoryPoint(int(position.values[0] or 0), position.seen[0])
    async with pages.room(server, asked.count):
        page = await reader.history(
            access,
            server.database,
            type=request.type,
            id=request.id,
            since_us=asked.since,
            at=asked.at,
            before=before,
            count=asked.count,
        )
    if request.id and not page.versions and before is None and not await exists(server, access, request):
        raise NotFound(f"{request.type}/{request.id} is not known.")
    address = "/".join(part for part in (request.base_url, scope, "_history") if part)
    following = None
    if page.more is not None and asked.subset != "count":
        following = cursor.seal(Position((page.more.updated,), (page.more.key,)), bound, server.secret)
    links = pages.links(address, asked.applied, asked.cursor, following)
    if asked.subset == "count":
        return FhirResponse(200, text=pages.bundle("history", links, (), page.total))
    base = request.base_url.encode()
    entry = partial(pages.history_entry, base, page.revived, subset=asked.subset)
    entries = await pages.entries(server, page.versions, entry)
    return FhirResponse(200, text=pages.bundle("history", links, entries, page.total))


async def exists(server: Server, access: Access, request: FhirRequest) -> bool:
    """Whether the instance ever was; a history that `_since` leaves empty is no 404."""
    return await reader.read(access, server.database, str(request.type), str(request.id)) is not None


def parse(server: Server, request: FhirRequest) -> Asked:
    """Raises BadRequest, naming the parameter."""
    given: dict[str, str] = {}
    for name, value in request.query:
        if name not in PARAMETERS:
            raise BadRequest(
                f"A history takes {', '.join(PARAMETERS[:-1])}; {name} is not known.", code="not-supported"
            )
        if name in given:
            raise BadRequest(f"{name} is given twice.")
        given[name] = value
    applied = tuple((name, value) for name, value in given.items() if name != "_cursor")
    subset = subsetting.asked(request.query, request.type)
    if subset == "count" and (request.id is None or not given.keys().isdisjoint({"_since", "_at"})):
        raise BadRequest(
            "_summary=count is for the whole history of one resource: of others the total is not known.",
            code="not-supported",
        )
    return Asked(
        count=page_size(given.get("_count"), server.settings.page_size_default, server.settings.page_size_max),
        since=first_instant("_since", given["_since"]) if "_since" in given else None,
        at=span("_at", given["_at"]) if "_at" in given else None,
        cursor=given.get("_cursor"),
        subset=subset,
        applied=applied,
    )


def page_size(value: str | None, default: int, most: int) -> int:
    """`_count`; more than the server's maximum is answered with the maximum, as the specification allows."""
    if value is None:
        return default
    if not (value.isascii() and value.isdigit()) or len(value) > 10 or int(value) == 0:
        raise BadRequest(f"_count={value[:40]} is not a positive whole number.")
    return min(int(value), most)


def span(name: str, value: str) -> tuple[int, int]:
    """First and last microsecond of a date or instant."""
    try:
        low, high = instants.bounds(value)
    except ValueError:
        raise BadRequest(
            f"{name}={value[:40]} is not a date or an instant such as 2026-11-24T08:00:00Z.", code="value"
        ) from None
    return low * 1000, high * 1000 + 999


def first_instant(name: str, value: str) -> int:
    """First microsecond of a date or instant."""
    return span(name, value)[0]
