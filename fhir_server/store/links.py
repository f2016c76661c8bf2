"""Links to other resources, resolved: what a search asks of them becomes what MongoDB can be asked in one query.

Rule: a link that leads to few resources is replaced by their ids; one that leads to many stays, and is tested for the
rows that are walked (`holding`), batch by batch. Every query here carries the limits that `rewrite.restrict` planted.
Which of the two is right was measured over a million resources: docs/decisions/0008-links.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from fhir_server.access.limits import Access
from fhir_server.document import codec, entry, layout
from fhir_server.search import compile as compiling
from fhir_server.search import match
from fhir_server.search.extract import Extracted
from fhir_server.search.query import Plan
from fhir_server.search.rewrite import restrict
from fhir_server.search.tree import (
    NOTHING,
    All,
    Any_,
    Chain,
    Expr,
    Has,
    HasId,
    Linked,
    Not,
    all_of,
    any_of,
)
from fhir_server.store.database import Database, Document
from fhir_server.store.ordered import Ordered
from fhir_server.store.rows import SEARCH_MILLISECONDS, Source, find, next_rows
from resources.outcome import Unprocessable

AT_FIRST: Final = 100
"""Resources that are asked for before they are counted."""
MANY: Final = 2_000
"""A link that leads to more resources is tested row by row."""
MANY_REFERRERS: Final = 2_000
"""The same for `_has`: so many referring resources are brought together."""
MOST_WALKED: Final = 20_000
"""Rows that are walked for one page."""
BATCH: Final = 25
LARGEST_BATCH: Final = 800
"""Rows that are tested at once: more each time, since few held so far."""
MOST_AT_ONCE: Final = LARGEST_BATCH * 100
"""Resources that the references of one batch lead to."""
BATCH_BYTES: Final = 8 * 1024 * 1024
FACTS: Final = {layout.TEXT: 0, layout.TREE: 0}
"""What is read of a row that is tested."""


async def resolve(  # noqa: PLR0911 - one a node
    db: Database, tree: Expr, session: AsyncClientSession | None = None
) -> Expr:
    """`tree` with the links that lead to few resources replaced. `tree` is restricted already.

    Raises the driver's errors, and Unprocessable (too costly) where too many rows would have to be looked at.
    """
    match tree:
        case All(parts):
            return all_of(*[await resolve(db, part, session) for part in parts])
        case Any_(parts):
            return any_of(*[await resolve(db, part, session) for part in parts])
        case Not(part):
            return Not(await resolve(db, part, session))
        case Chain():
            link = replace(tree, inner=await resolve(db, tree.inner, session))
            names = await _few(db, link, session)
            if names is None:
                return link
            return Linked(link.key, names, link.many) if names else NOTHING
        case Has():
            had = replace(tree, inner=await resolve(db, tree.inner, session))
            referred = await _referred(db, had, session)
            if referred is None:
                return had
            return HasId(referred) if referred else NOTHING
    return tree


async def visible(
    access: Access, db: Database, type_: str, tree: Expr, *, most: int, projection: Mapping[str, int],
    session: AsyncClientSession | None = None,
) -> list[Document]:  # fmt: skip
    """The rows of a type that satisfy `tree` and that the caller may see, at most one more than `most`: for lookups, so
    `tree` has none. Raises the driver's errors and Unprocessable."""
    resolved = await resolve(db, restrict(tree, type_, access.limit), session)
    return await _rows(db, compiling.unordered(resolved, most), projection, session, tested=codec.WITH_ENTRIES)


async def _few(db: Database, link: Chain, session: AsyncClientSession | None) -> tuple[str, ...] | None:
    """By what a chain refers to what satisfies its inner tree, keys and names, sorted; None for more than MANY."""
    if link.inner == NOTHING:
        return ()
    key = entry.canonical_key(link.target)
    wanted: Wanted = {layout.ID: 1, layout.INDEX: _of_key(key)} if link.by_url else {layout.ID: 1}
    found = await _rows(db, compiling.unordered(link.inner, AT_FIRST), wanted, session)
    if len(found) > AT_FIRST:
        plan = compiling.unordered(link.inner, MANY)
        if plan.residual is None and await exceeds(db, plan, MANY, session):
            return None
        found = await _rows(db, plan, wanted, session)
        if len(found) > MANY:
            return None
    return tuple(sorted({name for row in found for name in _called(row, key if link.by_url else "")}))


async def exceeds(db: Database, plan: Plan, most: int, session: AsyncClientSession | None = None) -> bool:
    """Whether more than `most` rows match, counted in the index where that is possible."""
    counted = await db.resources.count_documents(
        plan.filter, hint=plan.hint, limit=most + 1, session=session, maxTimeMS=SEARCH_MILLISECONDS
    )
    return counted > most


async def _referred(db: Database, link: Has, session: AsyncClientSession | None) -> tuple[str, ...] | None:
    """The keys of the resources that what satisfies the inner tree refers to; None where too many do."""
    if link.inner == NOTHING:
        return ()
    plan = compiling.unordered(link.inner, MANY_REFERRERS)
    if plan.residual is None:
        if await exceeds(db, plan, MANY_REFERRERS, session):
            return None
        found = await _grouped(db, plan, link.key, session)
    else:
        rows = await _rows(db, plan, {layout.INDEX: 1}, session)
        if len(rows) > MANY_REFERRERS:
            return None
        found = {target for row in rows for target in entry.values(link.key, row[layout.INDEX])}
    for type_ in link.by_url:
        found = found | set(await _named(db, type_, found, All(()), session))
    return tuple(sorted(found))


def _called(row: Document, key: str) -> Iterator[str]:
    """By what others refer to a row: its own key, and its names among its entries of `key`, if that is not empty."""
    yield row[layout.ID]
    if key:
        yield from entry.values(key, row[layout.INDEX])


async def _named(
    db: Database, type_: str, values: Iterable[str], inner: Expr, session: AsyncClientSession | None
) -> dict[str, set[str]]:
    """Those resources of a type that are named by some of these values and satisfy `inner`: key → their names."""
    key = entry.canonical_key(type_)
    wanted = sorted(filter(entry.may_be_canonical, values))
    if not wanted:
        return {}
    plan = compiling.unordered(all_of(Linked(key, tuple(wanted), many=True), inner), MOST_AT_ONCE)
    rows = await _rows(db, plan, {layout.ID: 1, layout.INDEX: _of_key(key)}, session)
    return {row[layout.ID]: set(_called(row, key)) for row in rows}


Wanted = Mapping[str, Any]
"""What is read of a row: a projection of MongoDB's."""


async def _rows(
    db: Database, plan: Plan, projection: Wanted, session: AsyncClientSession | None,
    *, tested: Mapping[str, int] = FACTS,
) -> list[Document]:  # fmt: skip
    """Rows of a plan without order, at most one more than its size; `tested` is what is read of those that are tested
    one by one."""
    if plan.residual is None:
        return await find(db, plan, projection, session, limit=plan.limit).to_list(None)
    walker = Walk(db, plan, tested, session)
    rows: list[Document] = []
    while len(rows) < plan.limit and (some := await walker.more()) is not None:
        rows += some
    return rows[: plan.limit]


class Walk:
    """The rows of a plan that has a residual: walked in its order and tested in batches that grow."""

    def __init__(
        self, db: Database, plan: Plan, projection: Mapping[str, int], session: AsyncClientSession | None = None,
        *, milliseconds: int = SEARCH_MILLISECONDS,
    ) -> None:  # fmt: skip
        self._db, self._plan, self._session = db, plan, session
        self._cursor: Source = (
            Ordered(db, plan, projection, session, most=MOST_WALKED + 1, milliseconds=milliseconds)
            if plan.computed is not None
            else find(db, plan, projection, session, limit=0, milliseconds=milliseconds).batch_size(BATCH)
        )
        self._batch, self._walked = BATCH, 0

    async def more(self) -> list[Document] | None:
        """The next rows that hold, perhaps none; None at the end. Raises Unprocessable after MOST_WALKED."""
        some = await self._next()
        cut_short = isinstance(self._cursor, Ordered) and self._cursor.passed_over
        if not some and not cut_short:
            return None
        self._walked += len(some)
        if cut_short or self._walked > MOST_WALKED:
            await self._cursor.close()
            raise too_wide(self._plan.residual)
        self._batch = min(self._batch * 2, LARGEST_BATCH)
        return await holding(self._db, self._plan.residual or All(()), some, self._session)

    async def _next(self) -> list[Document]:
        """Rows for one batch: fewer where they are large."""
        rows: list[Document] = []
        size = 0
        while len(rows) < self._batch and size < BATCH_BYTES:
            wanted = next_rows(len(rows), size, self._batch, BATCH_BYTES)
            some = await self._cursor.to_list(wanted)
            rows += some
            size += sum(len(row.get(layout.TEXT, b"")) for row in some)
            if len(some) < wanted:
                break
        return rows


async def count(db: Database, plan: Plan, *, milliseconds: int) -> int:
    """How many rows match. Raises the driver's errors, and Unprocessable for links that lead to too much."""
    if plan.residual is None:
        return await db.resources.count_documents(plan.filter, hint=plan.hint, maxTimeMS=milliseconds)
    walk, counted = Walk(db, plan, FACTS, milliseconds=milliseconds), 0
    while (some := await walk.more()) is not None:
        counted += len(some)
    return counted


def too_wide(tree: Expr | None) -> Unprocessable:
    """The refusal of a search whose links lead to too much, naming them."""
    names = ", ".join(dict.fromkeys(_names(tree))) if tree is not None else ""
    return Unprocessable(
        f"The search looks at too many resources without finding enough: {names or 'its criteria'} leads to many "
        "resources. Narrow it, or add a criterion that few resources meet.",
        code="too-costly",
    )


def _names(tree: Expr) -> list[str]:
    match tree:
        case All(parts) | Any_(parts):
            return [name for part in parts for name in _names(part)]
        case Not(part):
            return _names(part)
        case Chain() | Has():
            return [tree.name]
    return []


async def holding(
    db: Database, tree: Expr, rows: Sequence[Document], session: AsyncClientSession | None = None
) -> list[Document]:
    """Those of the rows, which carry their entries, that satisfy `tree`, in their order."""
    held = await _holding(db, tree, {row[layout.ID]: row for row in rows}, session)
    return [row for row in rows if row[layout.ID] in held]


Rows = dict[str, Document]


async def _holding(  # noqa: PLR0911 - one a node
    db: Database, tree: Expr, rows: Rows, session: AsyncClientSession | None
) -> set[str]:
    """The keys of the rows that satisfy `tree`; what a part has decided is not asked of the next."""
    if not rows:
        return set()
    match tree:
        case All(parts):
            left = dict(rows)
            for part in sorted(parts, key=compiling.has_links):
                held = await _holding(db, part, left, session)
                left = {key: row for key, row in left.items() if key in held}
            return set(left)
        case Any_(parts):
            found: set[str] = set()
            for part in sorted(parts, key=compiling.has_links):
                found |= await _holding(db, part, {k: row for k, row in rows.items() if k not in found}, session)
            return found
        case Not(part):
            return set(rows) - await _holding(db, part, rows, session)
        case Chain():
            return await _chained(db, tree, rows, session)
        case Has():
            return await _had(db, tree, rows, session)
    return {key for key, row in rows.items() if _matches(tree, row)}


def _matches(tree: Expr, row: Document) -> bool:
    extracted = Extracted(
        row.get(layout.INDEX, []), row.get(layout.RANGES, []), {}, row.get(layout.COMPARTMENTS, []), [],
        row.get(layout.RARE, []),
    )  # fmt: skip
    id_ = row[layout.ID].partition("/")[2]
    return match.matches(tree, extracted, type_=row[layout.TYPE], id_=id_, updated=int(row[layout.UPDATED]))


async def _chained(db: Database, link: Chain, rows: Rows, session: AsyncClientSession | None) -> set[str]:
    """The rows that refer to something that satisfies the inner tree."""
    of_target = f"{link.target}/"
    referred = {key: set(entry.values(link.key, row.get(layout.INDEX, ()))) for key, row in rows.items()}
    values = set().union(*referred.values())
    wanted = sorted(value for value in values if value.startswith(of_target))
    found = await _satisfying(db, all_of(HasId(tuple(wanted)), link.inner), session) if wanted else set()
    if link.by_url:
        found = found.union(*(await _named(db, link.target, values, link.inner, session)).values())
    return {key for key, targets in referred.items() if targets & found}


async def _satisfying(db: Database, tree: Expr, session: AsyncClientSession | None) -> set[str]:
    plan = compiling.unordered(tree, MOST_AT_ONCE)
    return {row[layout.ID] for row in await _rows(db, plan, {layout.ID: 1}, session)}


async def _had(db: Database, link: Has, rows: Rows, session: AsyncClientSession | None) -> set[str]:
    """The rows that something that satisfies the inner tree refers to."""
    by_url = {type_: entry.canonical_key(type_) for type_ in link.by_url}
    names = {key: set(_called(row, by_url.get(row[layout.TYPE], ""))) for key, row in rows.items()}
    tree = all_of(Linked(link.key, tuple(set().union(*names.values())), many=True), link.inner)
    plan = compiling.unordered(tree, 1)
    found: set[str] = set()
    if not compiling.has_links(link.inner):
        found = await _grouped(db, plan, link.key, session)
    else:
        walker = Walk(db, plan, FACTS, session)
        while (some := await walker.more()) is not None:
            found |= {target for row in some for target in entry.values(link.key, row[layout.INDEX])}
    return {key for key in rows if names[key] & found}


async def _grouped(db: Database, plan: Plan, key: str, session: AsyncClientSession | None) -> set[str]:
    """What the rows of a plan refer to by the entries of a key, brought together by MongoDB."""
    stages: list[Document] = [
        {"$match": plan.filter},
        {"$project": {layout.ID: 0, layout.INDEX: _of_key(key)}},
        {"$unwind": f"${layout.INDEX}"},
        {"$group": {layout.ID: f"${layout.INDEX}"}},
    ]
    found = await db.resources.aggregate(
        stages, hint=plan.hint, session=session, maxTimeMS=SEARCH_MILLISECONDS
    )
    return {row[layout.ID].removeprefix(key + entry.SEPARATOR) async for row in found}


def _of_key(key: str) -> Document:
    """The expression of a row's entries of a key."""
    of_key = {"$eq": [{"$indexOfBytes": ["$$this", {"$literal": key + entry.SEPARATOR}]}, 0]}
    return {"$filter": {"input": f"${layout.INDEX}", "cond": of_key}}
