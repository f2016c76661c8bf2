"""SearchParameter expressions compiled to Python: one generated function a resource type, one walk for all of them.

Rule: the subset of FHIRPath that HL7's own parameters use is compiled, and what is outside it raises
`UnsupportedExpressionError`; it is never half understood.
See https://hl7.org/fhir/R4/searchparameter.html; `steps` has the subset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from resources.parameters import Component, SearchParameter
from resources.registry import PRIMITIVES, STRUCTURES, Element
from resources.steps import (
    As,
    Child,
    Item,
    Path,
    Resolves,
    Truth,
    UnknownElementError,
    UnsupportedExpressionError,
    Where,
    parse,
)

Emitter = Callable[[Any, Any], None]
"""Takes the sink that the caller gave to the extractor, and one value."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where values of a parameter are: `element_type` is a primitive or data type, `element` the element that holds
    them, `path` the names of the elements to it, and `many` whether one on the way is an array."""

    type: str
    parameter: SearchParameter
    element_type: str
    element: Element
    path: tuple[str, ...]
    many: bool

    @property
    def key(self) -> str:
        """`Patient.family`."""
        return f"{self.type}.{self.parameter.code}"


@dataclass(slots=True)
class _Node:
    """A place in the merged walk over a resource."""

    children: dict[tuple[str, bool, int | None], _Node] = field(default_factory=dict)
    """(JSON member, whether it is an array, the one position wanted) → node"""
    conditions: dict[Where | Resolves, _Node] = field(default_factory=dict)
    leaves: dict[Leaf, None] = field(default_factory=dict)
    truths: dict[Leaf, tuple[str, ...]] = field(default_factory=dict)
    """A leaf → JSON members of which one must be there and not false."""


def leaves(type_: str, parameter: SearchParameter) -> tuple[Leaf, ...]:
    """Where a resource type has values of a parameter; of a general expression one leaf for each type that values may
    have. Raises UnsupportedExpressionError."""
    if parameter.general:
        return tuple(general_leaf(type_, parameter, element_type) for element_type in sorted(_VALUE_TYPES))
    root = _Node()
    _add(root, type_, parameter)
    return tuple(dict.fromkeys(_leaves(root)))


def general_leaf(type_: str, parameter: SearchParameter, element_type: str) -> Leaf:
    """The leaf of values of a general expression that are of this type: nothing is known of where they are."""
    element = Element(parameter.code, (element_type,), 0, None)
    return Leaf(type_, parameter, element_type, element, (), many=True)


_VALUE_TYPES = PRIMITIVES | {path for path, structure in STRUCTURES.items() if structure.kind == "type"}


@cache
def is_single(type_: str, parameter: SearchParameter) -> bool:
    """Whether a resource has at most one value of a parameter: one element, that is no array nor inside of one."""
    found = leaves(type_, parameter)
    inner = [leaf for base in found for component in parameter.components for leaf in component_leaves(base, component)]
    return len({leaf.path for leaf in found}) == 1 and not any(leaf.many for leaf in (*found, *inner))


def _leaves(node: _Node) -> Iterator[Leaf]:
    yield from node.leaves
    yield from node.truths
    for inner in (*node.children.values(), *node.conditions.values()):
        yield from _leaves(inner)


def _add(root: _Node, type_: str, parameter: SearchParameter) -> None:
    for path in parse(parameter.expression) if parameter.expression else ():
        first = path[0]
        if not isinstance(first, Child) or first.name.startswith("%"):
            raise UnsupportedExpressionError(parameter.expression)
        if path == (Child(type_),) and parameter.type == "composite":
            whole = Element(type_, (type_,), 1, 1)
            root.leaves[_Way(type_, parameter).leaf(type_, whole)] = None
        elif first.name in (type_, "Resource", "DomainResource"):
            _walk(root, type_, path[1:], _Way(type_, parameter))
        elif first.name[0].islower():  # relative to the base: InsurancePlan-name
            _walk(root, type_, path, _Way(type_, parameter))


@dataclass(frozen=True, slots=True)
class _Way:
    """How far a path has been followed."""

    type: str
    parameter: SearchParameter
    path: tuple[str, ...] = ()
    many: bool = False

    def into(self, element: Element, *, item: bool) -> _Way:
        many = self.many or (element.many and not item)
        return _Way(self.type, self.parameter, (*self.path, element.name), many)

    def leaf(self, element_type: str, element: Element) -> Leaf:
        return Leaf(self.type, self.parameter, element_type, element, self.path, self.many)


def _walk(node: _Node, at: str, path: Path, way: _Way) -> None:
    """Plant what is left of a path into the walk; `at` is the structure that the node stands on."""
    if not path:
        raise UnsupportedExpressionError(way.parameter.expression)
    step, rest = path[0], path[1:]
    element = STRUCTURES[at].elements.get(step.name) if isinstance(step, Child) else None
    if element is None:
        if isinstance(step, Child) and at != "Resource":  # of which any element may be there
            raise UnknownElementError(f"{way.parameter.expression}: there is no element {step.name} in {at}")
        raise UnsupportedExpressionError(f"{way.parameter.expression}: {step} in {at}")
    if rest == (Truth(),):
        node.truths[way.into(element, item=False).leaf("boolean", element)] = tuple(element.members)
        return
    position, rest = (rest[0].position, rest[1:]) if rest and isinstance(rest[0], Item) else (None, rest)
    wanted, rest = (rest[0].type, rest[1:]) if rest and isinstance(rest[0], As) else (None, rest)
    way = way.into(element, item=position is not None)
    for member, element_type in element.members.items():
        if wanted in (None, element_type):
            inner = node.children.setdefault((member, element.many, position), _Node())
            _arrive(inner, element, element_type, rest, way)


def _arrive(node: _Node, element: Element, element_type: str, rest: Path, way: _Way) -> None:
    """Go on from the values of an element, if they meet the conditions that follow."""
    while rest and isinstance(rest[0], Where | Resolves):
        node, rest = node.conditions.setdefault(rest[0], _Node()), rest[1:]
    if not rest:
        node.leaves[way.leaf(element_type, element)] = None
    elif element_type not in PRIMITIVES:
        _walk(node, element_type, rest, way)


def extractor(
    type_: str, parameters: Iterable[SearchParameter], emitter: Callable[[Leaf], Emitter | None]
) -> Callable[[dict[str, Any], Any], None]:
    """A function of (resource, sink) that hands every value of the parameters to the emitter of its leaf.

    `emitter(leaf)` gives what takes the values of a leaf, or None to leave them out. The resource must be valid.
    Raises UnsupportedExpressionError.
    """
    root = _Node()
    for parameter in parameters:
        _add(root, type_, parameter)
    return _Generator(emitter).function(type_, root)


def component_leaves(base: Leaf, component: Component) -> tuple[Leaf, ...]:
    """Where the values of a component of a composite are, from `base`, one of the composite's leaves. Raises
    UnsupportedExpressionError."""
    return tuple(dict.fromkeys(_leaves(_component(base, component)[0])))


def component_extractor(
    base: Leaf, component: Component, emitter: Callable[[Leaf], Emitter | None]
) -> tuple[Callable[[dict[str, Any], Any], None], bool]:
    """Like `extractor`, a function of (value of `base`, sink), or, where that is said, of (resource, sink)."""
    root, of_resource = _component(base, component)
    return _Generator(emitter).function("component", root), of_resource


def _component(base: Leaf, component: Component) -> tuple[_Node, bool]:
    """The walk to the values of a component, and whether it starts at the resource instead of the base."""
    root, way = _Node(), _Way(base.type, component.parameter)
    paths = parse(component.expression)
    of_resource = [path[0] == Child("%resource") for path in paths]
    if len(set(of_resource)) > 1:
        raise UnsupportedExpressionError(component.expression)
    for path in paths:
        if of_resource[0]:
            _walk(root, base.type, path[1:], way)
        else:
            _walk(root, base.element_type, path, way)
    return root, of_resource[0]


class _Generator:
    """Turns the merged walk into the source of one function, and that into the function."""

    def __init__(self, emitter: Callable[[Leaf], Emitter | None]) -> None:
        self.emitter = emitter
        self.names: dict[str, Any] = {"refers_to": refers_to}
        self.variables = 0

    def function(self, type_: str, root: _Node) -> Callable[[dict[str, Any], Any], None]:
        lines = [f"def extract_{type_}(resource, sink):", " pass", *self._body(root, "resource", 1)]
        exec(compile("\n".join(lines), f"<extractor of {type_}>", "exec"), self.names)  # noqa: S102 - our own source
        made: Callable[[dict[str, Any], Any], None] = self.names[f"extract_{type_}"]
        return made

    def _body(self, node: _Node, variable: str, depth: int) -> Iterator[str]:
        indent = " " * depth
        for leaf in node.leaves:
            yield from self._emit(leaf, variable, indent)
        for leaf, members in node.truths.items():
            truth = " or ".join(f"{variable}.get({member!r}, False) is not False" for member in members)
            yield from self._emit(leaf, truth, indent)
        for condition, inner in node.conditions.items():
            body = list(self._body(inner, variable, depth + 1))
            if body:
                yield f"{indent}if {_condition(condition, variable)}:"
                yield from body
        for (member, many, position), inner in node.children.items():
            self.variables += 1
            value = f"v{self.variables}"
            deeper = 2 if many and position is None else 1
            body = list(self._body(inner, value, depth + deeper))
            if not body:
                continue
            held = f"{member!r} in {variable}"  # most members are not there: this is what tells it soonest
            if position is not None:
                yield f"{indent}if {held} and len({variable}[{member!r}] or ()) > {position}:"
                yield f"{indent} {value} = {variable}[{member!r}][{position}]"
            elif many:
                yield f"{indent}if {held}:"
                yield f"{indent} for {value} in {variable}[{member!r}] or ():"
                yield f"{indent}  if {value} is None: continue"  # its place is held for an extension
            else:
                yield f"{indent}if {held} and ({value} := {variable}[{member!r}]) is not None:"
            yield from body

    def _emit(self, leaf: Leaf, value: str, indent: str) -> Iterator[str]:
        emitter = self.emitter(leaf)
        if emitter is not None:
            name = f"e{len(self.names)}"
            self.names[name] = emitter
            yield f"{indent}{_guard(leaf, value)}{name}(sink, {value})"


def _guard(leaf: Leaf, variable: str) -> str:
    """For a composite: only where one of the members is there without which its last component has no value."""
    if not leaf.parameter.components:
        return ""
    root, of_resource = _component(leaf, leaf.parameter.components[-1])
    members = " or ".join(f"{member!r} in {variable}" for member, _, _ in root.children)
    return "" if of_resource else f"if {members}: "


def _condition(condition: Where | Resolves, variable: str) -> str:
    if isinstance(condition, Where):
        return f"{variable}.get({condition.member!r}) == {condition.text!r}"
    here = f"({variable}.get('reference') or '').startswith({condition.type + '/'!r})"  # nearly always
    return f"{here} or refers_to({variable}, {condition.type!r})"


def refers_to(reference: dict[str, Any], type_: str) -> bool:
    """`resolve() is Type`, judged by the reference itself: by its text, or its `type`."""
    text = reference.get("reference") or ""
    return text.startswith(f"{type_}/") or f"/{type_}/" in text or reference.get("type") == type_
