"""What a resource is in short, as the definitions mark it: `isSummary`, `isModifier`, mandatory, at every level.

Rule: an element that is kept keeps its id and extensions, and no object is left empty.
See https://hl7.org/fhir/R4/search.html#summary and https://hl7.org/fhir/R4/elementdefinition.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from resources.registry import PRIMITIVES, STRUCTURES, Element, Structure
from resources.rules import objects

Json = dict[str, Any]

_OWN = frozenset({"id", "extension"})
"""What an element keeps whatever else of it is left out."""


def summary(value: Json, path: str) -> Json:
    """The summary of a valid object of the structure at `path` (`Patient`, `Patient.contact`); the two share values.

    Empty where nothing of it is in the summary. Resources in a Bundle or Parameters are whole, and so are extensions.
    Those of a resource itself are left out.
    """
    members = _members(path)
    kept = {}
    for name, item in value.items():
        keep = members.get(name)
        if keep is None:
            continue
        if keep.part is None:
            kept[name] = item
        elif (part := _summary_of_each(item, keep.part)) or keep.required:
            kept[name] = part or item
    return kept


def _summary_of_each(value: Any, path: str) -> Any:
    """The summary of one or many objects, without those of which nothing is left."""
    if isinstance(value, list):
        return [part for item in value if objects.has_content(part := summary(item, path))]
    part = summary(value, path)
    return part if objects.has_content(part) else None


class _Keep(NamedTuple):
    """How a member is kept: whole, or where `part` is given, as the summary of that structure; `required` if it must
    not be left out when nothing of it is in the summary."""

    part: str | None
    required: bool


@cache
def _members(path: str) -> Mapping[str, _Keep]:
    """JSON member → how it is kept, of those in the summary of the structure at `path`."""
    structure = STRUCTURES[path]
    found = {"resourceType": _Keep(None, required=True)} if structure.is_resource else {}
    for element in structure.elements.values():
        if _is_kept(structure, element):
            types = element.members
            for member in json_members(element):
                part = types[member] if types.get(member) in _cut_structures() else None
                found[member] = _Keep(part, required=element.minimum > 0)
    return MappingProxyType(found)


def json_members(element: Element) -> Iterator[str]:
    """The JSON members that can carry an element, also those for ids and extensions of primitives."""
    for member, type_ in element.members.items():
        yield member
        if type_ in PRIMITIVES:
            yield f"_{member}"


def _is_kept(structure: Structure, element: Element) -> bool:
    is_own = element.name in _OWN and not structure.is_resource
    return element.summary or element.modifier or element.minimum > 0 or is_own


@cache
def _cut_structures() -> frozenset[str]:
    """Paths of the structures whose summary may be less than the whole. An extension means nothing without its value,
    and a resource inside of another is not its part."""
    cut: set[str] = set()
    candidates = [
        each for each in STRUCTURES.values() if each.kind in ("type", "backbone") and each.path != "Extension"
    ]
    while more := {each.path for each in candidates if each.path not in cut and _is_cut(each, cut)}:
        cut |= more
    return frozenset(cut)


def _is_cut(structure: Structure, cut: set[str]) -> bool:
    return any(
        not _is_kept(structure, element) or not cut.isdisjoint(element.types) for element in structure.elements.values()
    )
