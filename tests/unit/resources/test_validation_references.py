"""References: their forms, the types an element may point to, and contained resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resources import json_codec, validation

Json = dict[str, Any]

SAMPLES: dict[str, Json] = json_codec.decode(Path(__file__).with_name("validation_samples.json").read_bytes())


def problems(resource: Json) -> list[tuple[str, str | None]]:
    return [(issue.code, issue.expression) for issue in validation.validate(resource)]


def observation(**members: Any) -> Json:
    return SAMPLES["observation"] | members


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/1"},
        {"reference": "Patient/1/_history/2"},
        {"reference": "https://example.org/fhir/Patient/1"},
        {"reference": "https://example.org/fhir/Patient/1/_history/2"},
        {"reference": "https://example.org/people?id=1"},
        {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
        {"reference": "urn:oid:1.2.3"},
        {"reference": "Patient?identifier=urn:x|1"},
        {"reference": "Patient/1", "type": "Patient"},
        {"reference": "Patient/1", "type": "http://hl7.org/fhir/StructureDefinition/Patient"},
        {"type": "Group", "identifier": {"value": "1"}},
        {"type": "http://example.org/StructureDefinition/Alien", "display": "no type of R4's"},
        {"display": "somebody"},
        {"_reference": {"extension": [{"url": "http://r", "valueCode": "masked"}]}},
    ],
)
def test_references_that_may_stand(subject: Json) -> None:
    assert problems(observation(subject=subject)) == []


@pytest.mark.parametrize(
    ("subject", "place", "words"),
    [
        (
            {"reference": "Practitioner/1"},
            "reference",
            "points to a Practitioner, but this element may only point to: De",
        ),
        ({"reference": "https://example.org/fhir/Practitioner/1"}, "reference", "points to a Practitioner"),
        ({"reference": "Practitioner?identifier=1"}, "reference", "points to a Practitioner"),
        ({"type": "Practitioner", "identifier": {"value": "1"}}, "type", "points to a Practitioner"),
        (
            {"reference": "Patient/1", "type": "Group"},
            "type",
            'type says "Group", but the reference points to a Patient',
        ),
        ({"reference": "Patient/a b"}, "reference", '"Patient/a b" is not a reference: expected Type/id'),
        ({"reference": "Patient/"}, "reference", "is not a reference"),
        ({"reference": "Patient"}, "reference", "is not a reference"),
        ({"reference": "/Patient/1"}, "reference", "is not a reference"),
        ({"reference": "../Patient/1"}, "reference", "is not a reference"),
        ({"reference": "Alien/1"}, "reference", "with a type of R4"),
        ({"reference": "Patient/" + "1" * 65}, "reference", "is not a reference"),
    ],
)
def test_references_that_may_not_stand(subject: Json, place: str, words: str) -> None:
    (issue,) = validation.validate(observation(subject=subject))
    assert (issue.code, issue.expression) == ("value", f"Observation.subject.{place}")
    assert words in issue.diagnostics


def test_a_reference_to_any_type_may_point_to_every_type() -> None:
    provenance = {
        "resourceType": "Provenance",
        "recorded": "2024-01-01T00:00:00Z",
        "agent": [{"who": {"display": "x"}}],
    }
    assert problems(provenance | {"target": [{"reference": "Slot/1"}, {"reference": "Patient/1/_history/1"}]}) == []
    assert problems(provenance | {"target": [{"reference": "Slott/1"}]}) == [
        ("value", "Provenance.target[0].reference"),
    ]


def contained(**members: Any) -> Json:
    return observation(contained=[{"resourceType": "Patient", "id": "p", **members}])


def test_a_local_reference_finds_its_contained_resource() -> None:
    assert problems(contained() | {"subject": {"reference": "#p"}}) == []
    assert problems(contained() | {"subject": {"reference": "#q"}}) == [("not-found", "Observation.subject.reference")]
    assert problems(observation(subject={"reference": "#p"})) == [("not-found", "Observation.subject.reference")]


def test_a_local_reference_is_held_to_the_types_of_the_element() -> None:
    (issue,) = validation.validate(contained() | {"performer": [{"reference": "#p"}], "device": {"reference": "#p"}})
    assert issue.expression == "Observation.device.reference"
    assert issue.diagnostics == "points to a Patient, but this element may only point to: Device, DeviceMetric"


def test_contained_resources_see_each_other_and_their_container() -> None:
    patient = {"managingOrganization": {"reference": "#o"}, "link": [{"type": "seealso", "other": {"reference": "#p"}}]}
    organization = {"resourceType": "Organization", "id": "o", "name": "x"}
    resource = contained(**patient)
    resource["contained"].append(organization)
    assert problems(resource) == []
    basic = {"resourceType": "Basic", "id": "b", "code": {"text": "x"}, "subject": {"reference": "#"}}
    assert problems(observation(contained=[basic])) == []


def test_a_contained_resource_does_not_reach_into_another_entry() -> None:
    entries: list[Json] = [
        {"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "resource": contained()},
        {"resource": observation(subject={"reference": "#p"})},
    ]
    assert problems({"resourceType": "Bundle", "type": "collection", "entry": entries}) == [
        ("not-found", "Bundle.entry[1].resource.subject.reference"),
    ]
    parameters = [{"name": "resource", "resource": entry["resource"]} for entry in reversed(entries)]
    assert problems({"resourceType": "Parameters", "parameter": parameters}) == [
        ("not-found", "Parameters.parameter[0].resource.subject.reference"),
    ]


@pytest.mark.parametrize(
    ("member", "value", "code", "expression"),
    [
        ("contained", [{"resourceType": "Organization", "id": "o", "name": "x"}], "invariant", ".contained"),
        ("meta", {"versionId": "1"}, "invariant", ".meta.versionId"),
        ("meta", {"lastUpdated": "2024-01-01T00:00:00Z"}, "invariant", ".meta.lastUpdated"),
        ("meta", {"security": [{"code": "R"}]}, "invariant", ".meta.security"),
        ("text", {"status": "generated"}, "required", ".text.div"),
    ],
)
def test_a_contained_resource_has_no_life_of_its_own(member: str, value: Any, code: str, expression: str) -> None:
    assert problems(contained(**{member: value})) == [(code, "Observation.contained[0]" + expression)]


def test_contained_resources_have_ids_and_each_its_own() -> None:
    patient = {"resourceType": "Patient"}
    assert problems(observation(contained=[patient])) == [("required", "Observation.contained[0].id")]
    twice = [{**patient, "id": "a"}, {**patient, "id": "a"}]
    assert problems(observation(contained=twice)) == [("duplicate", "Observation.contained[1].id")]
