"""`$everything` of a Patient: https://hl7.org/fhir/R4/patient-operation-everything.html.

Rule: the matches are what is in the patient's compartment, the patient first and the others by type and id, so that a
walk along `next` shows each once whatever is written meanwhile; what they refer to that is no patient's comes along
with the page. `start`, `end`, `_since` and `_type` are part of the queries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.interactions import pages
from fhir_server.interactions.read import found
from fhir_server.interactions.search import left_out
from fhir_server.interactions.server import Operation, Server
from fhir_server.model import FhirRequest, FhirResponse, Pairs
from fhir_server.operations import parameters
from fhir_server.search import cursor, record
from fhir_server.search.query import Position, Query, SortKey, Stored
from fhir_server.search.record import MEMBERS, PATIENT
from fhir_server.search.tree import Expr, HasId, InCompartment, Not, OfType, Updated, all_of
from fhir_server.search.upgrade import check_current
from fhir_server.store import compartments, includes, reader
from fhir_server.store.rows import PAGE_BYTES, Page
from resources import instants
from resources.outcome import BadRequest
from resources.registry import RESOURCE_TYPES

TAKEN: Final = {"start": "valueDate", "end": "valueDate", "_since": "valueInstant", "_type": "valueCode",
                "_count": "valueInteger"}  # fmt: skip
"""The parameters, and the members that hold them in a Parameters resource."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters, understood: `start` is the first millisecond and `end` the last one (both since the epoch),
    `types` is empty for all, `since` in microseconds since the epoch."""

    start: int | None
    end: int | None
    since: int | None
    types: tuple[str, ...]
    count: int
    cursor: str | None
    applied: Pairs


async def everything(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """One page of a patient's record. Raises NotFound, Gone, BadRequest, Unprocessable."""
    asked = understood(server, given(request))
    patient = found(await reader.read(access, server.database, PATIENT, str(request.id)), request)
    query = asked_for(server, patient.key, asked)
    first = Page((), None)
    if asked.cursor is None:
        tree = all_of(HasId((patient.key,)), narrowed(gone_through(asked)))
        first = await reader.leading_on(
            access, server.database, tree, (PATIENT,), most=1, most_bytes=PAGE_BYTES, entries=True
        )
    page = await filled(server, access, query, await parts(server, access, patient.key, asked, query), first)
    only = all_of(record.nobodys(), narrowed(asked))
    along = await includes.follow(access, server.database, query.includes, page, only=only)
    return await answered(server, request, asked, query, page, along)


async def filled(server: Server, access: Access, query: Query, parts: Mapping[str, Query], page: Page) -> Page:
    """`page` with the rows of the parts, one part after another, until it is full; `next` is where to go on."""
    reached: Position | None = Position(("",), ())
    for last, part in parts.items():
        left = query.count - len(page.versions)
        if left == 0 or page.size >= PAGE_BYTES:
            return replace(page, next=reached)
        more = await reader.search(access, server.database, replace(part, count=left), secret=server.secret)
        page = Page((*page.versions, *more.versions), more.next, (*page.entries, *more.entries))
        if more.next is not None:
            return page
        reached = Position((last,), ())
    return replace(page, next=None)


async def answered(
    server: Server, request: FhirRequest, asked: Asked, query: Query, page: Page, along: includes.Included
) -> FhirResponse:
    """The searchset: its links say what was asked for, also after a POST."""
    address = f"{request.base_url}/{PATIENT}/{request.id}/$everything"
    following = None if page.next is None else cursor.seal(page.next, query, server.secret)
    links = pages.links(address, asked.applied, asked.cursor, following)
    base = request.base_url.encode()
    shown = [version for version in page.versions if not asked.types or version.type in asked.types]
    entries = await pages.entries(server, shown, partial(pages.match_entry, base))
    entries += await pages.entries(server, along.versions, partial(pages.match_entry, base, mode=b"include"))
    if issues := left_out(along.cut):
        entries += (pages.outcome_entry(issues),)
    total = len(shown) if page.next is None and asked.cursor is None else None
    return FhirResponse(200, text=pages.bundle("searchset", links, entries, total))


# What is asked


def given(request: FhirRequest) -> Pairs:
    """The parameters, from the query and from a Parameters resource. Raises BadRequest."""
    pairs = list(request.query)
    for parameter in parameters.given(request):
        name = parameter["name"]
        member = TAKEN.get(name)
        if member is not None and member not in parameter:
            raise BadRequest(f"The parameter {name} is given as {member}.", expression="Parameters.parameter")
        pairs.append((name, str(parameter[member]) if member else ""))
    return tuple(pairs)


def understood(server: Server, pairs: Pairs) -> Asked:
    """What the pairs ask for. Raises BadRequest."""
    values: dict[str, str] = {}
    types: set[str] = set()
    for name, value in pairs:
        if name not in (*TAKEN, "_cursor"):
            allowed = ", ".join(TAKEN)
            raise BadRequest(f"$everything takes {allowed}; {name[:40]} is not known.", code="not-supported")
        if name == "_type":
            types |= set(value.split(","))
        elif name in values:
            raise BadRequest(f"Parameter {name} is there twice")
        values[name] = value
    if unknown := sorted(types - RESOURCE_TYPES):
        raise BadRequest(f"Parameter _type: {unknown[0][:40]!r} is not a resource type")
    start, end = _period(values.get("start"), values.get("end"))
    applied = tuple(pair for pair in pairs if pair[0] != "_cursor")
    return Asked(
        start, end, _since(values.get("_since")), tuple(sorted(types)), _count(server, values.get("_count")),
        values.get("_cursor"), applied,
    )  # fmt: skip


def _period(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    first, last = (None if text is None else _bounds(name, text) for name, text in (("start", start), ("end", end)))
    if first is not None and last is not None and last[1] < first[0]:
        raise BadRequest(f"end={end} is before start={start}")
    return first and first[0], last and last[1]


def _bounds(name: str, text: str) -> tuple[int, int]:
    try:
        return instants.bounds(text)
    except ValueError as error:
        raise BadRequest(f"Parameter {name}={text[:40]}: {error}.") from None


def _since(text: str | None) -> int | None:
    try:
        return None if text is None else instants.parse_instant(text)
    except ValueError as error:
        raise BadRequest(f"Parameter _since={text[:40] if text else ''}: {error}.") from None


def _count(server: Server, text: str | None) -> int:
    if text is None:
        return server.settings.page_size_default
    if not (text.isascii() and text.isdigit() and int(text[:12]) > 0):
        raise BadRequest(f"Parameter _count={text[:40]}: a number of at least 1 is expected")
    return min(int(text[:12]), server.settings.page_size_max)


def asked_for(server: Server, key: str, asked: Asked) -> Query:
    """The search for what is in the compartment of `key` but for the patient, at any time, and what it brings along."""
    wanted = gone_through(asked)
    check_current(server.parameters, RESOURCE_TYPES)
    return Query(
        type=None,
        tree=all_of(InCompartment(key), Not(HasId((key,))), narrowed(wanted)),
        types=wanted.types,
        sort=(SortKey((Stored(layout.ID),)),),
        count=asked.count,
        cursor=asked.cursor,
        applied=asked.applied,
        compartment=f"{key}/$everything",
        includes=(record.references(server.parameters),),
    )


async def parts(server: Server, access: Access, key: str, asked: Asked, query: Query) -> Mapping[str, Query]:
    """The searches that the query is divided into, each with the end of the ids that it may find: one for each type
    that is there where a time is asked for, since types have their own dates, and tests of all cost as much for each
    resource; not those that the cursor has passed. Raises BadRequest."""
    if asked.start is asked.end is None:
        return {"": query}
    position = cursor.unseal(asked.cursor, query, server.secret).values[0] if asked.cursor else ""
    present = await compartments.types_in(access, server.database, key)
    return {
        end: replace(query, tree=all_of(query.tree, OfType((type_,)), record.in_time(type_, asked.start, asked.end)))
        for type_ in present
        if type_ in (query.types or present)
        and (end := f"{type_}0") > str(position)  # the character after the slash of Observation/1
    }


def gone_through(asked: Asked) -> Asked:
    """What is read for the matches: of all types, where types are asked for that only come along with others; those
    others are then not shown."""
    return asked if all(type_ in MEMBERS for type_ in asked.types) else replace(asked, types=())


def narrowed(asked: Asked) -> Expr:
    """The test of `_type` and `_since`."""
    tests: list[Expr] = [OfType(asked.types)] if asked.types else []
    if asked.since is not None:
        tests.append(Updated(low=asked.since))
    return all_of(*tests)


EVERYTHING: Final = Operation(
    "everything",
    frozenset({"instance"}),
    reads=True,
    definition="http://hl7.org/fhir/OperationDefinition/Patient-everything",
    summary="All of a patient's record, and what it refers to",
    run=everything,
    types=frozenset({PATIENT}),
)
