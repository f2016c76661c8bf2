"""The search tree: what is asked, as frozen values. Two readings: `compile` (MongoDB) and `match` (in memory).

Rule: a node that crosses to another resource type is visited by `rewrite.map_links`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; `All(())` is everything."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Any_:
    """At least one part holds; `Any_(())` is nothing."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Expr


@dataclass(frozen=True, slots=True)
class InCompartment:
    """The resource belongs to the compartment of `Patient/1`."""

    key: str


Expr = All | Any_ | Not | InCompartment

EVERYTHING: Expr = All(())
NOTHING: Expr = Any_(())
