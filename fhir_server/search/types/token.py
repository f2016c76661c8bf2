"""Tokens: `code`, `system|code`, `|code` (no system), `system|` (any code); their words, value sets and hierarchies.

Rule: systems are compared as they are; codes without case, since HL7 asks for it when in doubt; identifiers with case,
since two of them that differ only so may be two people's. See https://hl7.org/fhir/R4/search.html#token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Literal

from fhir_server.document import entry
from fhir_server.search import sort
from fhir_server.search.tree import NOTHING, Concept, Equals, Expr, Present, StartsWith, any_of
from fhir_server.search.types import string
from fhir_server.search.types.asked import Asked, split, unescape
from fhir_server.search.types.remembered import Remembered
from fhir_server.search.types.sink import Sink
from resources import definitions, expressions, references
from resources.expressions import Emitter, Leaf
from resources.parameters import BASE, SearchParameter
from resources.registry import RESOURCE_TYPES

_CASE_MATTERS = frozenset({"Identifier", "id", "uri", "canonical"})
_WITHOUT_SYSTEM = frozenset({"boolean", "string", "id", "uri", "canonical", "ContactPoint"})
_SPECIAL_VALUES = "http://hl7.org/fhir/special-values"
_CODED = frozenset({"code", "Coding", "CodeableConcept"})
_WITH_WORDS = frozenset({"Coding", "CodeableConcept", "Identifier"})


def modifiers(type_: str, parameter: SearchParameter) -> frozenset[str]:
    """What a parameter takes beside `missing`: that depends on the types of its elements."""
    types = element_types(type_, parameter)
    return frozenset({
        "not",
        *(["text"] if types & _WITH_WORDS else ()),
        *(["of-type"] if "Identifier" in types else ()),
        *(["in", "not-in", "above", "below"] if types & _CODED else ()),
    })


def value(asked: Asked) -> Expr:
    """The test of one value, not yet negated. Raises BadRequest."""
    match asked.modifier:
        case "text":
            return string.beginning(asked, entry.text_key(asked.key))
        case "of-type":
            return _of_type(asked)
        case "in" | "not-in":
            return _in(asked)
        case "above" | "below":
            return _subsumed(asked, asked.modifier)
    types = element_types(asked.type, asked.parameter)
    if types == {"boolean"}:
        return _truth(asked)
    tests = []
    if types & _CASE_MATTERS:
        tests.append(test(asked, asked.key, fold=False))
    if types - _CASE_MATTERS:
        tests.append(test(asked, asked.key, fold=True))
    return any_of(*tests)


def present(asked: Asked) -> Expr:
    """The test that there is a value: a code, or else a system or words, which can be asked for as well."""
    keys = [asked.key]
    if element_types(asked.type, asked.parameter) & _WITH_WORDS:
        keys += [entry.system_key(asked.key), entry.text_key(asked.key)]
    return any_of(*(Present(key, ranged=False) for key in keys))


def test(asked: Asked, key: str, *, fold: bool) -> Expr:
    """The test of a token under `key`; with `fold`, without case. Raises BadRequest."""
    parts = [unescape(part) for part in split(asked.text, "|")]
    if len(parts) > 2:
        raise asked.refusal(r"a token is [code], [system]|[code], |[code] or [system]|; a | inside is written \|")
    code = parts[-1].casefold() if fold else parts[-1]
    if len(parts) == 1:
        systems = code_systems(asked.type, asked.parameter) if key == asked.key else None
        if systems is None:
            return StartsWith(entry.token(key, code, ""))
        return any_of(*(Equals(entry.token(key, code, system)) for system in systems.get(code, ("",))))
    if code:
        return Equals(entry.token(key, code, parts[0]))
    if not parts[0]:
        raise asked.refusal("neither a system nor a code is given")
    if key == asked.key and (implied := implied_system(asked.type, asked.parameter)):
        return Present(key, ranged=False) if implied == parts[0] else NOTHING
    return Equals(entry.exact(entry.system_key(key), parts[0]))


def _truth(asked: Asked) -> Expr:
    *system, code = [unescape(part) for part in split(asked.text, "|")]
    if code not in ("true", "false") or system not in ([], [""], [_SPECIAL_VALUES]):
        raise asked.refusal("true or false is expected")
    return Equals(entry.token(asked.key, code, ""))


def _of_type(asked: Asked) -> Expr:
    parts = [unescape(part) for part in split(asked.text, "|")]
    if len(parts) != 3 or not all(parts):
        raise asked.refusal(
            "of-type takes [system]|[code]|[value]: the identifier's value after the system and code of its type, such "
            "as http://terminology.hl7.org/CodeSystem/v2-0203|MR|12345"
        )
    system, code, held = parts
    return Equals(entry.of_type(asked.key, system, code.casefold(), held))


def _in(asked: Asked) -> Expr:
    """The value set by its canonical url, or `ValueSet/1` for one of this server's."""
    text = unescape(asked.text)
    parsed = references.parse(text, asked.base_url)
    if parsed is not None and parsed.local and parsed.type == "ValueSet" and not parsed.version:
        text = f"ValueSet/{parsed.id}"
    elif parsed is None or parsed.local or parsed.fragment is not None or any(map(str.isspace, text)):
        raise asked.refusal(f"{asked.modifier} takes the canonical url of a ValueSet, or ValueSet/[id] for one of here")
    return _concept(asked, "in", "", text)


def _subsumed(asked: Asked, relation: Literal["above", "below"]) -> Expr:
    if relation == "below" and "|" not in asked.text and _are_media_types(asked.type, asked.parameter):
        kind = f"{asked.key}{entry.SEPARATOR}{unescape(asked.text).casefold()}"
        return any_of(*(StartsWith(kind + following) for following in (entry.SEPARATOR, ";", " ", "/")))
    system, code = [unescape(part) for part in ["", *split(asked.text, "|")][-2:]]
    system = system or implied_system(asked.type, asked.parameter) or ""
    if len(split(asked.text, "|")) > 2 or not system or not code:
        raise asked.refusal(f"{relation} takes [system]|[code]")
    return _concept(asked, relation, system, code)


def _concept(asked: Asked, relation: Literal["in", "above", "below"], system: str, value: str) -> Concept:
    bare = _has_unknown_systems(asked.type, asked.parameter)
    name = f"{asked.parameter.code}:{asked.modifier}"
    return Concept(asked.key, relation, system, value, fold=True, bare=bare, name=name)


@cache
def _are_media_types(type_: str, parameter: SearchParameter) -> bool:
    """Whether a parameter looks at media types, of which `text/xml; charset=utf-8` is below `text/xml`.

    See https://hl7.org/fhir/R4/search.html#mimetype.
    """
    found = expressions.leaves(type_, parameter)
    return any(leaf.element.value_set == "http://hl7.org/fhir/ValueSet/mimetypes" for leaf in found)


@cache
def _has_unknown_systems(type_: str, parameter: SearchParameter) -> bool:
    """Whether a parameter looks at codes whose binding does not tell their systems."""
    found = expressions.leaves(type_, parameter)
    return any(leaf.element_type == "code" and not _systems(leaf.element.value_set) for leaf in found)


@cache
def element_types(type_: str, parameter: SearchParameter) -> frozenset[str]:
    """The types of the elements that a parameter looks at."""
    return frozenset(leaf.element_type for leaf in expressions.leaves(type_, parameter))


@cache
def implied_system(type_: str, parameter: SearchParameter) -> str | None:
    """The one system of all values of a parameter, if it looks only at codes whose bindings imply it; then it need not
    be written with each value."""
    systems: set[str] = set()
    for leaf in expressions.leaves(type_, parameter):
        systems.update(_systems(leaf.element.value_set).values() if leaf.element_type == "code" else ("", "many"))
    return systems.pop() if len(systems) == 1 else None


@cache
def code_systems(type_: str, parameter: SearchParameter) -> Mapping[str, tuple[str, ...]] | None:
    """The systems that a code without one may have: those that bindings imply, by the code without case, and none for
    all other codes; None where a value can have any system."""
    if not element_types(type_, parameter) <= _WITHOUT_SYSTEM | {"code"}:
        return None
    systems: dict[str, set[str]] = {}
    for leaf in expressions.leaves(type_, parameter):
        for code, system in _systems(leaf.element.value_set).items() if leaf.element_type == "code" else ():
            systems.setdefault(code.casefold(), set()).add(system)
    if element_types(type_, parameter) != {"code"}:
        for known in systems.values():
            known.add("")
    return {code: tuple(sorted(known)) for code, known in systems.items()}


@cache
def may_have_systems(key: str) -> bool:
    """Whether the tokens of `key` (`Observation.code`) are codes of any system, of which one code may have several."""
    type_, _, code = key.partition(".")
    parameter = BASE.get(type_, code) if type_ in RESOURCE_TYPES else None
    return parameter is None or bool(element_types(type_, parameter) & {"Coding", "CodeableConcept"})


def emitter(leaf: Leaf) -> Emitter | None:
    """What takes the values of a leaf; None for types that are no tokens."""
    makers: dict[str, Callable[[Leaf], Emitter]] = {
        "Coding": _coding,
        "CodeableConcept": _codeable,
        "Identifier": lambda leaf: identifier(leaf.key),
        "ContactPoint": _contact,
        "boolean": _boolean,
        "code": _code,
        "string": lambda leaf: _plain(leaf, fold=True),
        "id": lambda leaf: _plain(leaf, fold=False),
        "uri": lambda leaf: _plain(leaf, fold=False),
        "canonical": lambda leaf: _plain(leaf, fold=False),
    }
    maker = makers.get(leaf.element_type)
    return maker(leaf) if maker else None


def identifier(key: str) -> Emitter:
    """What takes Identifiers, for tokens and for references' `:identifier`."""
    system_key = entry.system_key(key)
    is_rare = entry.is_rare(key)

    def emit(sink: Sink, held: dict[str, Any]) -> None:
        text, system = held.get("value"), held.get("system")
        if text is not None:
            (sink.rare if is_rare else sink.index).append(entry.token(key, text, system or ""))
        if system is not None:
            sink.rare.append(entry.exact(system_key, system))
        if not is_rare and (type_ := held.get("type")) is not None:
            sink.rare.extend(_typed(key, type_, text))

    return emit


def _typed(key: str, type_: dict[str, Any], value: str | None) -> Iterator[str]:
    """The entries of an identifier's type: its text, and the value with each of its codes."""
    if (text := type_.get("text")) is not None:
        yield _text_entry(key, text)
    for coding in type_.get("coding", ()):
        system, code = coding.get("system"), coding.get("code")
        if value is not None and system is not None and code is not None:
            yield entry.of_type(key, system, code.casefold(), value)


def _coding(leaf: Leaf) -> Emitter:
    key = leaf.key

    def emit(sink: Sink, held: dict[str, Any]) -> None:
        found, rare = entries(key, held)
        sink.index += found
        sink.rare += rare

    return emit


def entries(key: str, coding: dict[str, Any], text: str = "") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The entries of a coding, and those of them that are seldom asked for; `text` are the words beside it."""
    return _ENTRIES[key, coding.get("system", ""), coding.get("code", ""), coding.get("display", ""), text]


def _made(key: str, system: str, code: str, display: str, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    rare = [entry.exact(entry.system_key(key), system)] if system else []
    rare += [_text_entry(key, words) for words in (display, text) if words]
    return (entry.token(key, code.casefold(), system),) if code else (), tuple(rare)


_ENTRIES = Remembered(_made, most=16_384, longest=450)
"""A hospital's codes are few."""


def _text_entry(key: str, text: str) -> str:
    return entry.text(entry.text_key(key), string.fold(text), text)


def _codeable(leaf: Leaf) -> Emitter:
    key = leaf.key

    def emit(sink: Sink, held: dict[str, Any]) -> None:
        text = held.get("text", "")
        for coding in held.get("coding", _UNCODED):
            found, rare = entries(key, coding, text)
            sink.index += found
            sink.rare += rare

    return emit


_UNCODED: tuple[dict[str, Any], ...] = ({},)
"""What a concept of words alone has for codings."""


def _contact(leaf: Leaf) -> Emitter:
    key = leaf.key

    def emit(sink: Sink, held: dict[str, Any]) -> None:
        text = held.get("value")
        if text is not None:
            sink.index.append(entry.token(key, text.casefold(), ""))

    return emit


def _boolean(leaf: Leaf) -> Emitter:
    texts = {truth: entry.token(leaf.key, "true" if truth else "false", "") for truth in (True, False)}
    return lambda sink, held: sink.index.append(texts[held])


def _plain(leaf: Leaf, *, fold: bool) -> Emitter:
    key = leaf.key

    def emit(sink: Sink, held: str) -> None:
        sink.index.append(entry.token(key, held.casefold() if fold else held, ""))

    return emit


@cache
def _systems(value_set: str | None) -> dict[str, str]:
    """Code → system, of a required binding."""
    systems = definitions.load("codes").get(value_set, {})
    return {code: system for system, codes in systems.items() for code in codes}


def _code(leaf: Leaf) -> Emitter:
    """A code's system is the one that its required binding implies."""
    key = leaf.key
    scalar = sort.scalars(leaf.type).get(leaf.parameter.code)
    systems = _systems(leaf.element.value_set)
    implied = implied_system(leaf.type, leaf.parameter) is not None

    def emit(sink: Sink, held: str) -> None:
        system = systems.get(held, "")
        found, rare = _ENTRIES[key, system, held, "", ""]
        sink.index += found
        if not implied:
            sink.rare += rare
        if scalar is not None:
            sink.least(scalar, held.casefold())

    return emit
