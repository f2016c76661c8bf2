"""Passes over the tree between grammar and compiler.

Rule: `restrict` is always the last, and what crosses to another type is restricted there too.
"""

from __future__ import annotations

from collections.abc import Callable

from fhir_server.search.tree import EVERYTHING, Expr, OfType, all_of, any_of
from resources.registry import RESOURCE_TYPES

Limit = Callable[[str], Expr]
"""`Access.limit`: the tree that every resource of a type must satisfy to be seen."""


def restrict(tree: Expr, type_: str | None, limit: Limit, types: tuple[str, ...] = ()) -> Expr:
    """`tree` with the caller's limit planted. With `type_` None, each of `types` (empty: all) under its own limit."""
    if type_ is not None:
        return all_of(OfType((type_,)), tree, limit(type_))
    by_limit: dict[Expr, list[str]] = {}
    for name in types or sorted(RESOURCE_TYPES):
        by_limit.setdefault(limit(name), []).append(name)
    if not types and list(by_limit) == [EVERYTHING]:
        return tree
    return all_of(tree, any_of(*(all_of(OfType(tuple(names)), limit_) for limit_, names in by_limit.items())))
