"""HL7's SearchParameter expressions over plain JSON, step by step: no plan, no compilation.

Rule: what HL7's expressions of the tested types use, and an error for all else. See http://hl7.org/fhirpath/N1/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

Json = dict[str, Any]

CHOICES = {
    name.lower(): name
    for name in (
        "boolean", "code", "CodeableConcept", "dateTime", "Duration", "instant", "integer", "Period", "Quantity",
        "Range", "Ratio", "SampledData", "string", "time", "Timing", "decimal", "uri", "Coding", "Identifier", "Age",
        "Reference",
    )
}  # fmt: skip
"""Types that the end of a choice element's name may say."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value; `kind` is its type where the name of a choice element says it, `steps` the names that led to it."""

    value: Any
    kind: str = ""
    steps: tuple[str, ...] = ()


@cache  # HL7's expressions for many types are long
def split(text: str, separator: str) -> tuple[str, ...]:
    """The parts between separators that stand outside of parentheses and quotes."""
    parts, depth, quoted = [""], 0, False
    for character in text:
        quoted ^= character == "'"
        depth += (character == "(") - (character == ")")
        if character == separator and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return tuple(part.strip() for part in parts)


def evaluate(expression: str, resource: Json, base: Node | None = None) -> list[Node]:
    """The values of an expression that begins with the resource's type, or, with a `base`, with an element of it."""
    if truth := re.fullmatch(r"(\w+)\.(\w+)\.exists\(\) and \1\.\2 != false", expression.strip()):
        held = evaluate(f"{truth[1]}.{truth[2]}", resource) if truth[1] == resource["resourceType"] else None
        return [] if held is None else [Node(any(node.value is not False for node in held), "boolean")]
    found: list[Node] = []
    for alternative in _alternatives(expression, "" if base else resource["resourceType"]):
        found += _path(alternative, resource, base)
    return found


@cache
def _alternatives(expression: str, type_: str) -> tuple[str, ...]:
    """Those that can be of this type; of an expression that has a base, all."""
    parts = split(expression, "|")
    roots = (type_, "Resource", "DomainResource")
    return tuple(part for part in parts if not type_ or re.split(r"\W", part.lstrip("("))[0] in roots)


def _path(text: str, resource: Json, base: Node | None) -> list[Node]:
    if (cast := re.fullmatch(r"(.+) as (\w+)", text)) and not cast[1].startswith("("):
        return _of_kind(evaluate(cast[1], resource, base), cast[2])
    first, *steps = split(text, ".")
    if first.startswith("("):
        nodes = evaluate(first[1:-1], resource, base)
    elif base is not None:
        nodes, steps = [base], [first, *steps]
    elif first in (resource["resourceType"], "Resource", "DomainResource"):
        nodes = [Node(resource)]
    else:
        return []
    for step in steps:
        nodes = _step(nodes, step)
    return nodes


def _step(nodes: list[Node], step: str) -> list[Node]:
    if cast := re.fullmatch(r"(?:as|ofType)\((\w+)\)", step):
        return _of_kind(nodes, cast[1])
    if condition := re.fullmatch(r"where\((\w+)='([^']*)'\)", step):
        return [node for node in nodes if node.value.get(condition[1]) == condition[2]]
    if condition := re.fullmatch(r"where\(resolve\(\) is (\w+)\)", step):
        return [node for node in nodes if _refers_to(node.value, condition[1])]
    if not step.isidentifier():
        raise NotImplementedError(step)
    return [inner for node in nodes if isinstance(node.value, dict) for inner in _children(node, step)]


def _children(node: Node, name: str) -> list[Node]:
    found = []
    for member, value in node.value.items():
        kind = "" if member == name else CHOICES.get(member.removeprefix(name).lower(), "")
        if member == name or (kind and member.startswith(name) and member[len(name)].isupper()):
            values = value if isinstance(value, list) else [value]
            found += [Node(one, kind, (*node.steps, name)) for one in values if one is not None]
    return found


def _of_kind(nodes: list[Node], kind: str) -> list[Node]:
    return [node for node in nodes if node.kind.lower() == kind.lower()]


def _refers_to(reference: Json, type_: str) -> bool:
    """What it resolves to is not looked at: a reference names the type of its target, in its text or beside it."""
    parts = re.sub(r"/_history/[^/]+$", "", reference.get("reference", "")).split("/")
    return type_ in (parts[-2] if len(parts) > 1 else "", reference.get("type"))
