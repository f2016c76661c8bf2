"""Which parameters make a resource a member of a compartment, as HL7's CompartmentDefinitions name them.

Rule: membership is exactly what the definition lists, never widened by parameters that look alike.
See https://hl7.org/fhir/R4/compartmentdefinition.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from resources import definitions

_DEFINITIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        compartment: MappingProxyType({type_: tuple(codes) for type_, codes in members.items()})
        for compartment, members in definitions.load("compartments").items()
    }
)

COMPARTMENTS: frozenset[str] = frozenset(_DEFINITIONS)
"""Patient, Practitioner, RelatedPerson, Encounter, Device."""


def membership(compartment: str, type_: str) -> tuple[str, ...]:
    """Codes of the reference parameters of `type_` that put a resource into the compartment of what they point to;
    empty when `type_` cannot be in it."""
    return _DEFINITIONS[compartment].get(type_, ())


def holds(compartment: str, type_: str) -> bool:
    """Whether a resource of `type_` can be in the compartment: of what it points to, or of itself."""
    return type_ == compartment or bool(membership(compartment, type_))


def compartments_of(type_: str, code: str) -> tuple[str, ...]:
    """The compartments that parameter `code` of `type_` puts a resource into."""
    return tuple(sorted(name for name in COMPARTMENTS if code in membership(name, type_)))
