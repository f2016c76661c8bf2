"""`$everything` of a Patient: https://hl7.org/fhir/R4/patient-operation-everything.html.

Rule: the matches are what is in the patient's compartment, the patient first and the others by type and id, so that a
walk along `next` shows each once whatever is written meanwhile; what they refer to that is no patient's comes along
with the page. `start`, `end`, `_since` and `_type` are part of the queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from fhir_server.access.limits import Access
from fhir_server.document import entry, layout
from fhir_server.interactions import pages
from fhir_server.interactions.read import found
from fhir_server.interactions.search import left_out
from fhir_server.interactions.server import Operation, Server
from fhir_server.model import FhirRequest, FhirResponse, Pairs
from fhir_server.operations import parameters
from fhir_server.search import cursor, sort
from fhir_server.search import includes as following
from fhir_server.search.criteria import Asking, criterion
from fhir_server.search.includes import Include, Way
from fhir_server.search.query import Position, Query, SortKey, Stored
from fhir_server.search.tree import (
    Expr,
    HasId,
    InCompartment,
    Not,
    OfType,
    Present,
    StartsWith,
    Updated,
    all_of,
    any_of,
)
from fhir_server.store import includes, reader
from fhir_server.store.rows import PAGE_BYTES, Page
from resources import instants
from resources.compartments import holds, membership
from resources.outcome import BadRequest
from resources.parameters import ParameterSet
from resources.registry import RESOURCE_TYPES

PATIENT: Final = "Patient"
MEMBERS: Final = tuple(sorted(type_ for type_ in RESOURCE_TYPES if holds(PATIENT, type_)))
"""The types that can be in a patient's compartment."""
TAKEN: Final = {"start": "valueDate", "end": "valueDate", "_since": "valueInstant", "_type": "valueCode",
                "_count": "valueInteger"}  # fmt: skip
"""The parameters, and the members that hold them in a Parameters resource."""
FROM_THE_BEGINNING: Final = Position(("",), ())


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters, understood: `types` is empty for all, `since` in microseconds since the epoch."""

    start: str | None
    end: str | None
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
        tree = all_of(HasId((patient.key,)), narrowed(server, gone_through(asked)))
        first = await reader.leading_on(
            access, server.database, tree, (PATIENT,), most=1, most_bytes=PAGE_BYTES, entries=True
        )
    page = joined(first, await rest(server, access, replace(query, count=query.count - len(first.versions))))
    along = await includes.follow(access, server.database, query.includes, page, only=outsiders(server, asked))
    return answered(server, request, asked, query, page, along)


async def rest(server: Server, access: Access, query: Query) -> Page:
    """The page of the others: none where the patient fills it."""
    if query.count == 0:
        return Page((), FROM_THE_BEGINNING)
    return await reader.search(access, server.database, query, secret=server.secret)


def joined(first: Page, others: Page) -> Page:
    """The patient and the others as one page."""
    return Page((*first.versions, *others.versions), others.next, (*first.entries, *others.entries))


def answered(
    server: Server, request: FhirRequest, asked: Asked, query: Query, page: Page, along: includes.Included
) -> FhirResponse:
    """The searchset: its links say what was asked for, also after a POST."""
    address = f"{request.base_url}/{PATIENT}/{request.id}/$everything"
    own = (*asked.applied, ("_cursor", asked.cursor)) if asked.cursor else asked.applied
    links = [pages.link("self", address, own)]
    if page.next is not None:
        sealed = cursor.seal(page.next, query, server.secret)
        links.append(pages.link("next", address, (*asked.applied, ("_cursor", sealed))))
    base = request.base_url.encode()
    shown = [version for version in page.versions if not asked.types or version.type in asked.types]
    entries = [pages.match_entry(base, version) for version in shown]
    entries += [pages.match_entry(base, version, b"include") for version in along.versions]
    if issues := left_out(along.cut):
        entries.append(pages.outcome_entry(issues))
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
    _check_period(values.get("start"), values.get("end"))
    applied = tuple(pair for pair in pairs if pair[0] != "_cursor")
    return Asked(
        values.get("start"), values.get("end"), _since(values.get("_since")), tuple(sorted(types)),
        _count(server, values.get("_count")), values.get("_cursor"), applied,
    )  # fmt: skip


def _check_period(start: str | None, end: str | None) -> None:
    first, last = (None if text is None else _bounds(name, text) for name, text in (("start", start), ("end", end)))
    if first is not None and last is not None and last[1] < first[0]:
        raise BadRequest(f"end={end} is before start={start}")


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
    """The search for what is in the compartment of `key` but for the patient, and what it brings along."""
    wanted = gone_through(asked)
    return Query(
        type=None,
        tree=all_of(InCompartment(key), Not(HasId((key,))), narrowed(server, wanted)),
        types=wanted.types,
        sort=(SortKey((Stored(layout.ID),)),),
        count=asked.count,
        cursor=asked.cursor,
        applied=asked.applied,
        compartment=f"{key}/$everything",
        includes=(references(server.parameters),),
    )


def gone_through(asked: Asked) -> Asked:
    """What is read for the matches: of all types, where types are asked for that only come along with others; those
    others are then not shown."""
    return asked if all(type_ in MEMBERS for type_ in asked.types) else replace(asked, types=())


def narrowed(server: Server, asked: Asked) -> Expr:
    """The test of `_type`, `_since`, `start` and `end`. Raises BadRequest."""
    tests: list[Expr] = [OfType(asked.types)] if asked.types else []
    if asked.since is not None:
        tests.append(Updated(low=asked.since))
    bounds = [f"{prefix}{text}" for prefix, text in (("ge", asked.start), ("le", asked.end)) if text is not None]
    if bounds:
        tests.append(in_care(server, bounds))
    return all_of(*tests)


def in_care(server: Server, bounds: list[str]) -> Expr:
    """The test that a resource's date lies within dates as a search is asked for them, or that it has none: what is not
    of one time is part of the record at any time. Raises BadRequest."""
    asking = Asking(server.parameters, server.settings.base_url, server.clock() // 1000)
    dated = {type_: codes for type_ in MEMBERS if (codes := sort.dates(type_))}
    tests = [all_of(OfType((type_,)), in_time(asking, type_, codes, bounds)) for type_, codes in dated.items()]
    return any_of(Not(OfType(tuple(dated))), *tests)


def in_time(asking: Asking, type_: str, codes: Sequence[str], bounds: list[str]) -> Expr:
    """The same for the first of these parameters that a resource of a type has."""
    tests: list[Expr] = []
    before: list[Expr] = []
    for code in codes:
        tests.append(all_of(*before, *(criterion(asking, (type_,), code, bound) for bound in bounds)))
        before.append(Not(Present(f"{type_}.{code}", ranged=True)))
    return any_of(*tests, all_of(*before))


# What comes along


@lru_cache(maxsize=4)
def references(known: ParameterSet) -> Include:
    """Every reference of what can be in a patient's compartment, those too that no parameter covers."""
    uncovered = Way("", entry.UNCOVERED, RESOURCE_TYPES)
    return Include(
        "What the record refers to", (uncovered, *(way for type_ in MEMBERS for way in following.ways(known, type_)))
    )


def outsiders(server: Server, asked: Asked) -> Expr:
    """The test that something is no patient's, and of the types and time that are asked for."""
    wanted = replace(asked, start=None, end=None)
    return all_of(nobodys(), narrowed(server, wanted))


@lru_cache(maxsize=1)
def nobodys() -> Expr:
    """The test that something is in no patient's compartment."""
    others = tuple(sorted(RESOURCE_TYPES.difference(MEMBERS)))
    tests = [
        all_of(OfType((type_,)), Not(any_of(*(
            StartsWith(f"{type_}.{code}{entry.SEPARATOR}{PATIENT}/") for code in membership(PATIENT, type_)
        ))))
        for type_ in MEMBERS if type_ != PATIENT
    ]  # fmt: skip
    return any_of(OfType(others), *tests)


EVERYTHING: Final = Operation(
    "everything",
    frozenset({"instance"}),
    reads=True,
    definition="http://hl7.org/fhir/OperationDefinition/Patient-everything",
    summary="All of a patient's record, and what it refers to",
    run=everything,
    types=frozenset({PATIENT}),
)
