"""References: `1`, `Patient/1`, absolute, canonical with version, `:Patient`, `:identifier`, `:above` and `:below`.

Rule: a reference to this server is the same however it is written; one to a version is also one to the resource.
See https://hl7.org/fhir/R4/search.html#reference.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from fhir_server.document import entry
from fhir_server.search.tree import Equals, Expr, Present, Under, any_of
from fhir_server.search.types import token, uri
from fhir_server.search.types.asked import Asked, unescape
from fhir_server.search.types.remembered import Remembered
from fhir_server.search.types.sink import Sink
from resources import expressions, references
from resources.compartments import compartments_of
from resources.expressions import Emitter, Leaf
from resources.parameters import BASE, SearchParameter
from resources.references import ID
from resources.registry import RESOURCE_TYPES

_FORMED = frozenset({"Reference", "Resource"})
_PARENTS = ("partof", "part-of", "parent")


@cache
def modifiers(type_: str, parameter: SearchParameter) -> frozenset[str]:
    """What a parameter takes beside `missing`: the types that it may refer to, and what its elements can be asked."""
    types = token.element_types(type_, parameter)
    found = set(parameter.targets or RESOURCE_TYPES)
    if "Reference" in types:
        found |= {"identifier", *(("above", "below") if _hierarchies(parameter) else ())}
    if "canonical" in types:
        found.add("below")
    return frozenset(found)


@cache
def parent(type_: str) -> SearchParameter | None:
    """The parameter of a type by which its resources refer to the one that they are part of: `Location.partof`."""
    known = (BASE.get(type_, code) for code in _PARENTS)
    return next((one for one in known if one and one.type == "reference" and type_ in one.targets), None)


def _hierarchies(parameter: SearchParameter) -> tuple[str, ...]:
    """The types that a parameter may refer to whose resources are part of others of the type."""
    return tuple(type_ for type_ in parameter.targets if parent(type_))


def value(asked: Asked) -> Expr:
    """The test of one value. Raises BadRequest."""
    if asked.modifier == "identifier":
        return token.test(asked, entry.identifier_key(asked.key), fold=False)
    text = unescape(asked.text)
    if asked.modifier in ("above", "below"):
        return _under(asked, text)
    if asked.modifier is not None:
        return _of_type(asked, text, asked.modifier)
    if ID.fullmatch(text):
        types = asked.parameter.targets or sorted(RESOURCE_TYPES)
        return any_of(*(Equals(entry.exact(asked.key, f"{type_}/{text}")) for type_ in types))
    _, forms = reference_forms(text, asked.base_url)
    if not forms or not _can_be(asked, text):
        raise asked.refusal("an id, [type]/[id] or an absolute URL is expected")
    return Equals(entry.exact(asked.key, forms[-1]))


def _can_be(asked: Asked, text: str) -> bool:
    """Whether something can be referred to so; canonical urls have no form."""
    if any(character.isspace() for character in text):
        return False
    if not token.element_types(asked.type, asked.parameter) <= _FORMED:
        return True
    parsed = references.parse(text, asked.base_url)
    is_none_here = parsed is not None and parsed.uri is not None and text.startswith(f"{asked.base_url}/")
    return parsed is not None and parsed.criteria is None and not is_none_here


def present(asked: Asked) -> Expr:
    """The test that there is a value: what is referred to, or its identifier."""
    keys = [asked.key]
    if "Reference" in token.element_types(asked.type, asked.parameter):
        identifier = entry.identifier_key(asked.key)
        keys += [identifier, entry.system_key(identifier)]
    return any_of(*(Present(key, ranged=False) for key in keys))


def _of_type(asked: Asked, text: str, type_: str) -> Expr:
    if asked.parameter.targets and type_ not in asked.parameter.targets:
        raise asked.refusal(f"it refers to {', '.join(asked.parameter.targets)}")
    if not ID.fullmatch(text):
        named, forms = reference_forms(text, asked.base_url)
        if named != type_:
            raise asked.refusal(f"an id of a {type_} is expected")
        return Equals(entry.exact(asked.key, forms[-1]))
    return Equals(entry.exact(asked.key, f"{type_}/{text}"))


def _under(asked: Asked, text: str) -> Expr:
    """The test of a place in a hierarchy of resources, or of a canonical's versions (without one: all of them)."""
    types = token.element_types(asked.type, asked.parameter)
    if "canonical" in types and "://" in text and asked.modifier == "below":
        return uri.below(asked, text) if "|" in text else Equals(entry.exact(asked.key, text))
    hierarchies = _hierarchies(asked.parameter) if "Reference" in types else ()
    if ID.fullmatch(text) and len(hierarchies) == 1:
        text = f"{hierarchies[0]}/{text}"
    named, forms = reference_forms(text, asked.base_url)
    if named is None or named not in hierarchies:
        expected = f"[type]/[id] of {' or '.join(hierarchies)}" if hierarchies else "a canonical url"
        raise asked.refusal(f"{asked.modifier} takes {expected}")
    of_parent, many = parent(named), not expressions.is_single(asked.type, asked.parameter)
    if of_parent is None:
        raise ValueError(f"{named} has no hierarchy")
    name = f"{asked.parameter.code}:{asked.modifier}"
    return Under(asked.key, f"{named}.{of_parent.code}", forms[0], up=asked.modifier == "above", many=many, name=name)


def emitter(leaf: Leaf) -> Emitter | None:
    """What takes the values of a leaf; None for types that are no references."""
    if leaf.element_type == "Reference":
        return _reference(leaf)
    if leaf.element_type in ("canonical", "uri"):
        return _canonical(leaf)
    return _resource(leaf) if leaf.element_type == "Resource" else None


def reference_forms(text: str, base_url: str) -> tuple[str | None, tuple[str, ...]]:
    """The type that a reference to a resource here names, else None, and the forms that it can be found by, short
    enough for entries: without version, and with it where there is one. A fragment has no form."""
    return _FORMS[text, base_url]


def _reference(leaf: Leaf) -> Emitter:
    prefix = leaf.key + entry.SEPARATOR
    of_identifier = token.identifier(entry.identifier_key(leaf.key))
    compartments = compartments_of(leaf.type, leaf.parameter.code)

    def emit(sink: Sink, held: dict[str, Any]) -> None:
        if "reference" in held:
            type_, forms = _FORMS[held["reference"], sink.base_url]
            for form in forms:
                sink.index.append(prefix + form)
            target = sink.holders[id(held)] = None if type_ is None else forms[0]
            if target is not None:
                sink.references.append(target)
                if type_ in compartments:
                    sink.compartments.append(target)
        if "identifier" in held:
            of_identifier(sink, held["identifier"])

    return emit


def _canonical(leaf: Leaf) -> Emitter:
    key = leaf.key

    def emit(sink: Sink, held: str) -> None:
        type_, forms = reference_forms(held, sink.base_url)
        sink.index += [entry.exact(key, form) for form in forms]
        if type_ is not None:
            sink.references.append(forms[0])
        elif forms:
            url, _, version = held.partition(entry.SEPARATOR)
            sink.index.append(entry.exact(key, entry.canonical(url, version)))

    return emit


def _resource(leaf: Leaf) -> Emitter:
    key = leaf.key
    targets = leaf.parameter.targets

    def emit(sink: Sink, held: dict[str, Any]) -> None:
        if held["resourceType"] in targets:
            sink.inside.append((key, held))
        if "id" in held:
            sink.index.append(entry.exact(key, f"{held['resourceType']}/{held['id']}"))

    return emit


def _forms(text: str, base_url: str) -> tuple[str | None, tuple[str, ...]]:
    type_, _, id_ = text.partition("/")
    if type_ in RESOURCE_TYPES and ID.fullmatch(id_):  # nearly all
        return type_, (text,)
    here, forms = _parsed(text, base_url)
    return here, tuple(map(entry.bounded, forms))


_FORMS = Remembered(_forms, most=16_384, longest=300)
"""The same patients and encounters, again and again."""


def _parsed(text: str, base_url: str) -> tuple[str | None, tuple[str, ...]]:
    parsed = references.parse(text, base_url)
    if parsed is None:
        return None, (text,)
    if parsed.id is not None:
        plain = f"{parsed.type}/{parsed.id}"
        here = None if parsed.base else parsed.type
        plain = f"{parsed.base}/{plain}" if parsed.base else plain
        return here, (plain, f"{plain}/_history/{parsed.version}") if parsed.version else (plain,)
    if parsed.uri is not None and parsed.version:
        return None, (parsed.uri, f"{parsed.uri}|{parsed.version}")
    return None, () if parsed.fragment is not None else (text,)
