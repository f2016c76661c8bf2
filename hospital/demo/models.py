"""Resources through the models of `fhir.resources`, and back to exact R4 JSON.

Rule: Patient, Practitioner, Appointment, MedicationRequest and Invoice are made here. The models refuse what FHIR does
not know; they are those of R4B, in which these five are as in R4. Their own JSON makes floats of decimals (1.50 becomes
1.5), so `written` takes its place.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any, Protocol, Self

from hospital.demo.values import Json


class Model(Protocol):
    """What is used of a model of `fhir.resources`."""

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """A checked model of a resource."""

    @classmethod
    def get_resource_type(cls) -> str:
        """The name of the resource type."""


def built(kind: type[Model], elements: Json) -> Json:
    """A resource of this kind in FHIR JSON, elements in the order of the definition.

    Raises pydantic's ValidationError where the elements are not what FHIR defines.
    """
    return {"resourceType": kind.get_resource_type(), **written(kind.model_validate(elements))}


def written(value: Any) -> Any:
    """A value of a model as FHIR JSON: decimals keep their digits, times their offset."""
    if isinstance(value, list):
        return [written(each) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    members = _members(value.__class__)
    if not members:
        return value
    held = vars(value)
    return {member: written(held[attribute]) for member, attribute in members if held[attribute] is not None}


@cache
def _members(kind: Any) -> tuple[tuple[str, str], ...]:
    """The names in JSON and in the model of the elements of a model's class, in order; of others nothing."""
    if not hasattr(kind, "elements_sequence"):
        return ()
    pairs = (pair for name in kind.elements_sequence() for pair in ((name, name), (f"_{name}", f"{name}__ext")))
    return tuple((member, attribute) for member, attribute in pairs if attribute in kind.model_fields)
