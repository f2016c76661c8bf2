"""Membership is what CompartmentDefinition lists."""

from __future__ import annotations

from resources.compartments import COMPARTMENTS, compartments_of, membership
from resources.parameters import BASE
from resources.registry import RESOURCE_TYPES

ITSELF = "{def}"
"""How HL7 writes that the resource itself is the compartment's."""


def test_the_five_compartments() -> None:
    assert {"Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"} == COMPARTMENTS


def test_membership_is_by_the_listed_parameters_only() -> None:
    assert membership("Patient", "Observation") == ("subject", "performer")
    assert membership("Patient", "Organization") == ()
    assert compartments_of("Observation", "performer") == ("Patient", "Practitioner", "RelatedPerson")
    assert compartments_of("Observation", "patient") == ()


def test_every_membership_parameter_is_a_reference_that_is_searched() -> None:
    for compartment in COMPARTMENTS:
        for type_ in RESOURCE_TYPES:
            for code in membership(compartment, type_):
                parameter = BASE.get(type_, code)
                assert code == ITSELF or (parameter is not None and parameter.type == "reference")
