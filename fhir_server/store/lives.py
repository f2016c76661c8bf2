"""How far the search parameters are, as it is stored: lives, the walk that reindexes, and the version of all entries.

Rule: the SearchParameter resources are the truth, and this only says how far they are. It is changed by one process at
a time, in transactions that confirm its lease; each change has a revision, and all processes look for a new one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from pymongo import DeleteOne, ReplaceOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.search.life import Life, State
from fhir_server.store import leases, transaction
from fhir_server.store.database import Database, Document, translated
from fhir_server.store.leases import Lease
from fhir_server.store.schema import SchemaTooNew
from resources.parameters import Component, ParameterSet, SearchParameter
from resources.registry import RESOURCE_TYPES

_FACTS: Final = "search parameters"
_WALK: Final = "search parameters walk"
FIRST_FORM: Final = "1"
"""Of databases that say nothing."""
SAMPLE: Final = 100
"""Resources of a type that are extracted again."""


@dataclass(frozen=True, slots=True)
class Facts:
    """`revision` of lives and facts together. `definitions` counts the commits that changed SearchParameter resources,
    `reconciled` is up to which of them the lives follow.

    All entries are of the form `entries`, but for those of the types in `done`, which are of the form `target`.
    """

    revision: int = 0
    definitions: int = 0
    reconciled: int = -1
    entries: str = FIRST_FORM
    target: str = FIRST_FORM
    done: tuple[str, ...] = ()

    def done_in(self, wanted: str) -> tuple[str, ...]:
        """The types whose entries are of this form, while not all are."""
        return self.done if self.target == wanted else ()

    def outdated(self, wanted: str) -> tuple[str, ...]:
        """The types whose entries are not of this form."""
        return () if self.entries == wanted else tuple(sorted(RESOURCE_TYPES.difference(self.done_in(wanted))))


@dataclass(frozen=True, slots=True)
class Walk:
    """The reindexing of one type under way: for the lives with the ids `serves` (as they were under these revisions:
    one that is retired or defined anew meanwhile is not served any more), or, with `upgrade`, for the version of
    entries. All up to the key `position` (`Patient/1`) are done; `sample` are some of them, each as likely as another.
    """

    type: str
    serves: tuple[tuple[str, int], ...]
    upgrade: bool
    total: int
    done: int = 0
    position: str = ""
    sample: tuple[str, ...] = ()

    def is_for(self, life: Life) -> bool:
        """Whether it serves this life, as it is now."""
        return (life.id, life.revision) in self.serves


@dataclass(frozen=True, slots=True)
class Stored:
    """All of it, as read at one time."""

    facts: Facts
    lives: tuple[Life, ...] = ()
    walk: Walk | None = None

    @property
    def are_behind(self) -> bool:
        """Whether the lives do not follow yet what the SearchParameter resources say."""
        return self.facts.reconciled != self.facts.definitions

    def progress(self, life: Life) -> str:
        """How far a life is, in words."""
        if not life.is_being_reindexed:
            return life.state
        return f"{life.state} ({percent(self.done(life), life.total)})"

    def done(self, life: Life) -> int:
        """How many resources have been reindexed for a life."""
        if self.walk is not None and self.walk.is_for(life):
            return life.done + self.walk.done
        return life.done

    def outdated(self, wanted: str) -> dict[str, str]:
        """The types whose entries are not of this form, and how far each is, in words."""
        found = dict.fromkeys(self.facts.outdated(wanted), "waiting")
        if self.walk is not None and self.walk.type in found:
            found[self.walk.type] = percent(self.walk.done, self.walk.total)
        return found


def form(base: ParameterSet) -> str:
    """What entries are made of by this release: their version, and whether the words of all texts are among them."""
    return f"{layout.ENTRIES_VERSION}{' content' if base.content else ''}"


def percent(done: int, total: int) -> str:
    """`37%`; 100% is not said before it is over."""
    return f"{min(99, done * 100 // total) if total else 0}%"


async def prepare(access: Access, db: Database, wanted: str) -> None:
    """Note of which form the entries of this database are, once: of an empty one, of the form `wanted`.

    Raises SchemaTooNew, Unavailable.
    """
    with translated():
        facts = await db.meta.find_one({layout.ID: _FACTS}) or {}
        if "entries" not in facts:
            is_empty = await db.resources.find_one({}, {layout.ID: 1}) is None
            made = wanted if is_empty else FIRST_FORM
            with contextlib.suppress(DuplicateKeyError):  # another process was first
                await db.meta.update_one(
                    {layout.ID: _FACTS, "entries": {"$exists": False}},
                    {"$set": {"entries": made, "target": made}},
                    upsert=True,
                )
        found = await _facts(db)
    newest = max(int(each.partition(" ")[0]) for each in (found.entries, found.target))
    if newest > layout.ENTRIES_VERSION:
        raise SchemaTooNew(
            f"The database has search entries of version {newest}, this release makes version "
            f"{layout.ENTRIES_VERSION}. Start the newer release."
        )


async def load(access: Access, db: Database, before: Stored | None = None) -> Stored:
    """All that is stored; `before` spares reading the lives again where nothing is new.

    NOTE: the facts are read first: what is read after them is of their revision or a later one. Raises Unavailable.
    """
    with translated():
        facts = await _facts(db)
        if before is not None and before.facts.revision == facts.revision:
            lives = before.lives
        else:
            lives = tuple([_life(document) async for document in db.parameters.find({}).sort(layout.ID, 1)])
        walk = await db.meta.find_one({layout.ID: _WALK}, {layout.ID: 0})
    return Stored(facts, lives, _walk(walk) if walk else None)


async def touch(access: Access, db: Database, session: AsyncClientSession) -> None:
    """Note, in the transaction that does it, that SearchParameter resources change. Raises the driver's errors."""
    await db.meta.update_one({layout.ID: _FACTS}, {"$inc": {"definitions": 1}}, upsert=True, session=session)


async def change(
    access: Access,
    db: Database,
    lease: Lease,
    stored: Stored,
    *,
    lives: Sequence[Life] = (),
    gone: Sequence[str] = (),
    end_walk: bool = False,
    now: int,
    **facts: Any,
) -> None:
    """Store lives and facts that changed, and forget those that are `gone`, and the walk at its end, under the next
    revision. `now` is in microseconds since the epoch. Raises LeaseLost, Unavailable."""
    following = stored.facts.revision + 1
    before = {life.id: life.state for life in stored.lives}

    def dated(life: Life) -> Life:
        return replace(life, revision=following, changed=life.changed if before.get(life.id) == life.state else now)

    writes: list[ReplaceOne[Document] | DeleteOne] = [DeleteOne({layout.ID: id_}) for id_ in gone]
    writes += [ReplaceOne({layout.ID: life.id}, _life_document(dated(life)), upsert=True) for life in lives]

    async def work(session: AsyncClientSession) -> None:
        await leases.confirm(access, db, lease, session)
        if writes:
            await db.parameters.bulk_write(writes, session=session)
        if end_walk:
            await db.meta.delete_one({layout.ID: _WALK}, session=session)
        await db.meta.update_one(
            {layout.ID: _FACTS}, {"$set": {"revision": following, **facts}}, upsert=True, session=session
        )

    with translated():
        await transaction.run(db, work)


async def put_walk(access: Access, db: Database, session: AsyncClientSession, walk: Walk) -> None:
    """Store how far the walk is. Raises the driver's errors."""
    await db.meta.replace_one({layout.ID: _WALK}, asdict(walk), upsert=True, session=session)


async def _facts(db: Database) -> Facts:
    with translated():
        found = await db.meta.find_one({layout.ID: _FACTS}, {layout.ID: 0}) or {}
    return Facts(**{**found, "done": tuple(found.get("done", ()))})


def _walk(document: Document) -> Walk:
    serves = tuple((id_, revision) for id_, revision in document["serves"])
    return Walk(**{**document, "serves": serves, "sample": tuple(document["sample"])})


def _life_document(life: Life) -> Document:
    document = asdict(life)
    document[layout.ID] = document.pop("id")
    return document


def _life(document: Document) -> Life:
    facts = {**document, "id": document[layout.ID], "state": State(document["state"])}
    del facts[layout.ID]
    for name in ("definition", "written"):
        facts[name] = None if facts[name] is None else _parameter(facts[name])
    for name in ("touched", "pending"):
        facts[name] = tuple(facts[name])
    return Life(**facts)


def _parameter(document: Document) -> SearchParameter:
    tuples = {name: tuple(document[name]) for name in ("base", "targets")}
    components = tuple(Component(**each) for each in document["components"])
    return SearchParameter(**{**document, **tuples, "components": components})
