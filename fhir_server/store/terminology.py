"""The codes of ValueSets and what is above and below a code, over the terminology stored here and HL7's own.

Rules: what is stored comes before what is shipped with the same url; of several stored ones the version that is asked
for, else the latest. It is read under the caller's own access, and read anew for each question, so that no answer is
stale and nothing hidden shows; only its decoding is remembered, under the version that was decoded.
See https://hl7.org/fhir/R4/search.html#token and `resources.terminology`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeVar

from fhir_server.access.limits import Access
from fhir_server.document import codec, entry, layout
from fhir_server.model import Version
from fhir_server.search.tree import Equals, Expr, HasId, StartsWith, all_of
from fhir_server.store import links
from fhir_server.store.database import Database, translated
from resources.terminology import expansion, shapes, shipped, subsumption, systems
from resources.terminology.lookups import Code, Found, Steps, Wanted
from resources.terminology.problems import NotExpandable
from resources.terminology.shapes import CodeSystem, Compose, Include, ValueSet
from resources.terminology.subsumption import Direction
from resources.terminology.systems import System

MOST_OF_ONE_URL: Final = 20
"""So many stored resources with one url are told apart by version; where there are more, one has to be named."""
REMEMBERED_BYTES: Final = 16 * 1024 * 1024
"""So much JSON text, at most, of stored resources is remembered decoded (which takes about as much memory)."""
_MILLISECONDS: Final = 5_000

T = TypeVar("T")


async def value_set(access: Access, db: Database, canonical: str, *, most: int) -> tuple[Code, ...]:
    """Every code of the ValueSet `url` or `url|version`, at most `most`. Raises NotExpandable, Unavailable."""
    return await _run(access, db, expansion.expand(canonical, most))


async def subsumed(
    access: Access, db: Database, system: str, code: str, direction: Direction, *, most: int
) -> tuple[Code, ...]:
    """The code itself and all that are below or above it, at most `most`. Raises NotExpandable, Unavailable."""
    return await _run(access, db, subsumption.subsumed(system, code, direction, most))


async def _run(access: Access, db: Database, steps: Steps[T]) -> T:
    """The result of an evaluation, each resource fetched when it is asked for."""
    try:
        wanted = next(steps)
        while True:
            wanted = steps.send(await _find(access, db, wanted))
    except StopIteration as done:
        result: T = done.value
        return result


async def _find(access: Access, db: Database, wanted: Wanted) -> Found:
    found = await _stored(access, db, wanted) or shipped.find(wanted)
    if found is None and wanted.type == "ValueSet":
        found = await _all_codes(access, db, wanted)
    return found


async def _stored(access: Access, db: Database, wanted: Wanted) -> Found:
    """The stored resource, the latest where no version is asked for."""
    tree: Expr = Equals(entry.exact(f"{wanted.type}.url", wanted.url))
    if wanted.version is not None:
        tree = all_of(tree, StartsWith(entry.token(f"{wanted.type}.version", wanted.version.casefold(), "")))
    versions = await _versions(access, db, wanted.type, tree)
    if len(versions) > MOST_OF_ONE_URL:
        raise NotExpandable(
            f"more than {MOST_OF_ONE_URL} resources are stored as {wanted}; name the version, as in url|version",
            "too-costly",
        )
    found = [resource for resource in map(_DECODED.get, versions) if wanted.version in (None, resource.version)]
    return max(found, key=lambda resource: shapes.version_order(resource.version, resource.date), default=None)


async def _all_codes(access: Access, db: Database, wanted: Wanted) -> ValueSet | None:
    """The ValueSet that a stored CodeSystem means by its `valueSet`: all its codes.

    No search parameter covers that element; CodeSystems are few, and this is asked last.
    """
    named = {layout.TYPE: "CodeSystem", f"{layout.TREE}.valueSet": {"$eq": wanted.url}}
    with translated():
        rows = db.resources.find(named, {layout.ID: 1}, hint="tU", limit=MOST_OF_ONE_URL, max_time_ms=_MILLISECONDS)
        keys = tuple([row[layout.ID] async for row in rows])
    if not keys:
        return None
    versions = await _versions(access, db, "CodeSystem", HasId(keys))
    found = [resource for resource in map(_DECODED.get, versions) if wanted.version in (None, resource.version)]
    if not found:
        return None
    system = max(found, key=lambda resource: shapes.version_order(resource.version, resource.date))
    include = Include(system=system.url, version=system.version)
    return ValueSet(url=wanted.url, version=system.version, compose=Compose(include=(include,)))


async def _versions(access: Access, db: Database, type_: str, tree: Expr) -> list[Version]:
    with translated():
        rows = await links.visible(access, db, type_, tree, most=MOST_OF_ONE_URL, projection=codec.PROJECTION)
    return list(map(codec.to_version, rows))


class _Decoded:
    """Stored ValueSets and CodeSystems as they are evaluated, those last used, up to REMEMBERED_BYTES of text.

    A version never changes; its time is part of the key for databases that are dropped and begun anew.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, int, int], tuple[ValueSet | System, int]] = OrderedDict()
        self._bytes = 0

    def get(self, version: Version) -> ValueSet | System:
        """The resource of a version that is no tombstone."""
        key = (version.key, version.version, version.updated)
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key][0]
        text = version.text or b""
        resource = _decode(version.type, text)
        self._held[key] = resource, len(text)
        self._bytes += len(text)
        while self._bytes > REMEMBERED_BYTES:
            _, (_, size) = self._held.popitem(last=False)
            self._bytes -= size
        return resource


def _decode(type_: str, text: bytes) -> ValueSet | System:
    if type_ == "ValueSet":
        return shapes.decode(text, ValueSet)
    return systems.prepare(shapes.decode(text, CodeSystem))


_DECODED: Final = _Decoded()
