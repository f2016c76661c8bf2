"""Reads: one version, a history, the rows of a plan.

Rule: a search's memory is bounded by its page; links to other resources are resolved by `links` before.
History merges `resources` and `versions` by keyset: newest first, then by key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from fhir_server.access.limits import Access
from fhir_server.document import codec, layout
from fhir_server.model import Version
from fhir_server.search import compile as compiling
from fhir_server.search import cursor
from fhir_server.search.query import Plan, Query
from fhir_server.search.rewrite import restrict
from fhir_server.search.tree import Expr
from fhir_server.store import grouped, links, ordered, planning
from fhir_server.store.database import Database, Document, translated
from fhir_server.store.rows import PAGE_BYTES, SEARCH_MILLISECONDS, Page, find, merged, page_of, take
from resources.outcome import Unprocessable

MANY_KEYS: Final = 1_000
"""Keys in one query."""


class HistoryPoint(NamedTuple):
    """Where a page of history ended: `updated` in microseconds since the epoch, `key` as `Patient/1`."""

    updated: int
    key: str


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Versions, newest first; `more` is where the next page begins; `total` is known for an instance's whole history
    only; `revived` are key and number of those that came after a deletion."""

    versions: tuple[Version, ...]
    more: HistoryPoint | None
    total: int | None
    revived: frozenset[tuple[str, int]] = frozenset()


async def read(access: Access, db: Database, type_: str, id_: str) -> Version | None:
    """The current version, a tombstone included; None when the id was never used. Raises Unavailable."""
    with translated():
        document = await db.resources.find_one({layout.ID: f"{type_}/{id_}"}, codec.PROJECTION)
    return None if document is None else codec.to_version(document)


async def read_many(access: Access, db: Database, keys: Sequence[str]) -> dict[str, Version]:
    """The current versions, tombstones included, of the keys (`Patient/1`) that were ever used. Raises Unavailable."""
    found: dict[str, Version] = {}
    with translated():
        for start in range(0, len(keys), MANY_KEYS):
            wanted = {layout.ID: {"$in": list(keys[start : start + MANY_KEYS])}}
            async for document in db.resources.find(wanted, codec.PROJECTION, hint=layout.BY_ID):
                found[document[layout.ID]] = codec.to_version(document)
    return found


async def vread(access: Access, db: Database, type_: str, id_: str, version: int) -> Version | None:
    """One version, current or not, a tombstone included; None when there is no such one. Raises Unavailable."""
    with translated():
        document = await db.versions.find_one({layout.ID: f"{type_}/{id_}/{version}"})
        if document is not None:
            return codec.to_version(document)
        current = await read(access, db, type_, id_)
        if current is None or current.version <= version:
            return current if current is not None and current.version == version else None
        # Replaced between the two reads: it has just moved.
        document = await db.versions.find_one({layout.ID: f"{type_}/{id_}/{version}"})
    return None if document is None else codec.to_version(document)


async def search(access: Access, db: Database, query: Query, *, secret: bytes) -> Page:
    """One page of a query under the caller's limits, with the entries that its includes begin at; `secret` opens its
    cursor.

    Raises BadRequest for a cursor that is not the query's, Unprocessable (too costly), Unavailable.
    """
    with translated():
        plan = await planning.plan(access, db, query, secret=secret)
        projection = codec.WITH_INDEX if query.includes else codec.PROJECTION
        return await _page(db, plan, projection=projection)


async def matching(access: Access, db: Database, type_: str, tree: Expr, *, most: int) -> tuple[Version, ...]:
    """At most `most` resources of a type that satisfy `tree`, and one more where there are more."""
    with translated():
        return await matching_within(access, db, None, type_, tree, most=most)


async def matching_within(
    access: Access, db: Database, session: AsyncClientSession | None, type_: str, tree: Expr, *, most: int
) -> tuple[Version, ...]:
    """The same inside a transaction, for conditions and guards; raises the driver's errors, which say whether the
    transaction can be tried again, and Unprocessable where the resources are too large together."""
    resolved = await planning.resolved(access, db, restrict(tree, type_, access.limit), session)
    page = await _page(db, compiling.unordered(resolved, most), session, whole=True)
    if page.next is not None and len(page.versions) <= most:
        raise Unprocessable(
            f"The criteria match more than {PAGE_BYTES // 1024 // 1024} MiB of {type_} resources: narrow them.",
            code="too-costly",
        )
    return page.versions


async def leading_on(
    access: Access, db: Database, tree: Expr, types: Sequence[str], *, most: int, most_bytes: int, entries: bool
) -> Page:
    """At most `most` resources of `types` that satisfy `tree`, whichever come first, with the entries that includes go
    on at, if wanted; `next` is None where those are all. Raises Unprocessable (too costly), Unavailable."""
    with translated():
        type_ = types[0] if len(types) == 1 else None
        resolved = await planning.resolved(access, db, restrict(tree, type_, access.limit, tuple(types)))
        plan = compiling.unordered(resolved, most)
        projection = codec.WITH_INDEX if entries else codec.PROJECTION
        return await _page(db, plan, projection=projection, most_bytes=most_bytes)


async def _page(
    db: Database,
    plan: Plan,
    session: AsyncClientSession | None = None,
    *,
    whole: bool = False,
    projection: Mapping[str, int] = codec.PROJECTION,
    most_bytes: int = PAGE_BYTES,
) -> Page:
    """The rows of a plan, whose tree was restricted: at most `plan.size`; with `whole`, one more where there are more.

    `projection` is what is read of each row at least; a page ends where its rows exceed `most_bytes`. Raises the
    driver's errors, and Unprocessable (too costly).
    """
    if plan.groups is not None:
        return await grouped.page(db, plan, plan.groups, projection)
    if plan.residual is not None:
        rows, complete = await _walked(db, plan, session, most_bytes)
    elif plan.computed is not None:
        rows, complete = await ordered.take(db, plan, projection, session, most_bytes)
    elif plan.also is not None:
        both = (_found(db, half, session, projection, most_bytes) for half in (plan, plan.also))
        rows, complete = merged(plan, await asyncio.gather(*both))
    else:
        rows, complete = await _found(db, plan, session, projection, most_bytes)
    more = not complete or len(rows) > plan.size
    rows = rows if whole else rows[: plan.size]
    return page_of(rows, cursor.advance(plan, rows) if more else None)


async def _found(
    db: Database, plan: Plan, session: AsyncClientSession | None, projection: Mapping[str, int], most_bytes: int
) -> tuple[list[Document], bool]:
    """As `take`, of a plan that is one query."""
    return await take(find(db, plan, projection, session, limit=plan.limit), plan.limit, most_bytes)


async def _walked(
    db: Database, plan: Plan, session: AsyncClientSession | None, most_bytes: int
) -> tuple[list[Document], bool]:
    """As `take`, of a plan whose rows are tested one batch after another."""
    walk = links.Walk(db, plan, codec.WITH_ENTRIES, session)
    rows: list[Document] = []
    size = 0
    while len(rows) < plan.limit:
        some = await walk.more()
        if some is None:
            return rows, True
        rows += some[: plan.limit - len(rows)]
        size += sum(len(row.get(layout.TEXT, b"")) for row in some)
        if size > most_bytes and rows:
            return rows, False
    return rows, True


async def history(
    access: Access,
    db: Database,
    *,
    type: str | None = None,  # noqa: A002 - FHIR's word
    id: str | None = None,  # noqa: A002 - FHIR's word
    since_us: int | None = None,
    at: tuple[int, int] | None = None,
    before: HistoryPoint | None = None,
    count: int,
) -> HistoryPage:
    """One page of versions of an instance, a type or all, newest first (https://hl7.org/fhir/R4/http.html#history).

    `since_us`: only those made at or after it. `at`: only those that were current at some time from its first to its
    last microsecond. `before`: where the last page ended. Raises Unavailable.
    """
    with translated():
        current, superseded = _Half(db.resources, layout.ID, layout.BY_ID), _Half(db.versions, layout.KEY, "kU")
        key = None if type is None or id is None else f"{type}/{id}"
        # NOTE: `resources` first. A version that moves in between is then seen twice, and dropped; never lost.
        halves = [await half.rows(type, key, since_us, at, before, count + 1) for half in (current, superseded)]
        total = await _total(db, key) if key is not None and since_us is None and at is None else None
        ordered, whole = _merged([(list(map(codec.to_version, rows)), whole) for rows, whole in halves])
        page = tuple(ordered[:count])
        more = HistoryPoint(page[-1].updated, page[-1].key) if len(ordered) > count or not whole else None
        revived = await _revived(db, page, ordered)
    return HistoryPage(page, more, total, revived)


async def _revived(db: Database, page: Sequence[Version], known: Sequence[Version]) -> frozenset[tuple[str, int]]:
    """Key and number of those on the page whose version before is a deletion: told by `known` where it is among them,
    else by one read of the keys."""
    before = {(each.key, each.version - 1) for each in page if each.version > 1 and not each.deleted}
    deleted = {(each.key, each.version) for each in known if each.deleted} & before
    if asked := before - {(each.key, each.version) for each in known}:
        ids = [f"{key}/{version}" for key, version in asked]
        wanted = {layout.ID: {"$in": ids}, layout.DELETED: True}
        rows = await db.versions.find(wanted, {layout.ID: 1}, max_time_ms=SEARCH_MILLISECONDS).to_list()
        parts = [str(row[layout.ID]).rpartition("/") for row in rows]
        deleted |= {(key, int(version)) for key, _, version in parts}
    return frozenset((key, version + 1) for key, version in deleted)


def _merged(halves: list[tuple[list[Version], bool]]) -> tuple[list[Version], bool]:
    """The versions of both halves in order, each once, and whether those are all. What comes after the end of a half
    that is not whole is left to the next page."""
    versions = {(version.key, version.version): version for rows, _ in halves for version in rows}
    ordered = sorted(versions.values(), key=_place)
    ends = [_place(rows[-1]) for rows, whole in halves if not whole]
    return [version for version in ordered if all(_place(version) <= end for end in ends)], not ends


def _place(version: Version) -> tuple[int, str]:
    return -version.updated, version.key


@dataclass(frozen=True, slots=True)
class _Half:
    """One of the two collections that a history is made of; `key` is the field that holds `Patient/1`, `by_key` the
    index on it."""

    collection: AsyncCollection[Document]
    key: str
    by_key: str

    async def rows(
        self,
        type_: str | None,
        key: str | None,
        since: int | None,
        at: tuple[int, int] | None,
        before: HistoryPoint | None,
        limit: int,
    ) -> tuple[list[Document], bool]:
        wanted = self._period(since, at, before)
        order = [(layout.UPDATED, -1), (self.key, 1)]
        if key is not None:
            wanted[self.key] = key
            index, order = self.by_key, order[:1]
        elif type_ is not None:
            wanted[layout.TYPE] = type_
            index = "tU"
        else:
            index = "U"
        found = self.collection.find(
            wanted, codec.PROJECTION, sort=order, hint=index, limit=limit, max_time_ms=SEARCH_MILLISECONDS
        )
        return await take(found, limit)

    def _period(self, since: int | None, at: tuple[int, int] | None, before: HistoryPoint | None) -> Document:
        bounds: Document = {}
        if since is not None:
            bounds["$gte"] = since
        latest = [point for point in (at and at[1], before and before.updated) if point is not None]
        if latest:
            bounds["$lte"] = min(latest)
        wanted: Document = {layout.UPDATED: bounds} if bounds else {}
        if before is not None:
            wanted["$or"] = [{layout.UPDATED: {"$lt": before.updated}}, {self.key: {"$gt": before.key}}]
        if at is not None and self.key == layout.KEY:
            wanted[layout.UNTIL] = {"$gt": at[0]}
        return wanted


async def _total(db: Database, key: str) -> int:
    current, superseded = await asyncio.gather(
        db.resources.count_documents({layout.ID: key}), db.versions.count_documents({layout.KEY: key}, hint="kU")
    )
    return current + superseded
