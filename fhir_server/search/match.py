"""The search tree read in memory: one resource's entries against one tree.

Rule: says for every tree what MongoDB says of the compiled one; the property test holds them together.
"""

from __future__ import annotations

from fhir_server.document import entry
from fhir_server.search.extract import Extracted
from fhir_server.search.tree import (
    All,
    Any_,
    Contains,
    Equals,
    Expr,
    HasId,
    InCompartment,
    Not,
    OfType,
    Present,
    StartsWith,
    Updated,
    Within,
)


def matches(tree: Expr, extracted: Extracted, *, type_: str, id_: str, updated: int) -> bool:
    """Whether a resource that is not deleted, with these entries and last updated at `updated` (microseconds),
    satisfies the tree."""

    def holds(node: Expr) -> bool:  # noqa: PLR0911 - one a node
        match node:
            case All(parts):
                return all(map(holds, parts))
            case Any_(parts):
                return any(map(holds, parts))
            case Not(part):
                return not holds(part)
            case InCompartment(key):
                return key in extracted.compartments
            case OfType(types):
                return type_ in types
            case HasId(keys):
                return f"{type_}/{id_}" in keys
            case Updated(low, high):
                return (low is None or low <= updated) and (high is None or updated <= high)
            case _:
                return _has_entry(node, extracted)

    return holds(tree)


def _has_entry(node: Present | Equals | StartsWith | Contains | Within, extracted: Extracted) -> bool:
    match node:
        case Equals(wanted):
            return wanted in extracted.index
        case StartsWith(prefix):
            return any(held.startswith(prefix) for held in extracted.index)
        case Contains(key, part):
            prefix = key + entry.SEPARATOR
            return any(
                held.startswith(prefix) and part in held.split(entry.SEPARATOR, 2)[1] for held in extracted.index
            )
        case Present(key, ranged=False):
            return any(held.startswith(key + entry.SEPARATOR) for held in extracted.index)
        case Present(key):
            return any(held["k"] in (key, key + entry.WIDE) for held in extracted.ranges)
        case Within(key):
            return any(held["k"] in (key, key + entry.WIDE) and _within(node, held) for held in extracted.ranges)


def _within(test: Within, held: dict[str, float]) -> bool:
    low, high = held["lo"], held["hi"]
    return (
        (test.low_from is None or test.low_from <= low)
        and (test.low_to is None or low <= test.low_to)
        and (test.high_from is None or test.high_from <= high)
        and (test.high_to is None or high <= test.high_to)
    )
