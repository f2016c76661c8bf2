"""HL7's definitions as FHIR XML needs them: what an element is called, holds, and where it stands.

Rule: reader and writer of XML look here and agree; the definitions themselves are the registry's.
See https://hl7.org/fhir/R4/xml.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from resources import json_codec, narrative
from resources.registry import STRUCTURES, Element

FHIR = "http://hl7.org/fhir"
_XHTML_DIV = f"{narrative.XHTML} div"
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def _boolean(text: str) -> bool | str:
    return text == "true" if text in ("true", "false") else text


def _integer(text: str) -> int | str:
    return int(text) if _INTEGER.fullmatch(text) else text


def _decimal(text: str) -> Any:
    return json_codec.number(text) if _DECIMAL.fullmatch(text) else text


_CONVERSIONS: Mapping[str, Callable[[str], Any]] = {
    "boolean": _boolean, "decimal": _decimal,
    "integer": _integer, "positiveInt": _integer, "unsignedInt": _integer,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a structure: its JSON and XML name, where it stands, and what it holds."""

    member: str
    name: str
    type: str
    rank: int
    many: bool
    attribute: bool
    primitive: bool
    convert: Callable[[str], Any] | None


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of one structure by XML name and by JSON member; `ranks` orders the members, `_member` included."""

    path: str
    tags: Mapping[str, Field]
    members: Mapping[str, Field]
    ranks: Mapping[str, int]
    attributes: frozenset[str]


@cache
def shape(path: str) -> Shape:
    """The shape of a structure of the registry: `Patient`, `Patient.contact`, `HumanName`."""
    fields = [
        _field(element, member, type_, rank)
        for rank, element in enumerate(STRUCTURES[path].elements.values())
        for member, type_ in element.members.items()
    ]
    members = {field.member: field for field in fields}
    members |= {f"_{field.member}": field for field in fields if field.primitive and not field.attribute}
    return Shape(
        path=path,
        tags={_tag(field): field for field in fields if not field.attribute},
        members=members,
        ranks={"resourceType": -1} | {name: 2 * field.rank + (name[0] == "_") for name, field in members.items()},
        attributes=frozenset(field.member for field in fields if field.attribute),
    )


def _field(element: Element, member: str, type_: str, rank: int) -> Field:
    primitive = type_ not in STRUCTURES and type_ not in ("Resource", "xhtml")
    return Field(
        member, element.name, type_, rank, element.many, element.attribute, primitive, _CONVERSIONS.get(type_)
    )


def _tag(field: Field) -> str:
    return _XHTML_DIV if field.type == "xhtml" else f"{FHIR} {field.member}"
