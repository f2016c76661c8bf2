"""Passes over the tree between grammar and compiler.

Rule: `restrict` is always the last, and what crosses to another type is restricted there too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod

from fhir_server.document import entry
from fhir_server.search.query import Behind, Query, SortValue
from fhir_server.search.tree import (
    EVERYTHING,
    All,
    Any_,
    Chain,
    Expr,
    Has,
    Link,
    Not,
    OfType,
    Within,
    all_of,
    any_of,
)
from resources.registry import RESOURCE_TYPES

Limit = Callable[[str], Expr]
"""`Access.limit`: the tree that every resource of a type must satisfy to be seen."""


MOST_CHOICES = 16
"""Joined range tests are at most so many; more are left as they are."""


def restrict(tree: Expr, type_: str | None, limit: Limit, types: tuple[str, ...] = ()) -> Expr:
    """`tree` with the caller's limit planted, here and behind every link. With `type_` None, each of `types` (empty:
    all) under its own limit."""

    def behind(link: Link) -> Link:
        inner_type = link.target if isinstance(link, Chain) else link.source
        return replace(link, inner=restrict(link.inner, inner_type, limit))

    tree = map_links(tree, behind)
    if type_ is not None:
        return all_of(OfType((type_,)), tree, limit(type_))
    by_limit: dict[Expr, list[str]] = {}
    for name in types or sorted(RESOURCE_TYPES):
        by_limit.setdefault(limit(name), []).append(name)
    if not types and list(by_limit) == [EVERYTHING]:
        return tree
    return all_of(tree, any_of(*(all_of(OfType(tuple(names)), limit_) for limit_, names in by_limit.items())))


def restricted(query: Query, limit: Limit) -> Expr:
    """The tree of a query with the caller's limit planted."""
    return restrict(query.tree, query.type, limit, query.types)


def sort_targets(query: Query) -> tuple[str, ...]:
    """The types of the resources that its sort keys lead to."""

    def crossed(value: SortValue) -> set[str]:
        return {value.target} | crossed(value.value) if isinstance(value, Behind) else set()

    return tuple(sorted(set().union(*(crossed(value) for key in query.sort for value in key.values))))


def with_sort_limits(query: Query, limits: Mapping[str, Expr]) -> Query:
    """The query with the caller's limit planted behind every link that a sort key follows, by type: what a caller may
    not see does not order what he sees."""

    def planted(value: SortValue) -> SortValue:
        if not isinstance(value, Behind):
            return value
        return replace(value, value=planted(value.value), limit=limits[value.target])

    return replace(query, sort=tuple(replace(key, values=tuple(map(planted, key.values))) for key in query.sort))


def map_links(tree: Expr, change: Callable[[Link], Expr]) -> Expr:
    """`tree` with each link to another resource replaced by what `change` makes of it; not those behind links."""
    match tree:
        case All(parts):
            return All(tuple(map_links(part, change) for part in parts))
        case Any_(parts):
            return Any_(tuple(map_links(part, change) for part in parts))
        case Not(part):
            return Not(map_links(part, change))
        case Chain() | Has():
            return change(tree)
    return tree


def choice(choices: Sequence[Expr]) -> Expr:
    """One of `choices`. Where some are conjunctions, a choice of one part of each is there as well: that narrows by an
    index, which a choice of conjunctions does not."""
    whole = any_of(*choices)
    if len(choices) == 1 or not any(isinstance(one, All) and one.parts for one in choices):
        return whole
    return all_of(any_of(*map(_first, choices)), whole)


def _first(conjunction: Expr) -> Expr:
    parts = conjunction.parts if isinstance(conjunction, All) else ()
    return next((part for part in parts if not isinstance(part, Not)), conjunction)


def join_ranges(tree: Expr, single: Iterable[Within]) -> Expr:
    """`tree` with the conjunctive range tests of the values of each of `single` made into one choice of them.

    `date=ge2023&date=lt2024` is two tests that an index bounds on one side each, and one that it bounds on both. That
    is the same only where a resource has at most one value, which is what `single` promises.
    """
    if not isinstance(tree, All):
        return tree
    parts = list(tree.parts)
    for values in single:
        of_key = [part for part in parts if all(one is not None and unbounded(one) == values for one in _choices(part))]
        if len(of_key) > 1 and prod(len(_choices(part)) for part in of_key) <= MOST_CHOICES:
            parts = [part for part in parts if part not in of_key]
            combinations = product(*map(_choices, of_key))
            parts.append(any_of(*(_intersection(values, [one for one in some if one]) for some in combinations)))
    return all_of(*parts)


def _choices(part: Expr) -> list[Within | None]:
    """The range tests that `part` is a choice of; None stands for anything else."""
    inner = part.parts if isinstance(part, Any_) and part.parts else (part,)
    return [one if isinstance(one, Within) else None for one in inner]


def unbounded(test: Within) -> Within:
    """The test that there is a value of what `test` bounds."""
    return replace(test, low_from=None, low_to=None, high_from=None, high_to=None)


def _intersection(values: Within, tests: list[Within]) -> Within:
    return replace(
        values,
        low_from=entry.greatest(test.low_from for test in tests),
        low_to=entry.least(test.low_to for test in tests),
        high_from=entry.greatest(test.high_from for test in tests),
        high_to=entry.least(test.high_to for test in tests),
    )
