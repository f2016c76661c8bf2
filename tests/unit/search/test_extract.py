"""What is stored beside a resource to find it by."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.search import sort, uncovered
from fhir_server.search.extract import Extracted, complete, extract
from fhir_server.search.types.faces import FACES
from resources import expressions, json_codec
from resources.parameters import BASE, SEARCHABLE_TYPES, WITHOUT_ENTRIES, SearchParameter
from resources.registry import RESOURCE_TYPES, STRUCTURES

BASE_URL = "http://here.example/fhir"

LEFT_OUT = {
    ("date", "string"),  # "about ten years ago"
    ("date", "Age"),
    ("date", "Range"),
    ("reference", "Attachment"),
}
"""Element types of answered parameters that hold nothing of the parameter's type."""


def test_an_observation() -> None:
    observation = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}], "text": "Systolic"},
        "subject": {"reference": f"{BASE_URL}/Patient/1"},
        "performer": [{"reference": "Practitioner/2"}],
        "encounter": {"reference": "Encounter/3"},
        "effectiveDateTime": "1970-01-01",
    }
    day = {"k": "Observation.date", "lo": 0, "hi": 86_399_999}
    assert extract(observation, BASE_URL) == Extracted(
        index=[
            "Observation.code|8480-6|http://loinc.org",
            "Observation.encounter|Encounter/3",
            "Observation.subject|Patient/1",
            "Observation.patient|Patient/1",
            "Observation.performer|Practitioner/2",
            "Observation.status|final|http://hl7.org/fhir/observation-status",
        ],
        ranges=[day],
        sort={"date": 0, "status": "final", "value-date": None},
        compartments=["Encounter/3", "Patient/1", "Practitioner/2"],
        references=["Encounter/3", "Patient/1", "Practitioner/2"],
        rare=[
            "Observation.code:system|http://loinc.org",
            "Observation.code:text|systolic|Systolic",
        ],
    )


def test_a_patient_is_in_its_own_compartment() -> None:
    assert extract({"resourceType": "Patient", "id": "1"}, BASE_URL).compartments == ["Patient/1"]


def test_a_value_is_there_once() -> None:
    named = {"resourceType": "Patient", "id": "1", "name": [{"family": "A"}, {"family": "A"}]}
    assert extract(named, BASE_URL).index.count("Patient.family|a|A") == 1


def test_the_least_value_decides_the_order() -> None:
    named = {"resourceType": "Patient", "id": "1", "name": [{"family": "Óz"}, {"family": "Ant"}]}
    assert extract(named, BASE_URL).sort == {
        "birthdate": None, "death-date": None, "family": "ant", "given": None, "name": "ant",
    }  # fmt: skip


def test_another_servers_resources_are_not_references_here() -> None:
    there = {"resourceType": "Flag", "id": "1", "subject": {"reference": "http://other.example/fhir/Patient/1"}}
    found = extract(there, BASE_URL)
    assert found.references == []
    assert found.compartments == []


@pytest.mark.parametrize("type_", sorted(RESOURCE_TYPES))
def test_every_type_has_an_extractor_that_takes_an_empty_resource(type_: str) -> None:
    found = extract({"resourceType": type_, "id": "1"}, BASE_URL)
    assert found.references == []
    assert set(found.sort) == set(sort.scalars(type_).values())


def test_each_searchable_type_has_its_faces() -> None:
    assert set(FACES) == SEARCHABLE_TYPES


def test_every_element_of_an_answered_parameter_is_written() -> None:
    unwritten = set()
    for type_ in RESOURCE_TYPES:
        for parameter in BASE.searchable(type_):
            for leaf in expressions.leaves(type_, parameter) if parameter.code not in WITHOUT_ENTRIES else ():
                if FACES[parameter.type].emitter(leaf) is None:
                    unwritten.add((parameter.type, leaf.element_type))
    assert unwritten == LEFT_OUT


def test_every_answered_parameter_is_written_from_some_element() -> None:
    silent = {
        leaves[0].key
        for type_ in RESOURCE_TYPES
        for parameter in BASE.searchable(type_)
        if (leaves := expressions.leaves(type_, parameter))
        and parameter.code not in WITHOUT_ENTRIES
        and not any(map(FACES[parameter.type].emitter, leaves))
    }
    assert silent == set()


def test_principal_dates() -> None:
    principal = {type_: sort.principal_date(type_) for type_ in ("Observation", "Encounter", "Appointment", "Claim")}
    assert principal == {"Observation": "date", "Encounter": "date", "Appointment": "date", "Claim": "created"}
    assert sort.principal_date("Patient") is None
    assert sort.field(sort.scalars("Claim")["created"]) == "sort.date"


@pytest.mark.parametrize(
    ("member", "entries"),
    [
        ({"subject": {"reference": "Patient/1"}}, []),
        ({"subject": {"reference": "Patient/1/_history/2"}}, []),
        ({"assigner": {"reference": "#c"}}, []),
        ({"identifier": [{"assigner": {"reference": "Organization/1"}}]}, ["*|Organization/1"]),
        ({"subject": {"reference": "Patient/1"}, "note": [{"text": '"reference":"Patient/2"'}]}, []),
        ({"extension": [{"url": "http://x.test/e", "valueReference": {"reference": "Patient/1"}}]}, ["*|Patient/1"]),
        (
            {
                "subject": {"reference": "Patient/1"},
                "contained": [
                    {"resourceType": "Flag", "subject": {"reference": f"{BASE_URL}/Patient/2"}},
                    {"resourceType": "Flag", "subject": {"reference": "http://other.example/fhir/Patient/3"}},
                    {"resourceType": "Flag", "subject": {"reference": "urn:uuid:0"}},
                ],
            },
            ["*|Patient/2"],
        ),
    ],
)
def test_references_that_no_parameter_covers_have_entries_of_their_own(
    member: dict[str, Any], entries: list[str]
) -> None:
    flag = {"resourceType": "Flag", "id": "1", **member}
    found = complete(flag, json_codec.encode(flag), BASE_URL, BASE)
    assert [text for text in found.index if text.startswith("*|")] == entries


@pytest.mark.parametrize(
    ("resource", "entries"),
    [
        (
            {"resourceType": "Immunization", "id": "1", "encounter": {"reference": "Encounter/1"}},
            ["*|Encounter/1"],
        ),
        (
            {
                "resourceType": "Claim",
                "id": "1",
                "patient": {"reference": "Patient/1"},
                "diagnosis": [{"diagnosisReference": {"reference": f"{BASE_URL}/Condition/1"}}, {"sequence": 2}],
                "insurance": [{"coverage": {"reference": "Coverage/1"}}, {"coverage": {"reference": "Patient/1"}}],
            },
            ["*|Condition/1", "*|Coverage/1"],
        ),
        (
            {
                "resourceType": "Bundle",
                "id": "1",
                "entry": [{"resource": {"resourceType": "Flag", "subject": {"reference": "Patient/1"}}}],
            },
            [],
        ),
    ],
)
def test_references_in_elements_without_a_parameter_have_entries_too(
    resource: dict[str, Any], entries: list[str]
) -> None:
    found = complete(resource, json_codec.encode(resource), BASE_URL, BASE)
    assert [text for text in found.index if text.startswith("*|")] == entries


@pytest.mark.parametrize("type_", sorted(RESOURCE_TYPES))
def test_the_walk_passes_every_reference_outside_of_data_types(type_: str) -> None:
    none: list[SearchParameter] = []
    passed = {leaf.path for leaf in expressions.leaves(type_, uncovered.parameter(type_, none))}
    own = {(name,) for name, element in STRUCTURES[type_].elements.items() if "Reference" in element.types}
    assert own <= passed
