"""Value sets and hierarchies in a search: what is looked up before it becomes the codes or resources to look for.

Rule: everything is looked up under the caller's own limits, once for each question of a search, and in bounded numbers;
what cannot be told is refused with the name of the parameter, never answered in part.
See https://hl7.org/fhir/R4/search.html#token and #recursive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession

from fhir_server.access.limits import Access
from fhir_server.document import codec, entry, layout
from fhir_server.search.tree import (
    NOTHING,
    All,
    Any_,
    Chain,
    Concept,
    Equals,
    Expr,
    Has,
    HasId,
    Linked,
    Not,
    Under,
    all_of,
    any_of,
)
from fhir_server.store import links, terminology
from fhir_server.store.database import Database, Document
from resources.outcome import BadRequest, Unprocessable
from resources.terminology import shapes
from resources.terminology.lookups import Code
from resources.terminology.problems import NotExpandable
from resources.terminology.shapes import ValueSet

MOST_CODES: Final = 1_000
"""Codes of one value set or of one branch of a hierarchy."""
MOST_ENTRIES: Final = 20_000
"""Entries that the codes of a whole search become: over all types each code is one a type."""
MOST_PLACES: Final = 1_000
MOST_LEVELS: Final = 20
"""Resources of a hierarchy that are gone through, and levels."""


@dataclass(slots=True)
class _Asking:
    """One search: who asks, and what has been told so far."""

    access: Access
    db: Database
    session: AsyncClientSession | None
    codes: dict[tuple[str, str, str], tuple[Code, ...]] = field(default_factory=dict)
    entries: int = 0

    async def rows(self, type_: str, tree: Expr, projection: Mapping[str, int]) -> list[Document]:
        """What the caller may see of a type that satisfies a tree; one more than MOST_PLACES at most."""
        return await links.visible(
            self.access, self.db, type_, tree, most=MOST_PLACES, projection=projection, session=self.session
        )


async def resolve(access: Access, db: Database, tree: Expr, session: AsyncClientSession | None = None) -> Expr:
    """`tree` with each value set and hierarchy replaced by what it stands for, behind links too.

    Raises the driver's errors; BadRequest for what cannot be told; Unprocessable (too costly) for too many places.
    """
    return await _resolved(_Asking(access, db, session), tree)


async def _resolved(asking: _Asking, tree: Expr) -> Expr:  # noqa: PLR0911 - one a node
    match tree:
        case All(parts):
            return all_of(*[await _resolved(asking, part) for part in parts])
        case Any_(parts):
            return any_of(*[await _resolved(asking, part) for part in parts])
        case Not(part):
            return Not(await _resolved(asking, part))
        case Chain() | Has():
            return replace(tree, inner=await _resolved(asking, tree.inner))
        case Concept():
            return await _tokens(asking, tree)
        case Under():
            return Linked(tree.key, await _places(asking, tree), tree.many)
    return tree


# Codes


async def _tokens(asking: _Asking, concept: Concept) -> Expr:
    question = (concept.relation, concept.system, concept.value)
    if question not in asking.codes:
        try:
            asking.codes[question] = await _codes(asking, concept)
        except NotExpandable as problem:
            raise BadRequest(f"Search parameter {concept.name}: {problem}", code=problem.reason) from problem
    codes = asking.codes[question]
    asking.entries += len(codes)
    if asking.entries > MOST_ENTRIES:
        raise BadRequest(
            f"Search parameter {concept.name}: more than {MOST_ENTRIES:,} codes would be looked for, each counted for "
            "each type; search one type, or use a smaller value set",
            code="too-costly",
        )
    forms = [(code.casefold() if concept.fold else code, system) for system, code in codes]
    if concept.bare:
        forms += [(code, "") for code, _ in forms]
    return any_of(*(Equals(entry.token(concept.key, code, system)) for code, system in forms)) if forms else NOTHING


async def _codes(asking: _Asking, concept: Concept) -> tuple[Code, ...]:
    if concept.relation != "in":
        return await terminology.subsumed(
            asking.access, asking.db, concept.system, concept.value, concept.relation, most=MOST_CODES
        )
    canonical = concept.value
    if canonical.startswith("ValueSet/"):
        canonical = await _canonical(asking, canonical)
    return await terminology.value_set(asking.access, asking.db, canonical, most=MOST_CODES)


async def _canonical(asking: _Asking, key: str) -> str:
    """The canonical of a ValueSet of this server. Raises NotExpandable."""
    rows = await asking.rows("ValueSet", HasId((key,)), codec.PROJECTION)
    if not rows:
        raise NotExpandable(f"{key} is not on this server", "not-found")
    found = shapes.decode(codec.to_version(rows[0]).text or b"", ValueSet)
    if not found.url:
        raise NotExpandable(f"{key} has no url; a value set is used by its url", "not-supported")
    return f"{found.url}|{found.version}" if found.version else found.url


# Places


async def _places(asking: _Asking, under: Under) -> tuple[str, ...]:
    """The resource itself and all below it, or above it, level by level; each once, so that a circle ends."""
    known = {under.id}
    level = [under.id]
    for _ in range(MOST_LEVELS):
        found = await (_parents if under.up else _children)(asking, under.parent, level)
        level = sorted(found - known)
        if not level:
            return tuple(sorted(known))
        known.update(level)
        if len(known) > MOST_PLACES:
            raise _too_many(under, f"more than {MOST_PLACES:,} resources")
    raise _too_many(under, f"more than {MOST_LEVELS} levels")


async def _children(asking: _Asking, parent: str, level: list[str]) -> set[str]:
    type_ = parent.partition(".")[0]
    rows = await asking.rows(type_, Linked(parent, tuple(level), many=True), {layout.ID: 1})
    return {row[layout.ID] for row in rows}


async def _parents(asking: _Asking, parent: str, level: list[str]) -> set[str]:
    type_ = parent.partition(".")[0]
    rows = await asking.rows(type_, HasId(tuple(level)), {layout.INDEX: 1})
    held = {value for row in rows for value in entry.values(parent, row[layout.INDEX])}
    return {key for key in held if key.startswith(f"{type_}/") and "/_history/" not in key}


def _too_many(under: Under, what: str) -> Unprocessable:
    return Unprocessable(
        f"Search parameter {under.name}: {what} are {'above' if under.up else 'below'} {under.id} by {under.parent}; "
        "begin at another one",
        code="too-costly",
    )
