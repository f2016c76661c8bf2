"""Tokens: `code`, `system|code`, `|code` (no system), `system|` (any code), and `:not`.

Rule: systems are compared as they are; codes without case, since HL7 asks for it when in doubt; identifiers with case,
since two of them that differ only so may be two people's. See https://hl7.org/fhir/R4/search.html#token.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from fhir_server.document import entry
from fhir_server.search import sort
from fhir_server.search.tree import NOTHING, Equals, Expr, Present, StartsWith, any_of
from fhir_server.search.types.asked import Asked, split, unescape
from fhir_server.search.types.sink import Sink
from resources import definitions, expressions
from resources.expressions import Emitter, Leaf
from resources.parameters import SearchParameter

MODIFIERS = frozenset({"not"})
_CASE_MATTERS = frozenset({"Identifier", "id", "uri", "canonical"})


def value(asked: Asked) -> Expr:
    """The test of one value, not yet negated. Raises BadRequest."""
    types = element_types(asked.type, asked.parameter)
    if types == {"boolean"} and unescape(asked.text) not in ("true", "false"):
        raise asked.refusal("true or false is expected")
    tests = []
    if types & _CASE_MATTERS:
        tests.append(test(asked, asked.key, fold=False))
    if types - _CASE_MATTERS:
        tests.append(test(asked, asked.key, fold=True))
    return any_of(*tests)


def test(asked: Asked, key: str, *, fold: bool) -> Expr:
    """The test of a token under `key`; with `fold`, without case. Raises BadRequest."""
    parts = [unescape(part) for part in split(asked.text, "|")]
    if len(parts) > 2:
        raise asked.refusal(r"a token is [code], [system]|[code], |[code] or [system]|; a | inside is written \|")
    code = parts[-1].casefold() if fold else parts[-1]
    if len(parts) == 1:
        return StartsWith(entry.token(key, code, ""))
    if code:
        return Equals(entry.token(key, code, parts[0]))
    if not parts[0]:
        raise asked.refusal("neither a system nor a code is given")
    if key == asked.key and (implied := implied_system(asked.type, asked.parameter)):
        return Present(key, ranged=False) if implied == parts[0] else NOTHING
    return Equals(entry.exact(entry.system_key(key), parts[0]))


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


def emitter(leaf: Leaf) -> Emitter | None:
    """What takes the values of a leaf; None for types that are no tokens."""
    makers: dict[str, Callable[[Leaf], Emitter]] = {
        "Coding": _coding,
        "CodeableConcept": _concept,
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

    return emit


def _coding(leaf: Leaf) -> Emitter:
    key = leaf.key

    def emit(sink: Sink, held: dict[str, Any]) -> None:
        code, system = held.get("code"), held.get("system")
        if code is not None:
            sink.index.append(_entry(key, code, system))
        if system is not None:
            sink.rare.append(_system_entry(key, system))

    return emit


@lru_cache(maxsize=16384)  # a hospital's codes are few
def _entry(key: str, code: str, system: str | None) -> str:
    return entry.token(key, code.casefold(), system or "")


@lru_cache(maxsize=4096)
def _system_entry(key: str, system: str) -> str:
    return entry.exact(entry.system_key(key), system)


def _concept(leaf: Leaf) -> Emitter:
    one = _coding(leaf)

    def emit(sink: Sink, held: dict[str, Any]) -> None:
        for coding in held.get("coding", ()):
            one(sink, coding)

    return emit


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
        system = systems.get(held)
        sink.index.append(_entry(key, held, system))
        if system is not None and not implied:
            sink.rare.append(_system_entry(key, system))
        if scalar is not None:
            sink.least(scalar, held.casefold())

    return emit
