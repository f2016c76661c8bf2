"""Parts of resources: `_summary=true|text|data` and `_elements`, always marked as SUBSETTED.

Rule: a part stands for itself: a contained resource stays as long as something that is kept refers to it.
See https://hl7.org/fhir/R4/search.html#summary and https://hl7.org/fhir/R4/search.html#elements.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from resources import summaries
from resources.outcome import BadRequest, Issue, Unprocessable
from resources.registry import RESOURCE_TYPES, STRUCTURES

Json = dict[str, Any]
Kind = Literal["true", "text", "data", "elements"]

SUBSETTED: Mapping[str, str] = MappingProxyType(
    {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
)
MOST_NAMES = 200
"""Names in one `_elements`."""
MOST_HINTS = 5
"""Unknown names for which near ones are looked for, which takes time."""

_ALWAYS = frozenset({"id", "meta"})


@dataclass(frozen=True, slots=True)
class Subset:
    """Which part of a resource is wanted. For `elements`, `asked` are the names as they were written, and `names` what
    they mean: resource type → names of its elements. A type that is not in `names` stays whole."""

    kind: Kind
    asked: tuple[str, ...] = ()
    names: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    @property
    def parameter(self) -> tuple[str, str]:
        """Name and value of the parameter that asks for it, as a self link says it."""
        return ("_elements", ",".join(self.asked)) if self.kind == "elements" else ("_summary", self.kind)

    def covers(self, type_: str) -> bool:
        """Whether resources of this type are cut; others are shown whole."""
        return self.kind != "elements" or type_ in self.names


def parse_summary(text: str) -> Subset | Literal["count"] | None:
    """The value of `_summary`; None for `false`, which is everything. Raises BadRequest."""
    match text:
        case "true" | "text" | "data":
            return Subset(text)
        case "count":
            return "count"
        case "false":
            return None
    raise BadRequest(f"Parameter _summary={text[:40]}: true, text, data, count or false is expected", code="value")


def parse_elements(text: str, types: Sequence[str]) -> Subset:
    """The value of `_elements`, names of elements joined by commas: `name,birthDate`, `value` or `valueQuantity`.

    `types` are those that are searched, none for all: a name has to be an element of one of them. `Patient.name` means
    the element of this type, which may also be one that is not searched, but included. Raises BadRequest with an issue
    for each name that is unknown.
    """
    subset, issues = known_elements(text, types)
    if subset is None or issues:
        raise BadRequest(issues=issues)
    return subset


def known_elements(text: str, types: Sequence[str]) -> tuple[Subset | None, tuple[Issue, ...]]:
    """As `parse_elements`, with what is known of the names, None if nothing is, beside the issues about the others."""
    parts = dict.fromkeys(part.strip() for part in text.split(","))
    if len(parts) > MOST_NAMES:
        raise BadRequest(f"Parameter _elements: at most {MOST_NAMES} names can be given", code="too-costly")
    searched = tuple(types) or tuple(sorted(RESOURCE_TYPES))
    names: dict[str, set[str]] = {}
    asked: list[str] = []
    issues: list[Issue] = []
    for part in parts:
        prefix, dot, rest = part.partition(".")
        scope, name = ((prefix,), rest) if dot and prefix in RESOURCE_TYPES else (searched, part)
        found = {type_: _element_name(type_, name) for type_ in scope}
        if not any(found.values()):
            words = _unknown(part, name, scope, hint=len(issues) < MOST_HINTS)
            issues.append(Issue("error", "value", f"Parameter _elements: {words}"))
            continue
        asked.append(part)
        for type_, element in found.items():
            names.setdefault(type_, set()).update({element} if element else ())
    frozen = MappingProxyType({type_: frozenset(elements) for type_, elements in names.items()})
    return (Subset("elements", tuple(asked), frozen) if asked else None), tuple(issues)


def apply(subset: Subset, resource: Json) -> Json:
    """The part of a valid `resource`, which is not changed; the two share values. Where `subset` does not cover the
    type, the resource itself.

    - `true`: elements of the summary, mandatory and modifier ones, at every level (`summaries`).
    - `text`: the narrative, id, meta and mandatory elements; `data`: all but the narrative.
    - elements: those asked for, id, meta, mandatory and modifier ones.
    """
    type_ = resource["resourceType"]
    if not subset.covers(type_):
        return resource
    match subset.kind:
        case "true":
            kept = summaries.summary(resource, type_)
        case "data":
            return tagged({name: value for name, value in resource.items() if name != "text"})
        case "text":
            kept = _chosen(resource, _members_of_text(type_))
        case _:
            kept = _chosen(resource, _members_of(type_, subset.names[type_]))
    return tagged(_with_contained(kept, resource))


def tagged(resource: Json) -> Json:
    """The resource with the tag SUBSETTED in its meta; the one given is not changed."""
    if _tag_index(resource) is not None:
        return resource
    meta = resource.get("meta", {})
    head: Json = {name: resource[name] for name in ("resourceType", "id") if name in resource}
    head["meta"] = meta | {"tag": [*meta.get("tag", ()), dict(SUBSETTED)]}
    return head | {name: value for name, value in resource.items() if name != "meta"}


def check_whole(resource: Json) -> None:
    """A part must not replace the whole. Raises Unprocessable for a valid resource that is tagged as SUBSETTED.

    See https://hl7.org/fhir/R4/valueset-common-tags.html.
    """
    index = _tag_index(resource)
    if index is not None:
        raise Unprocessable(
            "The resource is tagged as SUBSETTED: it is a part of one, and storing it would lose the rest. Read it "
            "without _summary and _elements and change that, or remove the tag if it is whole.",
            code="business-rule",
            expression=f"{resource['resourceType']}.meta.tag[{index}]",
        )


def _tag_index(resource: Json) -> int | None:
    for index, tag in enumerate(resource.get("meta", {}).get("tag", ())):
        if tag.get("code") == SUBSETTED["code"] and tag.get("system") == SUBSETTED["system"]:
            return index
    return None


def _chosen(resource: Json, members: Collection[str]) -> Json:
    return {name: value for name, value in resource.items() if name in members}


@cache
def _members_of_text(type_: str) -> frozenset[str]:
    elements = STRUCTURES[type_].elements.values()
    wanted = [element for element in elements if element.minimum or element.name == "text" or element.name in _ALWAYS]
    return frozenset({"resourceType"}.union(*map(summaries.json_members, wanted)))


def _members_of(type_: str, names: Collection[str]) -> set[str]:
    elements = STRUCTURES[type_].elements
    return set(_unasked_members(type_)).union(*(summaries.json_members(elements[name]) for name in names))


@cache
def _unasked_members(type_: str) -> frozenset[str]:
    """Members that `_elements` keeps anyhow."""
    elements = STRUCTURES[type_].elements.values()
    wanted = [element for element in elements if element.minimum or element.modifier or element.name in _ALWAYS]
    return frozenset({"resourceType"}.union(*map(summaries.json_members, wanted)))


def _with_contained(kept: Json, resource: Json) -> Json:
    """With those contained resources to which something that is kept refers, or one of them."""
    contained = resource.get("contained")
    if not contained or "contained" in kept:
        return kept
    by_id = {f"#{each['id']}": each for each in contained if "id" in each}
    pending = [key for key in _fragments(kept) if key in by_id]
    referred: set[str] = set()
    while pending:
        key = pending.pop()
        if key not in referred:
            referred.add(key)
            pending.extend(other for other in _fragments(by_id[key]) if other in by_id)
    if not referred:
        return kept
    found = [each for key, each in by_id.items() if key in referred]
    return {
        name: found if name == "contained" else value
        for name, value in resource.items()
        if name in kept or name == "contained"
    } | kept


def _fragments(value: Any) -> Iterator[str]:
    """All texts in `value` that can be a local reference, `#…`."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if item.startswith("#"):
                yield item
        elif isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _element_name(type_: str, name: str) -> str | None:
    """The name of the element that is meant: `value`, `value[x]` and `valueQuantity` are one."""
    elements = STRUCTURES[type_].elements
    stem = name.removesuffix("[x]")
    if stem in elements and (stem == name or elements[stem].choice):
        return stem
    return _choices(type_).get(name)


@cache
def _choices(type_: str) -> Mapping[str, str]:
    elements = [element for element in STRUCTURES[type_].elements.values() if element.choice]
    return {member: element.name for element in elements for member in element.members}


def _unknown(part: str, name: str, scope: Sequence[str], *, hint: bool) -> str:
    """What is wrong with a name that no type of `scope` knows."""
    if not part:
        return "an empty name; names of elements, joined by commas, are expected"
    prefix, dot, _ = part.partition(".")
    shown = part if len(part) <= 80 else part[:80] + "…"
    if dot and prefix[:1].isupper() and prefix not in RESOURCE_TYPES:
        return f"{shown}: there is no such resource type" + _near(prefix, RESOURCE_TYPES, hint=hint)
    stem = name.partition(".")[0]
    if "." in name and any(_element_name(type_, stem) for type_ in scope):
        return f"{shown}: only an element of the resource itself can be asked for, here {stem}"
    where = scope[0] if len(scope) == 1 else "any of the types searched"
    known = {element for type_ in scope for element in STRUCTURES[type_].elements}
    return f"{shown} is not an element of {where}" + _near(name, known, hint=hint)


def _near(name: str, known: Collection[str], *, hint: bool) -> str:
    near = difflib.get_close_matches(name[:64], sorted(known), n=3) if hint else []
    return f"; did you mean {' or '.join(near)}?" if near else ""
