"""Where in a resource a FHIRPath of a patch points: places to be changed, not only values.

Rule: the path is the client's, so it is parsed here, as the subset that names places, and never given to a general
evaluator. In it: member names, `[i]`, `first() last() single() where(…) extension('url') ofType(T) as(T)`; `where`
takes comparisons `path = literal` or `path != literal` joined by `and`. A path is read in linear time; what it costs to
find places is counted.
See https://hl7.org/fhir/R4/fhirpatch.html and https://hl7.org/fhirpath/N1/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from resources import json_codec
from resources.outcome import BadRequest, Unprocessable
from resources.patch_work import Work
from resources.registry import RESOURCE_TYPES, STRUCTURES, Element

Json = dict[str, Any]
MAX_LENGTH = 1000
"""Characters of a path."""
MAX_COMPARISONS = 20
"""In all criteria of a path."""
MAX_NESTED = 3
"""Criteria inside one another."""

_STRING = r"'(?:[^'\\]|\\.)*+'"
_LITERAL = rf"{_STRING}|true|false|-?\d+(?:\.\d+)?|@[\dT:.Z+\-]+"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*|`[^`]+`"
_STEP = re.compile(
    rf"(?P<index>\[\s*\d{{1,9}}\s*\])|\.?(?:(?P<function>[a-zA-Z]+)\(|(?P<name>{_NAME}|\$this|%resource|%context))",
    re.ASCII,
)
_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*+'?|\s+|!?=|[()]|[^\s'!=()]+|.", re.DOTALL)
"""A string that is not closed is one token too, up to the end."""
_OPERATORS = frozenset({"=", "!="})
_A_LITERAL = re.compile(_LITERAL, re.ASCII | re.DOTALL)
_STRING_ARGUMENT = re.compile(rf"\s*({_STRING})\s*\)")
_TYPE_ARGUMENT = re.compile(r"\s*(?:FHIR\.|System\.)?([A-Za-z0-9]+)\s*\)", re.ASCII)
_NO_ARGUMENT = re.compile(r"\s*\)")
_UNESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Place:
    """One value in a resource: `holder[member]`, or `holder[member][index]` in an array; the resource itself without.

    `element` is its definition in the holder, `type` its own type: a primitive, data type, backbone or resource type.
    """

    holder: Json
    type: str
    element: Element | None = None
    member: str = ""
    index: int | None = None
    parent: Place | None = None

    @property
    def value(self) -> Any:
        """The value, without id and extensions if it is a primitive's; None where it has none."""
        if self.element is None:
            return self.holder
        return _at(self.holder.get(self.member), self.index)

    @property
    def node(self) -> Json | None:
        """The object that holds the children: of a primitive, the one in `_member` with its id and extensions."""
        if self.type in STRUCTURES:
            return self.value if isinstance(self.value, dict) else None
        extra = _at(self.holder.get(f"_{self.member}"), self.index)
        return extra if isinstance(extra, dict) else None

    @property
    def structure(self) -> str:
        """The path of the structure that says which children there may be."""
        return self.type if self.type in STRUCTURES else "Element"


def _at(values: Any, index: int | None) -> Any:
    if index is None:
        return values
    return values[index] if isinstance(values, list) and index < len(values) else None


_Step = Callable[[list[Place], Work], list[Place]]


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path: `steps` turn places into places; `name` is the last step where that is a plain member name."""

    text: str
    steps: tuple[_Step, ...]
    name: str | None

    def find(self, resource: Json, work: Work) -> list[Place]:
        """The places in `resource`, in order. Raises Unprocessable for names that its type does not have, and for too
        much work."""
        return _walked(self.steps, _whole(resource), work)

    def find_parents(self, resource: Json, work: Work) -> list[Place]:
        """The places that all but the last step lead to."""
        return _walked(self.steps[:-1], _whole(resource), work)


def _whole(resource: Json) -> Place:
    return Place(resource, resource["resourceType"])


def _walked(steps: tuple[_Step, ...], start: Place, work: Work) -> list[Place]:
    places = [start]
    for step in steps:
        places = step(places, work)
        work.spend(1 + len(places))
    return places


def parse(text: str) -> Path:
    """The path written as `text`; raises BadRequest where it is not in the subset of this module."""
    if len(text) > MAX_LENGTH:
        raise BadRequest(f"A path has at most {MAX_LENGTH} characters.")
    if sum(token in _OPERATORS for token in _TOKEN.findall(text)) > MAX_COMPARISONS:
        raise BadRequest(f"A path has at most {MAX_COMPARISONS} comparisons.")
    return _parse(text.strip(), 0)


def _parse(text: str, nested: int) -> Path:
    """The path; `nested` is in how many criteria it stands."""
    inner = nested > 0
    steps: list[_Step] = []
    name: str | None = None
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None or (at == 0) == (match[0][0] in ".["):
            raise _refused(text, at)
        name, at = None, match.end()
        if match["index"]:
            steps.append(_nth(int(match["index"][1:-1])))
        elif match["function"]:
            step, at = _function(text, match["function"], at, nested)
            steps.append(step)
        elif _is_root(match["name"], inner=inner) and not steps:
            steps.append(_root(match["name"]))
        elif match["name"][0] in "%$":
            raise _refused(text, match.start())
        else:
            name = match["name"].strip("`")
            steps.append(_child(name, lenient=inner))
    if not steps:
        raise _refused(text, 0)
    return Path(text, tuple(steps), name)


def _is_root(name: str, *, inner: bool) -> bool:
    return name == "$this" if inner else name in RESOURCE_TYPES or name in ("Resource", "%resource", "%context")


def _refused(text: str, at: int) -> BadRequest:
    return BadRequest(
        f"The path {text!r} cannot be used in a patch at {text[at : at + 30]!r}. Paths are made of names, [index], "
        "first(), last(), single(), where(path = literal), extension('url'), ofType(Type) and as(Type)."
    )


def _function(text: str, name: str, at: int, nested: int) -> tuple[_Step, int]:
    """The step of the function whose arguments begin at `at`, and where it ends."""
    if name == "where" and nested < MAX_NESTED:
        end = _closing(text, at)
        return _where(text[at:end], text, nested + 1), end + 1
    if name in ("first", "last", "single") and (match := _NO_ARGUMENT.match(text, at)):
        return {"first": _first, "last": _last, "single": _single}[name], match.end()
    if name == "extension" and (match := _STRING_ARGUMENT.match(text, at)):
        return _extension(_literal(match[1])), match.end()
    if name in ("ofType", "as") and (match := _TYPE_ARGUMENT.match(text, at)):
        return _of_type(match[1]), match.end()
    raise _refused(text, text.rfind(name, 0, at))


def _closing(text: str, at: int) -> int:
    """Where the parenthesis that was opened before `at` closes."""
    depth = 1
    for token in _TOKEN.finditer(text, at):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0:
            return token.start()
    raise _refused(text, at)


def _outside(text: str) -> Iterator[re.Match[str]]:
    """The tokens that are in no parentheses."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0:
            yield token


def _literal(text: str) -> Any:
    if text.startswith("'"):
        return re.sub(r"\\(.)", lambda match: _UNESCAPED.get(match[1], match[1]), text[1:-1])
    if text in ("true", "false"):
        return text == "true"
    return text[1:] if text.startswith("@") else json_codec.number(text)


def _where(criteria: str, text: str, nested: int) -> _Step:
    ands = [
        token.span()
        for token in _outside(criteria)
        if token[0] == "and" and criteria[token.start() - 1].isspace() and criteria[token.end() :][:1].isspace()
    ]
    starts, ends = (0, *(end for _, end in ands)), (*(start for start, _ in ands), len(criteria))
    tests = [_comparison(criteria[start:end], text, nested) for start, end in zip(starts, ends, strict=True)]
    return lambda places, work: [place for place in places if all(test(place, work) for test in tests)]


def _comparison(part: str, text: str, nested: int) -> Callable[[Place, Work], bool]:
    operators = [token for token in _outside(part) if token[0] in _OPERATORS]
    if len(operators) != 1:
        raise _refused(text, text.find(part))
    [operator] = operators
    literal = _A_LITERAL.fullmatch(part[operator.end() :].strip())
    if literal is None:
        raise _refused(text, text.find(part))
    path, wanted, is_equal = _parse(part[: operator.start()].strip(), nested), _literal(literal[0]), operator[0] == "="

    def holds(place: Place, work: Work) -> bool:
        places = _walked(path.steps, place, work)
        return len(places) == 1 and _same(places[0].value, wanted) is is_equal

    return holds


def _same(value: Any, literal: Any) -> bool:
    return isinstance(value, bool) == isinstance(literal, bool) and bool(value == literal)


def _root(name: str) -> _Step:
    """The step at the start of a path that names the resource, by its type or as a variable."""
    return lambda places, _: [place for place in places if name not in RESOURCE_TYPES or place.type == name]


def _nth(index: int) -> _Step:
    return lambda places, _: places[index : index + 1]


def _first(places: list[Place], _: Work) -> list[Place]:
    return places[:1]


def _last(places: list[Place], _: Work) -> list[Place]:
    return places[-1:]


def _single(places: list[Place], _: Work) -> list[Place]:
    if len(places) > 1:
        raise Unprocessable(f"single() finds {len(places)} elements.")
    return places


def _extension(url: Any) -> _Step:
    extensions = _child("extension", lenient=True)

    def step(places: list[Place], work: Work) -> list[Place]:
        objects = [(child, child.value) for child in extensions(places, work)]
        work.spend(len(objects))
        return [child for child, value in objects if isinstance(value, dict) and value.get("url") == url]

    return step


def _of_type(type_: str) -> _Step:
    return lambda places, _: [place for place in places if place.type == type_]


def _child(name: str, *, lenient: bool) -> _Step:
    """The step to the children `name`; a name that none of the types has is refused, in criteria it finds nothing."""

    def step(places: list[Place], _: Work) -> list[Place]:
        known = [(place, element) for place in places if (element := _element(place, name))]
        if places and not known and not lenient:
            element_of(places[0], name)
        return [child for place, element in known for child in _children(place, element, name)]

    return step


def _element(place: Place, name: str) -> Element | None:
    elements = STRUCTURES[place.structure].elements
    return elements.get(name) or next((one for one in elements.values() if one.choice and name in one.members), None)


def element_of(place: Place, name: str) -> Element:
    """The definition of the child `name`, also given as a choice's member such as `valueQuantity`.

    Raises Unprocessable where the type has none.
    """
    element = _element(place, name)
    if element is None:
        raise Unprocessable(f"{place.type} has no element {name[:60]}.")
    return element


def has(place: Place, element: Element) -> bool:
    """Whether the element has a value, or extensions in its stead, in this place."""
    return any(True for _ in _children(place, element, element.name))


def _children(place: Place, element: Element, name: str) -> Iterator[Place]:
    """The places of the children, in order; of one type only where `name` is a choice's member."""
    node = place.node
    if node is None:
        return
    for member, type_ in element.members.items():
        if name not in (member, element.name):
            continue
        value, extra = node.get(member), node.get(f"_{member}")
        if element.many:
            for index in range(max(len(_list(value)), len(_list(extra)))):
                yield Place(node, _actual(type_, _at(value, index)), element, member, index, place)
        elif value is not None or extra is not None:
            yield Place(node, _actual(type_, value), element, member, None, place)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _actual(type_: str, value: Any) -> str:
    """The type of a value where the definition says Resource; elsewhere what the definition says."""
    if type_ != "Resource":
        return type_
    found = value.get("resourceType") if isinstance(value, dict) else None
    return found if isinstance(found, str) and found in RESOURCE_TYPES else "Element"
