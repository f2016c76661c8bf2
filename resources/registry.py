"""The resource types and data types of R4 4.0.1 and their elements, as HL7's StructureDefinitions give them.

Rule: whoever needs to know what an element is asks here; nobody else reads the definitions.
See https://hl7.org/fhir/R4/structuredefinition.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from resources import definitions

PRIMITIVES = frozenset(
    {
        "base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
        "markdown", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid", "xhtml",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a structure.

    `types` are names of primitives, data types, or paths of backbone elements (`Patient.contact`), all of which
    `structure()` knows but for the primitives. `name` has no `[x]`: a choice element has `choice` set, and its JSON
    member for type `t` is `member(t)`. `maximum` is None for `*`.
    """

    name: str
    types: tuple[str, ...]
    minimum: int
    maximum: int | None
    choice: bool = False
    targets: tuple[str, ...] = ()
    canonical_targets: tuple[str, ...] = ()
    value_set: str | None = None
    summary: bool = False
    modifier: bool = False
    attribute: bool = False

    @property
    def many(self) -> bool:
        """Whether FHIR JSON carries it as an array."""
        return self.maximum != 1

    def member(self, type_: str) -> str:
        """The name of the JSON member that carries a value of `type_`: `value` and `Quantity` give `valueQuantity`."""
        return self.name + type_[0].upper() + type_[1:] if self.choice else self.name

    @property
    def members(self) -> Mapping[str, str]:
        """JSON member name → type name."""
        return {self.member(type_): type_ for type_ in self.types}


@dataclass(frozen=True, slots=True)
class Structure:
    """A resource type, data type or backbone element; `elements` in the order of the definition (XML needs it)."""

    path: str
    kind: str
    elements: Mapping[str, Element]

    @property
    def is_resource(self) -> bool:
        """Whether it is one of the concrete resource types."""
        return self.kind == "resource"


def _element(name: str, raw: dict[str, Any]) -> Element:
    targets = raw.get("targets", {})
    return Element(
        name=name.removesuffix("[x]"),
        types=tuple(raw["types"]),
        minimum=raw["min"],
        maximum=None if raw["max"] == "*" else int(raw["max"]),
        choice=name.endswith("[x]"),
        targets=tuple(target for target in targets.get("Reference", ()) if target != "Resource"),
        canonical_targets=tuple(targets.get("canonical", ())),
        value_set=raw.get("valueSet"),
        summary=raw.get("summary", False),
        modifier=raw.get("modifier", False),
        attribute=raw.get("attribute", False),
    )


def _structures() -> dict[str, Structure]:
    found = {}
    for path, raw in definitions.load("structures").items():
        elements = [_element(name, element) for name, element in raw["elements"].items()]
        found[path] = Structure(path, raw["kind"], MappingProxyType({element.name: element for element in elements}))
    return found


STRUCTURES: Mapping[str, Structure] = MappingProxyType(_structures())
"""Every structure by its path: `Patient`, `Patient.contact`, `HumanName`."""

RESOURCE_TYPES: frozenset[str] = frozenset(path for path, structure in STRUCTURES.items() if structure.is_resource)
"""The 146 concrete resource types."""
