"""The texts for people in a resource: its narrative, and every string, markdown and display in it.

Rule: what is written for machines is left out: codes, urls, ids, references, versions, units, values of identifiers,
and extensions other than the resource's own. See https://hl7.org/fhir/R4/search.html#content.
"""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from typing import Any

from resources.registry import RESOURCE_TYPES, STRUCTURES, Element

Json = dict[str, Any]

LONGEST = 50_000
"""Characters of one text that are looked at."""

_TYPES = frozenset({"string", "markdown"})
_LEFT_OUT = frozenset({"Identifier.value", "SampledData.data", "Reference.reference", "Reference.identifier"})
_NAMES_LEFT_OUT = frozenset({
    "id", "version", "unit", "path", "xpath", "expression", "url", "etag", "cigar", "observedSeq", "referenceSeqString",
})  # fmt: skip
_TAG = re.compile(r"<[^<>]*>")

# What to do with each member of a structure: go on with the plan of its type, or one of the words below. Members that
# lead to no text are not in it.
_Plan = dict[str, Any]
_TEXT: Any = "text"
_DISPLAY: Any = "display"
_RESOURCE: Any = "resource"
_DISPLAYED = frozenset({"Coding", "Reference"})
"""Structures whose one text is their display."""


def narrative(resource: Json) -> str:
    """The text of its narrative, without markup; of a long one the beginning."""
    div = (resource.get("text") or {}).get("div")
    return unescape(_TAG.sub(" ", div[:LONGEST])) if div else ""


def texts(resource: Json) -> list[str]:
    """All texts outside of the narrative; those of contained resources too, but not of a Bundle's entries."""
    found: list[str] = []
    _collect(resource, _plan_of(resource), found)
    return found


def _plan_of(resource: Json) -> _Plan:
    type_ = resource.get("resourceType")
    return _plan(type_) if type_ in RESOURCE_TYPES else {}


def _collect(node: Json, plan: _Plan, found: list[str]) -> None:
    for name, value in node.items():
        step = plan.get(name)
        if step is None:
            continue
        if step is _TEXT:
            if value.__class__ is str:
                found.append(value)
            else:
                found += [text for text in value if text is not None]
            continue
        for item in value if value.__class__ is list else (value,):
            if step is _DISPLAY:  # most are, so without a call
                if "display" in item:
                    found.append(item["display"])
            elif step is _RESOURCE:
                _collect(item, _plan_of(item), found)
            else:
                _collect(item, step, found)


_PLANS: dict[str, _Plan] = {}


def _plan(path: str) -> _Plan:
    """The plan of a structure, which may be inside of itself (`Questionnaire.item`)."""
    if path not in _PLANS:
        plan = _PLANS[path] = {}
        for element in STRUCTURES[path].elements.values():
            if _is_left_out(path, element):
                continue
            for member, type_ in element.members.items():
                if type_ in _TYPES:
                    plan[member] = _TEXT
                elif type_ == "Resource":
                    plan[member] = _RESOURCE
                elif type_ in _with_texts():
                    plan[member] = _DISPLAY if type_ in _DISPLAYED else _plan(type_)
    return _PLANS[path]


@cache
def _with_texts() -> frozenset[str]:
    """The structures that have texts, or lead to some."""
    found: set[str] = set()
    while True:
        more = {
            path
            for path, structure in STRUCTURES.items()
            for element in structure.elements.values()
            if not _is_left_out(path, element) and not found.union(_TYPES).isdisjoint(element.types)
        }
        if more <= found:
            return frozenset(found)
        found |= more


def _is_left_out(path: str, element: Element) -> bool:
    name = element.name
    if element.types == ("Resource",):
        return name != "contained"
    if "Extension" in element.types:
        return name != "extension" or (not STRUCTURES[path].is_resource and path != "Extension")
    return (
        f"{path}.{name}" in _LEFT_OUT or name in _NAMES_LEFT_OUT or name.endswith("Id") or "Narrative" in element.types
    )
