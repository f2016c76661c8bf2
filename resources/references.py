"""References between resources: their forms, where they stand in a resource, and how they are rewritten.

Rule: what points at a resource is decided here, for search, links in Bundles and referential integrity alike.
See https://hl7.org/fhir/R4/references.html and https://hl7.org/fhir/R4/bundle.html#references.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape, unescape
from typing import Any

from resources.registry import RESOURCE_TYPES, STRUCTURES

Json = dict[str, Any]
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
"""The form of a resource's id (https://hl7.org/fhir/R4/datatypes.html#id)."""

_Mapping = Callable[[str], str | None]

_RELATIVE = re.compile(
    r"([A-Z][A-Za-z]*)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?(?:#(\S*))?", re.ASCII
)
_ABSOLUTE = re.compile(r"(https?://\S*?)/(?=[A-Z][A-Za-z]*/[^/]+(?:/_history/[^/]+)?$)", re.ASCII)
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]*)\?(\S+)", re.ASCII)
_LINK_IN_DIV = re.compile(r"(\s(?:href|src)\s*=\s*)(\"[^\"]*\"|'[^']*')")


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference. Which fields are set tells its form.

    - `type` and `id` (and `version`): a resource, on this server if `base` is None, else on the server at `base`;
    - `type` and `criteria`: conditional, `Patient?identifier=x` (transactions only);
    - `urn`: `urn:uuid:…` or `urn:oid:…`, whole;
    - `fragment` alone: a contained resource, `""` the container itself;
    - `uri` (and `version`): anything else that is absolute, such as a canonical `http://…|version`.
    """

    type: str | None = None
    id: str | None = None
    version: str | None = None
    base: str | None = None
    fragment: str | None = None
    criteria: str | None = None
    urn: str | None = None
    uri: str | None = None

    @property
    def local(self) -> bool:
        """Whether it names a resource of this server by type and id."""
        return self.id is not None and self.base is None

    @property
    def key(self) -> str | None:
        """`Patient/1` where `local`, without version; else None."""
        return f"{self.type}/{self.id}" if self.local else None


def parse(reference: str, base_url: str | None = None) -> Reference | None:
    """The parts of `reference`; absolute URLs under `base_url`, this server's own, become local.

    None for text that has none of FHIR's forms: an unknown type, an id that cannot be, a relative path of another kind.
    """
    if reference.startswith("#"):
        return Reference(fragment=reference[1:])
    if reference.startswith(("urn:uuid:", "urn:oid:")):
        return Reference(urn=reference)
    here = _under(reference, base_url) if base_url is not None else reference
    if match := _RELATIVE.fullmatch(here):
        type_, id_, version, fragment = match.groups()
        return Reference(type_, id_, version, fragment=fragment) if type_ in RESOURCE_TYPES else _absolute(reference)
    if match := _CONDITIONAL.fullmatch(here):
        return Reference(match[1], criteria=match[2]) if match[1] in RESOURCE_TYPES else _absolute(reference)
    return _absolute(reference)


def _under(reference: str, base_url: str) -> str:
    """`reference` relative to `base_url`, if it is below it; else as it is."""
    return reference.removeprefix(base_url.rstrip("/") + "/")


def _absolute(reference: str) -> Reference | None:
    if match := _ABSOLUTE.match(reference):
        inner = _RELATIVE.fullmatch(reference[match.end() :])
        if inner is not None and inner[1] in RESOURCE_TYPES:
            return Reference(inner[1], inner[2], inner[3], base=match[1], fragment=inner[4])
    if ":" not in reference or any(character.isspace() for character in reference):
        return None
    uri, _, version = reference.partition("|")
    return Reference(uri=uri, version=version or None)


def references_in(resource: Json) -> Iterator[tuple[Json, str, str]]:
    """Each `Reference.reference` in `resource`, its contained resources and extensions: (holder, member name, value).

    Not those of resources inside a Bundle's entries or a Parameters' parts: these are resources of their own.
    """
    found: list[tuple[Json, str, str]] = []
    _collect(resource, _plan_of(resource), found)
    return iter(found)


def rewrite(resource: Json, mapping: _Mapping) -> Json:
    """The resource with each link replaced by what `mapping` gives for it; where that is None the link stays.

    Links are `Reference.reference`, elements of type uri and url (an oid or uuid that became `Patient/1` would not be
    one any more, so those stay, although R4 lists them too), and `href` and `src` in narrative, in `resource` and in
    everything inside it, resources of Bundle entries too; not canonicals, which are never replaced
    (https://hl7.org/fhir/R4/http.html#trules). What does not change is shared with the argument, which itself is never
    changed. Texts in narrative that read ` href="…"` count as links.
    """
    return _rewritten(resource, _plan_of(resource), mapping)


# What to do with each member of a structure: go on with the plan of its type, or one of the words below. Members that
# cannot hold a link are not in it.
_Plan = dict[str, "str | _Plan"]
_LINK, _REFERENCE, _DIV, _CONTAINED, _RESOURCE = "link", "reference", "div", "contained", "resource"
_URIS = frozenset({"uri", "url"})
_PLANS: dict[str, _Plan] = {}
_NOTHING: _Plan = {}


def _plan(path: str) -> _Plan:
    if path not in _PLANS:
        plan = _PLANS[path] = {}
        for element in STRUCTURES[path].elements.values():
            for member, type_ in element.members.items():
                _add_step(plan, member, type_)
        if path == "Reference":
            plan["reference"] = _REFERENCE
    return _PLANS[path]


def _add_step(plan: _Plan, member: str, type_: str) -> None:
    if type_ == "Resource":
        plan[member] = _CONTAINED if member == "contained" else _RESOURCE
    elif type_ in STRUCTURES:
        plan[member] = _plan(type_)
    else:
        plan[f"_{member}"] = _plan("Element")
        if type_ in _URIS or type_ == "xhtml":
            plan[member] = _LINK if type_ in _URIS else _DIV


def _plan_of(resource: Json) -> _Plan:
    type_ = resource.get("resourceType")
    return _plan(type_) if isinstance(type_, str) and type_ in RESOURCE_TYPES else _NOTHING


def _collect(node: Json, plan: _Plan, found: list[tuple[Json, str, str]]) -> None:
    for name, value in node.items():
        step = plan.get(name)
        if step is None or step is _LINK or step is _DIV or step is _RESOURCE:
            continue
        if step is _REFERENCE:
            if isinstance(value, str):
                found.append((node, name, value))
            continue
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, dict):
                _collect(item, step if isinstance(step, dict) else _plan_of(item), found)


def _rewritten(node: Json, plan: _Plan, mapping: _Mapping) -> Json:
    changed: Json | None = None
    for name, value in node.items():
        if name not in plan:
            continue
        step = plan[name]
        if type(value) is str and (step is _LINK or step is _REFERENCE):  # these two are most, so without a call
            new: Any = mapping(value)
            if new is None:
                continue
        elif type(value) is dict and type(step) is dict:
            new = _rewritten(value, step, mapping)
        else:
            new = _stepped(value, step, mapping)
        if new is not value:
            if changed is None:
                changed = dict(node)
            changed[name] = new
    return node if changed is None else changed


def _stepped(value: Any, step: str | _Plan, mapping: _Mapping) -> Any:
    if type(value) is dict:
        return _rewritten(value, step if type(step) is dict else _plan_of(value), mapping)
    if type(value) is list:
        return _items_rewritten(value, step, mapping)
    if type(value) is str:
        if step is _DIV:
            return _div_rewritten(value, mapping)
        if step is _LINK or step is _REFERENCE:
            new = mapping(value)
            return value if new is None else new
    return value


def _items_rewritten(items: list[Any], step: str | _Plan, mapping: _Mapping) -> list[Any]:
    changed: list[Any] | None = None
    for place, item in enumerate(items):
        if type(item) is dict and type(step) is dict:
            new = _rewritten(item, step, mapping)
        else:
            new = _stepped(item, step, mapping)
        if new is not item:
            if changed is None:
                changed = list(items)
            changed[place] = new
    return items if changed is None else changed


def _div_rewritten(div: str, mapping: _Mapping) -> str:
    if "href" in div or "src" in div:
        return _LINK_IN_DIV.sub(lambda match: _attribute(match, mapping), div)
    return div


def _attribute(match: re.Match[str], mapping: _Mapping) -> str:
    quoted = match[2]
    new = mapping(unescape(quoted[1:-1]))
    return match[0] if new is None else f"{match[1]}{quoted[0]}{escape(new)}{quoted[0]}"
