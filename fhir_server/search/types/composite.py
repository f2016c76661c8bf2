r"""Composites: `code$value`, whose parts are of the same element.

Rule: each part is asked for and written by the face of its own type; what comes out is joined here, first part first.
See https://hl7.org/fhir/R4/search.html#composite.

A token comes first. What is compared with it for equality, or as a beginning, makes entries with it: the code with its
system in `index`; the other two forms that it can be asked for, seldom, in `rare`:

    Observation.code-value-concept|8480-6|http://loinc.org|high|http://here
    Observation.code-value-concept:any-system|8480-6|high|http://here
    Observation.code-value-concept:any-code|http://loinc.org|high|http://here

A range has the code in its key, and bears what else it may be asked for with, the code's system and the unit:

    {"k": "Observation.code-value-quantity||8480-6|", "lo": 120, "hi": 120, "with": ["=http://loinc.org", "||mm[Hg]|"]}
    {"k": "Observation.code-value-quantity|g.m-1.s-2|8480-6|", …}       in the canonical unit of its UCUM code
    {"k": "Observation.code-value-date|8480-6|@", …}                    dates; two numbers are low and high end
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from fhir_server.document import entry
from fhir_server.search.tree import Any_, Equals, Expr, Present, StartsWith, Within, any_of
from fhir_server.search.types import date, number, quantity, reference, string, token, uri
from fhir_server.search.types.asked import Asked, split
from fhir_server.search.types.quantity import Spans
from fhir_server.search.types.sink import Sink
from resources import expressions, quantities
from resources.expressions import Emitter, Leaf
from resources.parameters import Component, SearchParameter

MOST_FORMS = 20
"""So many codes of a concept are joined, and so many values to each: their product is what a resource may cost."""

_EQUAL: dict[str, tuple[Callable[[Asked], Expr], Callable[[Leaf], Emitter | None]]] = {
    "token": (token.value, token.emitter),
    "string": (string.value, string.emitter),
    "reference": (reference.value, reference.emitter),
    "uri": (uri.value, uri.emitter),
}
_RANGED: dict[str, tuple[Callable[[Asked], Expr], Callable[[Leaf], Emitter | None]]] = {
    "quantity": (quantity.value, quantity.emitter),
    "date": (date.value, date.emitter),
    "number": (number.value, number.emitter),
}
_FACES = {**_EQUAL, **_RANGED}
_ANY_SYSTEM, _ANY_CODE = ":any-system", ":any-code"

Json = dict[str, Any]


def is_answered(parameter: SearchParameter) -> bool:
    """Whether a composite has one of the forms that are answered."""
    first, *others = [component.parameter.type for component in parameter.components] or [""]
    return first == "token" and (others == ["number", "number"] or (len(others) == 1 and others[0] in _FACES))


def _types(parameter: SearchParameter) -> list[str]:
    return [component.parameter.type for component in parameter.components]


def _is_ranged(parameter: SearchParameter) -> bool:
    return _types(parameter)[-1] in _RANGED


def present(asked: Asked) -> Expr:
    """The test that there is a value."""
    if _is_ranged(asked.parameter):
        return Within(f"{asked.key}{entry.SEPARATOR}", begins=True)
    return Present(asked.key, ranged=False)


# What is asked


def value(asked: Asked) -> Expr:
    """The test of one value. Raises BadRequest."""
    names = [component.parameter.code for component in asked.parameter.components]
    if not is_answered(asked.parameter):
        raise asked.refusal(f"a composite of {', '.join(_types(asked.parameter))} is not answered")
    texts = split(asked.text, "$")
    if len(texts) != len(names) or not all(texts):
        wanted = "$".join(f"[{name}]" for name in names)
        raise asked.refusal(rf"{wanted} is expected; a $ inside is written \$")
    first, *others = [
        replace(asked, parameter=component.parameter, text=text, named=asked.named or asked.parameter)
        for component, text in zip(asked.parameter.components, texts, strict=True)
    ]
    tests = [_FACES[other.parameter.type][0](other) for other in others]
    codes = [_code(first, test) for test in _choices(token.value(first))]
    if len(others) == 2:
        return any_of(*(_placed(asked.key, code, "", low) for code in codes for low in _both_ends(tests)))
    ranged = others[0].parameter.type in _RANGED
    join = _ranged if ranged else _equal
    return any_of(*(join(asked.key, code, others[0], test) for code in codes for test in _choices(tests[0])))


@dataclass(frozen=True, slots=True)
class _Code:
    """A token that is asked for, as its entry has it; None is any."""

    code: str | None
    system: str | None


def _choices(tree: Expr) -> tuple[Expr, ...]:
    return tree.parts if isinstance(tree, Any_) else (tree,)


def _code(asked: Asked, test: Expr) -> _Code:
    match test:
        case Equals(text) if text.startswith(f"{asked.key}{entry.SEPARATOR}"):
            return _Code(*entry.token_parts(text[len(asked.key) + 1 :]))
        case Equals(text):
            return _Code(None, text[len(entry.system_key(asked.key)) + 1 :])
        case StartsWith(prefix):
            return _Code(entry.token_parts(prefix[len(asked.key) + 1 :])[0], None)
        case Present():
            return _Code(None, token.implied_system(asked.type, asked.parameter))
    raise asked.refusal(f"{asked.parameter.code} cannot be asked for so in a composite")


def _equal(key: str, code: _Code, other: Asked, test: Expr) -> Expr:
    match test:
        case Equals(text):
            return Equals(_joined(key, code, text[len(other.key) :]))
        case StartsWith(prefix):
            return StartsWith(_joined(key, code, prefix[len(other.key) :]))
        case Present():
            return StartsWith(_joined(key, code, entry.SEPARATOR))
    raise other.refusal(f"{other.parameter.code} cannot be asked for so in a composite")


def _ranged(key: str, code: _Code, other: Asked, test: Expr) -> Expr:
    if not isinstance(test, Within):
        raise other.refusal(f"{other.parameter.code} cannot be asked for so in a composite")
    return _placed(key, code, test.key[len(other.key) :], test)


def _placed(key: str, code: _Code, suffix: str, test: Within) -> Within:
    """`test` as one of the ranges that go with a code; `suffix` is what its own key has behind the parameter's."""
    place, unit = _place(suffix)
    system = None if code.system is None else _system(code.system)
    beside = tuple(borne for borne in (system, unit) if borne is not None)
    if code.code is None:
        return replace(test, key=f"{key}{place}", beside=beside, begins=True)
    return replace(test, key=_ranged_key(key, place, code.code), beside=beside)


def _both_ends(tests: list[Expr]) -> Iterator[Within]:
    """Tests of two points as tests of the low and the high end of one range."""
    for low in _choices(tests[0]):
        for high in _choices(tests[1]):
            if isinstance(low, Within) and isinstance(high, Within):
                low_from, low_to = _point(low)
                high_from, high_to = _point(high)
                yield Within("", low_from, low_to, high_from, high_to)


def _point(test: Within) -> tuple[float | None, float | None]:
    """The bounds that a test makes for a point."""
    return entry.greatest((test.low_from, test.high_from)), entry.least((test.low_to, test.high_to))


# What is written


def emitter(leaf: Leaf) -> Emitter | None:
    """What takes the base elements of a composite; None for one that is not answered."""
    parameter = leaf.parameter
    if not is_answered(parameter):
        return None
    first, *others = parameter.components
    codes = _Part(leaf, first, _codes)
    if not _is_ranged(parameter):
        return _entries(leaf.key, codes, _Part(leaf, others[0], _ends))
    parts = [_Part(leaf, other, _spans) for other in others]
    return _ranges(leaf.key, codes, parts[0]) if len(parts) == 1 else _numbers(leaf.key, codes, *parts)


class _Part:
    """How the values of a component are got from a base element: the emitters that `collector` gives append them to a
    list."""

    def __init__(self, base: Leaf, component: Component, collector: Callable[[Leaf], Emitter | None]) -> None:
        self.run, self.of_resource = expressions.component_extractor(base, component, collector)

    def of(self, sink: Sink, held: Json) -> list[Any]:
        """The values, at most so many as are joined."""
        found: list[Any] = []
        self.run(sink.resource if self.of_resource else held, found)
        return found if len(found) <= MOST_FORMS else found[:MOST_FORMS]


def _codes(leaf: Leaf) -> Emitter | None:
    """Tokens, as their entries have them behind the key."""
    if leaf.element_type == "CodeableConcept":  # nearly all: spared the detour
        return _concept_codes
    one, start = token.emitter(leaf), len(leaf.key)
    if one is None:
        return None

    def collect(found: list[str], held: Any) -> None:
        sink = Sink("", {})
        one(sink, held)
        found += [text[start:] for text in sink.index]

    return collect


def _concept_codes(found: list[str], held: Json) -> None:
    for coding in held.get("coding", ()):
        found += token.entries("", coding)[0]


def _ends(leaf: Leaf) -> Emitter | None:
    """For what is equal: values, each with the emitter of its type and the length of its key."""
    one, start = _EQUAL[leaf.parameter.type][1](leaf), len(leaf.key)
    return one and (lambda found, held: found.append((one, start, held)))


def _entries(key: str, codes: _Part, others: _Part) -> Emitter:
    def emit(sink: Sink, held: Json) -> None:
        values = others.of(sink, held)
        texts = codes.of(sink, held) if values else ()
        for one, start, value in values if texts else ():
            inner = Sink(sink.base_url, sink.resource)
            one(inner, value)
            systems = [text for text in inner.rare if text.startswith(entry.system_key(""), start)]
            for end in [text[start:] for text in (*inner.index[:MOST_FORMS], *systems[:MOST_FORMS])]:
                for form in [form for text in texts for form in _forms(text)]:
                    text = _joined(key, form, end)
                    (sink.rare if entry.is_rare(text) else sink.index).append(text)

    return emit


@lru_cache(maxsize=4096)  # a hospital's codes are few
def _forms(text: str) -> tuple[_Code, ...]:
    """The ways in which a token can be asked for."""
    code, system = entry.token_parts(text[1:])
    both = (_Code(code, system), _Code(code, None))
    return (*both, _Code(None, system)) if system else both


def _joined(key: str, code: _Code, end: str) -> str:
    """The entry of a token and of what is equal beside it: `end` is the latter's entry without its parameter's key."""
    own, _, rest = end.partition(entry.SEPARATOR)
    system = None if code.system is None else entry.escaped(code.system)
    if code.code is None:
        return f"{key}{_ANY_CODE}{own}|{system}|{rest}"
    if system is None:
        return f"{key}{_ANY_SYSTEM}{own}|{code.code}|{rest}"
    return f"{key}{own}|{code.code}|{system}|{rest}"


def _spans(leaf: Leaf) -> Emitter | None:
    """For ranges: values, each with the function that says of what ranges it is."""
    spans_of = _spans_of(leaf.parameter.type, leaf.element_type)
    if spans_of is None:
        return None
    return lambda found, held: found.append((spans_of, held))


def _spans_of(type_: str, element_type: str) -> Callable[[Any], Spans] | None:
    if type_ == "quantity":
        return quantity.spans(element_type)
    span_of = (date if type_ == "date" else number).span(element_type)
    suffix = "" if type_ == "date" else entry.SEPARATOR

    def spans(held: Any) -> Spans:
        found = span_of(held) if span_of else None
        return () if found is None else ((suffix, *found),)

    return span_of and spans


def _ranges(key: str, codes: _Part, others: _Part) -> Emitter:
    def emit(sink: Sink, held: Json) -> None:
        values = others.of(sink, held)
        texts = codes.of(sink, held) if values else ()
        for spans_of, value in values if texts else ():
            spans = spans_of(value)
            suffixes = tuple([suffix for suffix, _, _ in spans])
            for text in texts:
                for at, where, borne in _kept(key, text, suffixes):
                    _, low, high = spans[at]
                    sink.ranges.append(entry.span(where, low, high, borne))

    return emit


@lru_cache(maxsize=4096)  # a hospital's codes and units are few
def _kept(key: str, text: str, suffixes: tuple[str, ...]) -> list[tuple[int, str, list[str]]]:
    """Of a value with a code: which of its ranges are kept, their keys, and what they bear: the plain one the units
    that only name it otherwise."""
    code, system = entry.token_parts(text[1:])
    places = [_place(suffix) for suffix in suffixes]
    units = [unit for _, unit in places if unit is not None]
    return [
        (at, _ranged_key(key, place, code), [_system(system), *(units if place == _PLAIN else ())])
        for at, (place, unit) in enumerate(places)
        if unit is None
    ]


_PLAIN = entry.SEPARATOR * 2
_CONVERTED = f"{entry.SEPARATOR}{quantities.UCUM}{entry.SEPARATOR}"


def _place(suffix: str) -> tuple[str, str | None]:
    """Where a range is kept among those of a composite, and the unit that it bears; `suffix` is what its key has behind
    that of its parameter."""
    if not suffix:
        return entry.SEPARATOR, None
    if suffix == entry.SEPARATOR:
        return _PLAIN, None
    if suffix.startswith(_CONVERTED):
        return f"{entry.SEPARATOR}{suffix[len(_CONVERTED) :]}", None
    return _PLAIN, suffix


def _ranged_key(key: str, place: str, code: str) -> str:
    """The key of the ranges of a code; that of an amount ends in `|`."""
    return f"{key}{place}{code}|@" if place == entry.SEPARATOR else f"{key}{place}{code}|"


def _system(system: str) -> str:
    """How a range bears the system of its code: never as a unit is borne."""
    return f"={system}"


def _numbers(key: str, codes: _Part, lows: _Part, highs: _Part) -> Emitter:
    """Two numbers as the ends of one range; one that ends before it begins means nothing, and is not found."""

    def emit(sink: Sink, held: Json) -> None:
        ends = [spans_of(value)[0] for part in (lows, highs) for spans_of, value in part.of(sink, held)]
        if len(ends) == 2 and ends[0][1] <= ends[1][1]:
            for text in codes.of(sink, held):
                for _, where, borne in _kept(key, text, ("",)):
                    sink.ranges.append(entry.span(where, ends[0][1], ends[1][1], borne))

    return emit
