"""References: what their text may be, and the resource types that an element may point to.

Rule: a reference that tells its type must point to a type that the element allows; any other URL passes.
See https://hl7.org/fhir/R4/references.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from resources import references
from resources.registry import RESOURCE_TYPES
from resources.rules.problem import NONE, Json, Problem, quoted

_DEFINITION = "http://hl7.org/fhir/StructureDefinition/"
_FORMS = "Type/id with a type of R4, an absolute URL, urn:uuid:…, urn:oid:… or #id of a contained resource"


def problems(reference: Json, targets: AbstractSet[str]) -> tuple[Problem, ...]:
    """The problems of a Reference that may point to `targets` (none: any type); `#id` is left to `local_problems`."""
    text = reference.get("reference")
    if "type" not in reference:
        if text is None:
            return NONE
        type_, _, id_ = text.partition("/")
        if text.startswith("urn:uuid:") or (type_ in targets and references.ID.fullmatch(id_)):
            return NONE  # nearly always so, and ten times quicker than the general way
        return _of_text(text, targets)
    found = _of_text(text, targets) if text is not None else NONE
    pointed = references.parse(text) if text is not None else None
    type_ = reference["type"].removeprefix(_DEFINITION)
    if pointed is not None and pointed.type is not None:
        if type_ != pointed.type:
            words = f"type says {quoted(type_)}, but the reference points to a {pointed.type}"
            found += (Problem(words, "value", ".type"),)
    elif type_ in RESOURCE_TYPES and targets and type_ not in targets:
        found += (Problem(_wrong_target(type_, targets), "value", ".type"),)
    return found


def local_id(reference: Json) -> str | None:
    """The id of the contained resource that this Reference points to; empty for `#`, the container itself."""
    text = reference.get("reference")
    return text[1:] if isinstance(text, str) and text.startswith("#") else None


def local_problems(id_: str, targets: AbstractSet[str], contained: Mapping[str, str]) -> tuple[Problem, ...]:
    """The problems of a reference `#id_` among the `contained` resources (id → type; empty id: the container)."""
    type_ = contained.get(id_)
    if type_ is None:
        return (Problem(f"no contained resource has the id {quoted(id_)}", "not-found", ".reference"),)
    if type_ in RESOURCE_TYPES and targets and type_ not in targets:
        return (Problem(_wrong_target(type_, targets), "value", ".reference"),)
    return NONE


def _of_text(text: str, targets: AbstractSet[str]) -> tuple[Problem, ...]:
    pointed = references.parse(text)
    if pointed is None:
        return (Problem(f"{quoted(text)} is not a reference: expected {_FORMS}", "value", ".reference"),)
    if pointed.type is not None and targets and pointed.type not in targets:
        return (Problem(_wrong_target(pointed.type, targets), "value", ".reference"),)
    return NONE


def _wrong_target(type_: str, targets: AbstractSet[str]) -> str:
    return f"points to a {type_}, but this element may only point to: {', '.join(sorted(targets))}"
