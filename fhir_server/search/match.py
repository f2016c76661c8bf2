"""The search tree read in memory: one resource's entries against one tree.

Rule: says for every tree what MongoDB says of the compiled one; the property test holds them together.
"""

from __future__ import annotations

from typing import Any

from fhir_server.document import entry, position
from fhir_server.search.extract import Extracted
from fhir_server.search.tree import (
    All,
    Any_,
    Chain,
    Concept,
    Contains,
    Equals,
    Expr,
    Has,
    HasId,
    InCompartment,
    Linked,
    Near,
    Not,
    OfType,
    Present,
    StartsWith,
    Under,
    Updated,
    Within,
    has_node,
)


def supports(tree: Expr) -> bool:
    """Whether a tree can be read in memory from one resource's entries: it needs no other resource."""
    return not has_node(tree, Chain, Has, Concept, Under)


def matches(  # noqa: PLR0911 - one a node
    tree: Expr, extracted: Extracted, *, type_: str, id_: str, updated: int
) -> bool:
    """Whether a resource that is not deleted, with these entries and last updated at `updated` (microseconds),
    satisfies the tree. Raises ValueError for a tree that is not supported."""
    match tree:
        case All(parts):
            return all(matches(part, extracted, type_=type_, id_=id_, updated=updated) for part in parts)
        case Any_(parts):
            return any(matches(part, extracted, type_=type_, id_=id_, updated=updated) for part in parts)
        case Not(part):
            return not matches(part, extracted, type_=type_, id_=id_, updated=updated)
        case InCompartment(key):
            return key in extracted.compartments
        case OfType(types):
            return type_ in types
        case HasId(keys):
            return f"{type_}/{id_}" in keys
        case Updated(low, high):
            return (low is None or low <= updated) and (high is None or updated <= high)
        case Chain() | Has() | Concept() | Under():
            raise ValueError("the tree needs other resources")
    return _has_entry(tree, extracted)


def _has_entry(  # noqa: PLR0911 - one a node
    node: Present | Equals | StartsWith | Contains | Within | Near | Linked, extracted: Extracted
) -> bool:
    match node:
        case Equals(wanted):
            return wanted in _held(extracted, wanted)
        case StartsWith(prefix):
            return any(held.startswith(prefix) for held in _held(extracted, prefix))
        case Contains(key, part):
            prefix = key + entry.SEPARATOR
            return any(
                held.startswith(prefix) and part in held.split(entry.SEPARATOR, 2)[1]
                for held in _held(extracted, prefix)
            )
        case Linked(key, ids):
            return any(entry.exact(key, id_) in extracted.index for id_ in ids)
        case Present(key, ranged=False):
            return any(held.startswith(key + entry.SEPARATOR) for held in _held(extracted, key))
        case Present(key):
            return any(held["k"] in entry.range_keys(key) for held in extracted.ranges)
        case Within():
            return any(_within(node, held) for held in extracted.ranges)
        case Near(key, latitude, longitude, metres):
            places = (held for held in extracted.ranges if held["k"] == key)
            return any(position.is_near(held, latitude, longitude, metres) for held in places)


def _held(extracted: Extracted, text: str) -> list[str]:
    return extracted.rare if entry.is_rare(text) else extracted.index


def _within(test: Within, held: dict[str, Any]) -> bool:
    key, low, high = held["k"], held["lo"], held["hi"]
    return (
        (key.startswith(test.key) if test.begins else key == test.key or key == test.key + entry.WIDE)
        and set(test.beside) <= set(held.get("with", ()))
        and (test.low_from is None or test.low_from <= low)
        and (test.low_to is None or low <= test.low_to)
        and (test.high_from is None or test.high_from <= high)
        and (test.high_to is None or high <= test.high_to)
    )
