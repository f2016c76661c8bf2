"""A page of contained resources: those that may hold one are walked, and what they hold is judged one by one.

Rule: a contained resource is seen where the one that holds it is. https://hl7.org/fhir/R4/search.html#contained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from fhir_server.access.limits import Access
from fhir_server.document import codec, layout
from fhir_server.model import Version
from fhir_server.search import compile as compiling
from fhir_server.search import contained
from fhir_server.search.extract import extract
from fhir_server.search.match import matches
from fhir_server.search.query import Position, Query, SortKey, Stored
from fhir_server.search.rewrite import restrict
from fhir_server.search.tree import Expr
from fhir_server.store import links, lookups, planning
from fhir_server.store.database import Database, translated
from fhir_server.store.rows import PAGE_BYTES, SEARCH_MILLISECONDS
from resources import json_codec
from resources.parameters import ParameterSet

Json = dict[str, Any]

_MARK: Final = ("#", "#")
"""The group of a position among contained resources."""
START: Final = Position((), (), _MARK)
"""Before all of them."""
_BY_ID: Final = (SortKey((Stored(layout.ID),)),)


@dataclass(frozen=True, slots=True)
class Hit:
    """A contained resource that was found, and what holds it."""

    container: Version
    contained: Json


@dataclass(frozen=True, slots=True)
class Hits:
    """Hits by the container's key, as they stand in it; of each container one where containers are asked for. `next` is
    where the next page begins, None on the last one."""

    hits: tuple[Hit, ...]
    next: Position | None


@dataclass(frozen=True, slots=True)
class Judge:
    """What is to be found: `tree` of the resources of `type`; the others are as for `extract`."""

    type: str
    tree: Expr
    base_url: str
    parameters: ParameterSet

    def satisfied(self, resource: Json) -> bool:
        """Whether a resource, contained or not, is one that is looked for."""
        if resource["resourceType"] != self.type:
            return False
        found = extract(resource, self.base_url, self.parameters)
        return matches(self.tree, found, type_=self.type, id_=resource.get("id", ""), updated=0)


def is_among(position: Position) -> bool:
    """Whether a position is among contained resources."""
    return position.group == _MARK


async def search(
    access: Access,
    db: Database,
    query: Query,
    after: Position,
    size: int,
    *,
    base_url: str,
    parameters: ParameterSet,
) -> Hits:
    """At most `size` hits after a position, under the caller's limits. Where resources that are not contained are found
    too (`both`), those that were are not shown again for what they hold.

    Raises Unprocessable (too costly), Unavailable, BadRequest for value sets that cannot be told.
    """
    with translated():
        judge = Judge(str(query.type), await lookups.resolve(access, db, query.tree), base_url, parameters)
        tree = restrict(contained.candidates(judge.tree, judge.type), None, access.limit)
        tree = await planning.resolved(access, db, tree)
        plan = compiling.plan(Query(None, sort=_BY_ID, count=size), tree, secret=b"")
        if after.values:
            plan = replace(plan, filter={"$and": [plan.filter, {layout.ID: {"$gte": after.values[0]}}]})
        walk = links.Walk(db, plan, codec.WITH_ENTRIES, milliseconds=SEARCH_MILLISECONDS)
        page = _Page(query, judge, after, size)
        while (rows := await walk.more()) is not None:
            for row in rows:
                if page.add(codec.to_version(row)):
                    return Hits(tuple(page.hits), page.position)
    return Hits(tuple(page.hits), None)


class _Page:
    """Hits in the making."""

    def __init__(self, query: Query, judge: Judge, after: Position, size: int) -> None:
        self._query, self._judge, self._size = query, judge, size
        self._bytes = 0
        self.hits: list[Hit] = []
        self.position = after

    def add(self, container: Version) -> bool:
        """Add what a resource holds; whether there is more than the page takes."""
        is_shown = self.position.values == (container.key,)
        if is_shown and self._query.contained_type == "container":
            return False
        shown = self.position.seen if is_shown else ()
        for found in self._found(container):
            if found["id"] in shown:
                continue
            if len(self.hits) == self._size or (self._bytes > PAGE_BYTES and self.hits):
                return True
            self.hits.append(Hit(container, found))
            self._bytes += len(container.text or b"")
            shown = (*shown, found["id"])
            self.position = replace(self.position, values=(container.key,), seen=shown)
        return False

    def _found(self, container: Version) -> Iterator[Json]:
        resource = json_codec.decode_own(container.text or b"")
        hits = (each for each in contained.held(resource) if self._judge.satisfied(each))
        if self._query.contained_type == "contained":
            yield from hits
        elif self._query.contained == "true" or not self._judge.satisfied(resource):
            yield from ([first] if (first := next(hits, None)) is not None else ())
