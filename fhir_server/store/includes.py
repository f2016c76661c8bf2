"""What comes along with the matches of a page: `_include` and `_revinclude`, followed by the entries in the index.

Rule: every query carries the caller's limits for the types that it brings, so that nothing is taken out afterwards; no
resource comes twice, and no match comes again. A page brings along at most `MOST` resources and `PAGE_BYTES` with its
matches; what is left out for that is named. A reference to a version brings the current version, one to a resource that
is not here, or not any more, nothing. See https://hl7.org/fhir/R4/search.html#include.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final

from fhir_server.access.limits import Access
from fhir_server.document import entry
from fhir_server.model import Version
from fhir_server.search.includes import Include, Way
from fhir_server.search.tree import EVERYTHING, Equals, Expr, HasId, Not, all_of, any_of
from fhir_server.store import reader
from fhir_server.store.database import Database
from fhir_server.store.rows import PAGE_BYTES, Page

MOST: Final = 1_000
"""Resources that come along with a page."""
MOST_ROUNDS: Final = 10
"""Times that `:iterate` goes on."""
MOST_ASKED: Final = 20_000
"""Ids and entries that are looked for, for one page."""
ASKED_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Included:
    """What comes along. `cut` are the includes, as the client wrote them, that may have more."""

    versions: tuple[Version, ...]
    cut: tuple[str, ...] = ()


@dataclass(slots=True)
class _Trip:
    """The includes of one page, under way."""

    access: Access
    db: Database
    only: Expr
    goes_on: bool
    """Whether what is brought may lead to more."""
    left_bytes: int
    shown: dict[str, None]
    """Keys of what is on the page, the matches first."""
    brought: list[Version] = field(default_factory=list)
    asked: int = 0
    cut: dict[str, None] = field(default_factory=dict)

    def leave_out(self, includes: Iterable[Include]) -> None:
        """Record that these may have more."""
        self.cut.update(dict.fromkeys(include.text for include in includes))


async def follow(
    access: Access, db: Database, includes: Sequence[Include], page: Page, *, only: Expr = EVERYTHING
) -> Included:
    """What the includes bring along with the matches of a page, which was read with its entries; of that what satisfies
    `only`.

    Raises Unprocessable (too costly), Unavailable.
    """
    shown = dict.fromkeys(version.key for version in page.versions)
    goes_on = any(include.iterate for include in includes)
    trip = _Trip(access, db, only, goes_on, PAGE_BYTES - page.size, shown)
    for _ in range(MOST_ROUNDS):
        page = await _round(trip, includes, page)
        includes = [include for include in includes if include.iterate]
        if not (page.versions and includes):
            break
    else:
        trip.leave_out(includes)
    return Included(tuple(trip.brought), tuple(trip.cut))


async def _round(trip: _Trip, includes: Sequence[Include], page: Page) -> Page:
    """What the includes lead to from `page` in one step, and is new."""
    forward = [include for include in includes if not include.reverse]
    backward = [include for include in includes if include.reverse]
    found = [
        *await _targets(trip, forward, page),
        *await _named_by_url(trip, forward, page),
        *await _referrers(trip, backward, page),
    ]
    versions = tuple(chain.from_iterable(some.versions for some in found))
    return Page(versions, None, tuple(chain.from_iterable(some.entries for some in found)))


async def _targets(trip: _Trip, includes: Sequence[Include], page: Page) -> list[Page]:
    """What the rows of a page refer to by type and id."""
    targets: dict[str, frozenset[str]] = {}
    for way in _ways(includes):
        targets[way.key] = targets.get(way.key, frozenset()) | way.targets
    wanted = {
        value: type_
        for key, value in _held(targets, page)
        if (type_ := _type_of(value)) in targets[key] and value not in trip.shown
    }
    found = []
    for some in _batches(trip, wanted.items(), includes):
        found += await _bring(trip, HasId(tuple(some)), some.values(), includes)
    return found


async def _named_by_url(trip: _Trip, includes: Sequence[Include], page: Page) -> list[Page]:
    """What the rows of a page refer to by a canonical url, of the version that is given, if one is."""
    targets: dict[str, frozenset[str]] = {}
    for way in _ways(includes):
        if way.by_url:
            targets[way.key] = targets.get(way.key, frozenset()) | way.by_url
    wanted = {
        entry.exact(entry.canonical_key(type_), value): type_
        for key, value in _held(targets, page)
        if entry.may_be_canonical(value)
        for type_ in targets[key]
    }
    found = []
    for some in _batches(trip, wanted.items(), includes):
        found += await _bring(trip, any_of(*map(Equals, some)), some.values(), includes)
    return found


async def _referrers(trip: _Trip, includes: Sequence[Include], page: Page) -> list[Page]:
    """What refers to the rows of a page, by type and id or by url."""
    by_target = {
        type_: dict.fromkeys(way for way in _ways(includes) if type_ in way.targets)
        for type_ in {version.type for version in page.versions}
    }
    wanted = (
        (entry.exact(way.key, name), way.source)
        for version, entries in zip(page.versions, page.entries, strict=True)
        for way in by_target[version.type]
        for name in (version.key, *(_names(version.type, entries) if version.type in way.by_url else ()))
    )
    found = []
    for some in _batches(trip, wanted, includes):
        found += await _bring(trip, any_of(*map(Equals, some)), some.values(), includes)
    return found


async def _bring(trip: _Trip, tree: Expr, types: Iterable[str], includes: Sequence[Include]) -> list[Page]:
    """What satisfies `tree` and is new, as far as it fits."""
    most = MOST - len(trip.brought)
    if most <= 0 or trip.left_bytes <= 0:
        trip.leave_out(includes)
        return []
    if not isinstance(tree, HasId):
        tree = all_of(tree, Not(HasId(tuple(trip.shown))))
    read = await reader.leading_on(
        trip.access, trip.db, all_of(tree, trip.only), sorted(set(types)), most=most, most_bytes=trip.left_bytes,
        entries=trip.goes_on,
    )  # fmt: skip
    if read.next is not None:
        trip.leave_out(includes)
    trip.shown.update(dict.fromkeys(version.key for version in read.versions))
    trip.brought += read.versions
    trip.left_bytes -= read.size
    return [read]


def _ways(includes: Iterable[Include]) -> Iterator[Way]:
    return (way for include in includes for way in include.ways)


def _held(keys: Collection[str], page: Page) -> Iterator[tuple[str, str]]:
    """Key and value of the entries that the rows of a page have for some parameters."""
    if keys:
        for held in chain.from_iterable(page.entries):
            key, _, value = held.partition(entry.SEPARATOR)
            if key in keys:
                yield key, value


def _type_of(value: str) -> str:
    """`Patient` of `Patient/1`; empty for a url, and for `Patient/1/_history/2`, which stands beside the plain form."""
    type_, _, id_ = value.partition("/")
    return "" if not id_ or "/" in id_ or ":" in type_ else type_


def _names(type_: str, entries: Sequence[str]) -> list[str]:
    """The names by which canonicals refer to a resource with these entries."""
    return list(entry.values(entry.canonical_key(type_), entries))


def _batches(trip: _Trip, wanted: Iterable[tuple[str, str]], includes: Sequence[Include]) -> Iterator[dict[str, str]]:
    """What is looked for and the type of what it finds, in parts that are not too long for one query, and not too much
    in all."""
    each = iter(wanted)
    while some := dict(islice(each, ASKED_AT_ONCE)):
        trip.asked += len(some)
        if trip.asked > MOST_ASKED:
            trip.leave_out(includes)
            return
        yield some
