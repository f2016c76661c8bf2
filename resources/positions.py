"""Parts of a resource → their FHIRPath, as an OperationOutcome names them.

Rule: elements go by their own names, a choice without its type: `extension[0].value`, not `valueReference`.
See https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.expression.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from resources.registry import STRUCTURES

Json = dict[str, Any]

_Way = tuple["_Way", str] | None
"""The steps to a part, last first: made into text only for parts that are asked for."""


def expressions_of(resource: Json, parts: Collection[Json]) -> list[str]:
    """The expression of each of `parts`, objects inside a valid resource, in one walk of it; they are told apart by
    identity."""
    found: dict[int, str] = {}
    _walk(resource, (None, resource["resourceType"]), {id(part) for part in parts}, found)
    return [found[id(part)] for part in parts]


def _walk(node: Json, way: _Way, wanted: set[int], found: dict[int, str], type_: str = "Resource") -> None:
    if id(node) in wanted:
        found[id(node)] = _text(way)
    children = _children(node["resourceType"] if type_ == "Resource" else type_)
    for member, value in node.items():
        if len(found) == len(wanted):
            return
        if member not in children:
            continue
        name, child = children[member]
        if isinstance(value, dict):
            _walk(value, (way, f".{name}"), wanted, found, child)
        elif isinstance(value, list):
            for place, item in enumerate(value):
                if isinstance(item, dict):
                    _walk(item, (way, f".{name}[{place}]"), wanted, found, child)


def _text(way: _Way) -> str:
    steps = []
    while way is not None:
        way, step = way
        steps.append(step)
    return "".join(reversed(steps))


@cache
def _children(path: str) -> Mapping[str, tuple[str, str]]:
    """Of a structure: JSON member → name and type of the element; only members whose values can be objects."""
    found = {}
    for element in STRUCTURES[path].elements.values():
        for member, type_ in element.members.items():
            if type_ == "Resource" or type_ in STRUCTURES:
                found[member] = (element.name, type_)
            else:
                found[f"_{member}"] = (element.name, "Element")
    return found
