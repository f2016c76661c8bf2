"""What every object has to keep: choice types, extensions, and that it is not empty.

Rule: a choice element has one type at a time, also when its value is given by an extension only (`_valueString`).
See https://hl7.org/fhir/R4/formats.html#choice and https://hl7.org/fhir/R4/extensibility.html (ext-1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from resources.primitives import PRIMITIVES
from resources.registry import STRUCTURES, Element
from resources.rules.problem import Json, Problem

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice element: `members` are the JSON members that can carry it (`_valueId` too) with their value's."""

    name: str
    required: bool
    members: dict[str, str]

    def problems(self, value: Json) -> Iterator[Problem]:
        """Whether `value` has one type of this choice at most, and at least if it is required."""
        present = sorted({self.members[member] for member in value.keys() & self.members.keys()})
        if len(present) > 1:
            yield Problem(f"only one of {self.name}[x] may be present, found {', '.join(present)}", at="." + self.name)
        if self.required and not present:
            names = [member for member in self.members if not member.startswith("_")]
            shown = ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
            yield Problem(f"{self.name}[x] is required: one of {shown}", "required", "." + self.name)


@cache
def choices(path: str) -> tuple[Choice, ...]:
    """The choice elements of the structure at `path`."""
    return tuple(_choice(element) for element in STRUCTURES[path].elements.values() if element.choice)


def has_sibling(element: Element, type_: str) -> bool:
    """Whether id and extensions of a value of `type_` stand in a member beside it (`_birthDate` beside `birthDate`)."""
    return type_ in PRIMITIVES and type_ != "xhtml" and element.name != "id" and not element.attribute


def has_content(value: Json) -> bool:
    """ele-1: whether an object (no resource, no extension) holds anything but an id."""
    return len(value) > 1 or (len(value) == 1 and "id" not in value)


def extension_problems(value: Json, choice: Choice) -> Iterator[Problem]:
    """ext-1: an extension has either extensions or a value."""
    has_value = not choice.members.keys().isdisjoint(value)
    if has_value and "extension" in value:
        yield Problem("an extension has either a value or extensions of its own, not both (ext-1)")
    elif not has_value and "extension" not in value:
        yield Problem("an extension needs a value[x] or extensions of its own (ext-1)")


def _choice(element: Element) -> Choice:
    members = {}
    for member, type_ in element.members.items():
        members[member] = member
        if has_sibling(element, type_):
            members["_" + member] = member
    return Choice(element.name, element.minimum > 0, members)
