"""What belongs to a patient's record, by the tests that say so, read in memory."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.search import record
from fhir_server.search.extract import extract
from fhir_server.search.match import matches
from fhir_server.search.tree import EVERYTHING, Expr
from resources import instants
from resources.parameters import BASE
from resources.registry import RESOURCE_TYPES

BASE_URL = "http://here.example/fhir"


def holds(tree: Expr, type_: str, **members: Any) -> bool:
    resource = {"resourceType": type_, "id": "1", **members}
    return matches(tree, extract(resource, BASE_URL), type_=type_, id_="1", updated=0)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"authoredOn": "2024-05-06"}, True),
        ({"authoredOn": "2023-12-31"}, False),
        ({"authoredOn": "2024"}, True),
        ({}, True),
        ({"authoredOn": "2020", "dosageInstruction": [{"timing": {"event": ["2024-02-01"]}}]}, True),
        ({"authoredOn": "2024", "dosageInstruction": [{"timing": {"event": ["2020-02-01"]}}]}, False),
    ],
)
def test_the_first_date_that_is_there_counts(members: dict[str, Any], expected: bool) -> None:
    tree = record.in_time("MedicationRequest", *instants.bounds("2024"))
    assert holds(tree, "MedicationRequest", **members) is expected


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ({"start": "2023-12", "end": "2025-01"}, True),
        ({"start": "2023-12", "end": "2024-01-01"}, True),
        ({"start": "2024-12-31", "end": "2025"}, True),
        ({"start": "2024-12-31"}, True),
        ({"end": "2024-01-01"}, True),
        ({"start": "2020", "end": "2023-12-31"}, False),
        ({"start": "2025-01-01"}, False),
        ({"end": "2023"}, False),
    ],
)
def test_a_period_that_overlaps_is_in(period: dict[str, str], expected: bool) -> None:
    low, high = instants.bounds("2024")
    assert holds(record.in_time("Encounter", low, high), "Encounter", period=period) is expected
    after, until = (holds(record.in_time("Encounter", *at), "Encounter", period=period)
                    for at in ((low, None), (None, high)))  # fmt: skip
    assert (after and until) is expected


def test_what_has_no_date_is_of_any_time() -> None:
    assert record.in_time("RelatedPerson", instants.bounds("2024")[0], None) == EVERYTHING
    assert record.in_time("Observation", None, None) == EVERYTHING


@pytest.mark.parametrize(
    ("type_", "members", "expected"),
    [
        ("Practitioner", {}, True),
        ("Device", {"patient": {"reference": "Patient/1"}}, True),
        ("Patient", {}, False),
        ("Group", {}, True),
        ("Group", {"member": [{"entity": {"reference": "Device/1"}}]}, True),
        ("Group", {"member": [{"entity": {"reference": "Patient/2"}}]}, False),
        ("CareTeam", {"participant": [{"member": {"reference": "Practitioner/1"}}]}, True),
        ("CareTeam", {"subject": {"reference": "Patient/2"}}, False),
        ("Schedule", {"actor": [{"reference": "Location/1"}]}, True),
        ("Schedule", {"actor": [{"reference": "Patient/1"}]}, False),
    ],
)
def test_what_is_nobodys(type_: str, members: dict[str, Any], expected: bool) -> None:
    assert holds(record.nobodys(), type_, **members) is expected


def test_every_type_is_somebodys_or_nobodys() -> None:
    assert set(record.MEMBERS) < RESOURCE_TYPES
    assert {"Patient", "Observation", "Group"} < set(record.MEMBERS)
    for type_ in RESOURCE_TYPES - {"Patient"}:
        assert matches(record.nobodys(), extract({"resourceType": type_}, BASE_URL), type_=type_, id_="1", updated=0)


def test_all_references_of_a_record_are_followed() -> None:
    keys = {way.key for way in record.references(BASE).ways}
    assert {"Observation.performer", "Encounter.location", "Patient.general-practitioner", "*"} < keys
    assert "Organization.partof" not in keys
