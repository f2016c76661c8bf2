"""Whether a resource is valid R4, and if it is not, everything that is wrong with it and where.

Rule: `schemas.proves` says yes quickly; what it does not prove is walked here, element by element, with the same rules.
See https://hl7.org/fhir/R4/validation.html. What is checked and what is not: docs/validation.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import cache, partial
from typing import Any

from resources import primitives, schemas
from resources.outcome import Issue, Unprocessable
from resources.registry import RESOURCE_TYPES, STRUCTURES, Element, Structure
from resources.rules import bindings, contained, narrative, objects, references, words
from resources.rules.catalog import RULES
from resources.rules.problem import Json, Problem, Rule, quoted

MAXIMUM_ISSUES = 100
"""Issues in one answer; one more then says how many there are beyond."""

MAXIMUM_COUNTED = 10_000
"""Problems after which a resource is not looked at any further: a body of 12 MB can hold millions."""

_MAXIMUM_DEPTH = 100
_UNLISTED = Problem("not listed")
_EMPTY = "an object must not be empty: leave the element out instead"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)


def validate(resource: Any, *, type_: str | None = None) -> list[Issue]:
    """Every problem of `resource` (any JSON value, decimals as `Decimal`), empty if it is valid. It is not changed.

    `type_` is the resource type that it has to be, if that is known. Each issue has the FHIRPath of its element as
    `expression`. At most MAXIMUM_ISSUES and one.
    """
    has_type = type_ is None or (isinstance(resource, dict) and resource.get("resourceType") == type_)
    if has_type and schemas.proves(resource):
        return []
    report = _Report()
    if not isinstance(resource, dict):
        report.add("", Problem(f"a resource is a JSON object, found {words.found(resource)}", "structure"))
    elif not _has_type(resource):
        report.add("", _type_problem(resource))
    else:
        actual = resource["resourceType"]
        if not has_type:
            report.add(actual, Problem(f"expected a resource of type {type_}, but this is of type {actual}", "invalid"))
        if has_type or not schemas.proves(resource):
            with suppress(_TooManyError):
                _Walk(report, contained.types_by_id(resource)).resource(resource, actual)
    return report.issues()


def check(resource: Any, type_: str | None = None) -> None:
    """Raises Unprocessable (422) with every problem of `resource`, as `validate` gives them, if there is any."""
    if issues := validate(resource, type_=type_):
        raise Unprocessable(issues=issues)


class _TooManyError(Exception):
    """Enough problems were found."""


class _Report:
    """Gathers issues up to one limit and counts the rest up to another."""

    def __init__(self) -> None:
        self._issues: list[Issue] = []
        self.count = 0

    def add(self, path: str, problem: Problem) -> None:
        """One more problem of the element at `path`. Raises _TooManyError at the limit."""
        self.count += 1
        if self.count > MAXIMUM_COUNTED:
            raise _TooManyError
        if self.count <= MAXIMUM_ISSUES:
            self._issues.append(Issue("error", problem.code, problem.words, (path + problem.at) or None))

    def add_made(self, path: str, make: Callable[..., Problem], *arguments: Any) -> None:
        """As `add`, for words that take long to find (nearest names): not looked for where they are not listed."""
        self.add(path, make(*arguments) if self.count < MAXIMUM_ISSUES else _UNLISTED)

    def issues(self) -> list[Issue]:
        beyond = self.count - MAXIMUM_ISSUES
        if beyond <= 0:
            return self._issues
        number = f"more than {beyond - 1}" if self.count > MAXIMUM_COUNTED else str(beyond)
        more = Issue("error", "too-costly", f"and {number} more problems, not listed here")
        return [*self._issues, more]


class _Walk:
    """Walks one resource along its structures. `contained` is what its local references can point to (id → type)."""

    def __init__(self, report: _Report, contained_types: Mapping[str, str], depth: int = 0) -> None:
        self.report = report
        self.contained = contained_types
        self.depth = depth

    def resource(self, value: Any, path: str, *, inside: bool = False) -> None:
        """A resource; `inside` a container, whose contained resources its local references see."""
        if not isinstance(value, dict):
            self.report.add(path, Problem(f"expected a resource (an object), found {words.found(value)}", "structure"))
        elif not _has_type(value):
            self.report.add_made(path, _type_problem, value)
        else:
            structure = STRUCTURES[value["resourceType"]]
            scope = self if inside else _Walk(self.report, contained.types_by_id(value), self.depth)
            scope.object(value, structure, path)

    def object(self, value: Any, structure: Structure, path: str) -> None:
        """An object of `structure`: its members, then the rules on it as a whole."""
        if not isinstance(value, dict):
            self.report.add(path, Problem(f"expected an object, found {words.found(value)}", "structure"))
            return
        if self.depth >= _MAXIMUM_DEPTH:
            self.report.add(path, Problem("nested too deeply", "too-costly"))
            return
        before = self.report.count
        self.depth += 1
        self._members(value, structure, path)
        self.depth -= 1
        for choice in objects.choices(structure.path):
            self._tell(path, choice.problems(value))
            if structure.path == "Extension":
                self._tell(path, objects.extension_problems(value, choice))
        sound = self.report.count == before
        for rule in (*RULES.get(structure.path, ()), contained.problems):
            self._apply(rule, value, path, sound=sound)

    def _members(self, value: Json, structure: Structure, path: str) -> None:
        known = _known(structure.path)
        for name in value:
            if name not in known and not (structure.is_resource and name == "resourceType"):
                place = f"{path}.{name}" if _NAME.fullmatch(name) else path
                self.report.add_made(place, words.unknown_member, name, known, structure.path)
        for element in structure.elements.values():
            place = f"{path}.{element.name}"
            for member, type_ in element.members.items():
                sibling = "_" + member if objects.has_sibling(element, type_) else None
                if member in value or (sibling is not None and sibling in value):
                    self._element(value, member, sibling, element, type_, place)
                elif element.minimum > 0 and not element.choice:
                    self.report.add(place, Problem(f"{element.name} is required", "required"))

    def _element(self, holder: Json, member: str, sibling: str | None, element: Element, type_: str, path: str) -> None:
        """One member and what stands beside it."""
        if not element.many:
            if member in holder:
                self._value(holder[member], element, type_, path)
            if sibling is not None and sibling in holder:
                self._sibling(holder[sibling], path)
            return
        values = self._array(holder, member, path)
        beside = self._array(holder, sibling, path) if sibling is not None else None
        if values is not None and beside is not None and len(values) != len(beside):
            said = f"{member} has {len(values)} entries but {sibling} {len(beside)}: fill the shorter up with null"
            self.report.add(path, Problem(said, "structure"))
        count = max(len(values or ()), len(beside or ()))
        self._count(count, element, path)
        for place in range(count):
            item = values[place] if values and place < len(values) else None
            besides = beside[place] if beside and place < len(beside) else None
            at = f"{path}[{place}]"
            if besides is not None:
                self._sibling(besides, at)
            if item is not None:
                self._value(item, element, type_, at)
            elif besides is None:
                self.report.add(
                    at, Problem("null stands for a value only where its extension stands beside it", "structure")
                )

    def _sibling(self, value: Any, path: str) -> None:
        """Id and extensions of a primitive; here, unlike elsewhere, an id alone will do."""
        if value == {}:
            self.report.add(path, Problem(_EMPTY, "structure"))
        self.object(value, STRUCTURES["Element"], path)

    def _array(self, holder: Json, member: str, path: str) -> list[Any] | None:
        """The array in `member`, None if there is none or (said so) something else."""
        if member not in holder:
            return None
        value = holder[member]
        if not isinstance(value, list):
            said = f"expected an array (the element may repeat), found {words.found(value)}"
            self.report.add(path, Problem(said, "structure"))
            return None
        if not value:
            self.report.add(path, Problem("an array must not be empty: leave the element out instead", "structure"))
        return value

    def _count(self, count: int, element: Element, path: str) -> None:
        if 0 < count < element.minimum:
            said = f"{element.name} needs at least {element.minimum} entries, found {count}"
            self.report.add(path, Problem(said, "required"))
        elif element.maximum is not None and count > element.maximum:
            said = f"{element.name} may have at most {element.maximum} entries, found {count}"
            self.report.add(path, Problem(said, "structure"))

    def _value(self, value: Any, element: Element, type_: str, path: str) -> None:
        if type_ in primitives.PRIMITIVES:
            self._primitive(value, element, type_, path)
        elif type_ == "Resource":
            self._inner_resource(value, element, path)
        else:
            before = self.report.count
            if isinstance(value, dict) and not objects.has_content(value):
                self.report.add(path, Problem(_EMPTY, "structure"))
            self.object(value, STRUCTURES[type_], path)
            if isinstance(value, dict):
                self._in_place(value, element, type_, path, sound=self.report.count == before)

    def _primitive(self, value: Any, element: Element, type_: str, path: str) -> None:
        if not primitives.accepts(type_, value):
            self.report.add(path, words.wrong_primitive(type_, value))
        elif type_ == "xhtml":
            self._tell(path, narrative.problems(value))
        elif element.value_set is not None and not bindings.accepts(element.value_set, value):
            self.report.add_made(path, bindings.code_problem, value, element.value_set)

    def _inner_resource(self, value: Any, element: Element, path: str) -> None:
        """A contained resource, or one in a Bundle or Parameters, which is proved on its own and walked if need be."""
        if element.name == "contained":
            self.resource(value, path, inside=True)
        elif not schemas.proves(value):
            self.resource(value, path)

    def _in_place(self, value: Json, element: Element, type_: str, path: str, *, sound: bool) -> None:
        """What this element, and not the type, asks of the value."""
        if element.value_set is not None:
            self._apply(partial(bindings.concept_problems, value_set=element.value_set), value, path, sound=sound)
        if type_ == "Reference":
            targets = frozenset(element.targets)
            self._apply(partial(references.problems, targets=targets), value, path, sound=sound)
            local = references.local_id(value)
            if local is not None:
                self._tell(path, references.local_problems(local, targets, self.contained))

    def _apply(self, rule: Rule, value: Json, path: str, *, sound: bool) -> None:
        """What the rule has to say. In an object with other problems (not `sound`) it may not be able to."""
        try:
            self._tell(path, tuple(rule(value)))
        except (AttributeError, KeyError, TypeError, ValueError):
            if sound:
                raise

    def _tell(self, path: str, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.report.add(path, problem)


def _has_type(resource: Json) -> bool:
    type_ = resource.get("resourceType")
    return isinstance(type_, str) and type_ in RESOURCE_TYPES


def _type_problem(resource: Json) -> Problem:
    """What is wrong with `resourceType`, where `_has_type` says no."""
    if "resourceType" not in resource:
        return Problem('resourceType is missing: it names the type, such as "Patient"', "structure")
    type_ = resource["resourceType"]
    if not isinstance(type_, str):
        return Problem(f"resourceType is the name of a type (a string), found {words.found(type_)}", "structure")
    near = get_close_matches(type_[:64], sorted(RESOURCE_TYPES), n=1, cutoff=0.7)
    hint = f"; did you mean {near[0]}?" if near else ""
    return Problem(f"{quoted(type_)} is not a resource type of R4{hint}", "structure")


@cache
def _known(path: str) -> frozenset[str]:
    """The JSON members that an object of the structure may have."""
    members = set()
    for element in STRUCTURES[path].elements.values():
        for member, type_ in element.members.items():
            members.add(member)
            if objects.has_sibling(element, type_):
                members.add("_" + member)
    return frozenset(members)
