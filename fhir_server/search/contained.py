"""Contained resources: their entries beside those of the resource that holds them, and how they are looked for.

Rule: the index says which resources may hold one that is wanted; each contained resource is then judged on its own, so
that two criteria are not met by two different ones. See https://hl7.org/fhir/R4/search.html#contained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fhir_server.document import entry
from fhir_server.search.query import Query
from fhir_server.search.tree import (
    EVERYTHING,
    All,
    Any_,
    Chain,
    Contains,
    Equals,
    Expr,
    Has,
    HasId,
    InCompartment,
    Near,
    Present,
    StartsWith,
    Updated,
    Within,
    all_of,
    any_of,
    has_node,
)
from resources.outcome import BadRequest

Json = dict[str, Any]


def held(resource: Json) -> Iterator[Json]:
    """The contained resources of a valid resource that can be referred to: those with an id."""
    return (each for each in resource.get("contained", ()) if "id" in each)


def check(query: Query) -> None:
    """Raises BadRequest for what cannot be asked of contained resources, all of it at once."""
    tree = query.tree
    wrong = {
        "it is for searches of one type": query.type is None,
        "a contained resource is in no compartment": query.compartment is not None or has_node(tree, InCompartment),
        "a contained resource has no _lastUpdated": has_node(tree, Updated),
        "chains and _has cannot be followed from contained resources": has_node(tree, Chain, Has),
        "it cannot be combined with _sort": bool(query.sort),
        "it cannot be combined with _include and _revinclude": bool(query.includes),
        "it cannot be combined with _explain": query.explain,
    }
    reasons = [reason for reason, is_so in wrong.items() if is_so]
    if reasons:
        raise BadRequest(f"Parameter _contained={query.contained}: {'; '.join(reasons)}", code="not-supported")


def candidates(tree: Expr, type_: str) -> Expr:
    """The test of resources that may hold one of `type_` that satisfies `tree`, and of no others than hold some."""
    return all_of(StartsWith(entry.of_contained(type_) + entry.SEPARATOR), _narrowing(tree))


def _narrowing(tree: Expr) -> Expr:  # noqa: PLR0911 - one a node
    """What an index can say of a resource that holds one which satisfies `tree`."""
    match tree:
        case All(parts):
            return all_of(*map(_narrowing, parts))
        case Any_(parts):
            return any_of(*map(_narrowing, parts))
        case Equals(text):
            return Equals(entry.of_contained(text))
        case StartsWith(prefix):
            return StartsWith(entry.of_contained(prefix))
        case Contains(key):
            return StartsWith(entry.of_contained(key) + entry.SEPARATOR)
        case Present(key, ranged):
            return Present(entry.of_contained(key), ranged)
        case Within() | Near():
            return replace(tree, key=entry.of_contained(tree.key))
        case HasId(keys):
            return any_of(*(Equals(entry.of_contained(key.replace("/", entry.SEPARATOR, 1))) for key in keys))
    return EVERYTHING
