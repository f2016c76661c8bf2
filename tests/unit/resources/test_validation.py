"""What a caller of `validate` and `check` can rely on, whatever is wrong."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from resources import validation
from resources.outcome import Unprocessable, operation_outcome
from tests.unit.resources.samples import (
    BUNDLE,
    CONDITION,
    GONE,
    MEDICATION_REQUEST,
    OBSERVATION,
    PATIENT,
    Json,
    changed,
)

VALID = {
    "patient": PATIENT,
    "observation": OBSERVATION,
    "condition": CONDITION,
    "bundle": BUNDLE,
    "medication request": MEDICATION_REQUEST,
    "value of an extension given by an extension": changed(
        PATIENT,
        "extension",
        [{"url": "http://e", "_valueString": {"extension": [{"url": "http://r", "valueCode": "unknown"}]}}],
    ),
    "required primitive given by its extension": changed(
        changed(OBSERVATION, "status", GONE), "_status", {"extension": [{"url": "http://r", "valueCode": "unknown"}]}
    ),
    "all of an array given by extensions": changed(
        PATIENT, "name", [{"_given": [{"extension": [{"url": "http://r", "valueCode": "masked"}]}]}]
    ),
    "a whole number as decimal": changed(OBSERVATION, "valueQuantity", "value", 71),
    "29 February of a leap year": changed(PATIENT, "birthDate", "2000-02-29"),
    "a leap second": changed(OBSERVATION, "effectiveDateTime", "2016-12-31T23:59:60Z"),
    "an id on a primitive": changed(PATIENT, "_gender", {"id": "g"}),
    "an email among others": changed(PATIENT, "telecom", [{"_system": {"id": "s"}, "value": "a@example.org"}]),
    "a bound concept absent for a reason": changed(
        CONDITION, "clinicalStatus", {"extension": [{"url": "http://r", "valueCode": "unknown"}]}
    ),
    "a second coding from the bound set": changed(
        CONDITION,
        "clinicalStatus",
        "coding",
        [{"system": "http://example.org", "code": "a"}, *CONDITION["clinicalStatus"]["coding"]],
    ),
    "line breaks in text": changed(PATIENT, "name", 0, "text", "a\r\n\tb"),
    "base64 with line breaks": changed(PATIENT, "photo", 0, "data", "QUJD\r\nRA=="),
}


@pytest.mark.parametrize("name", VALID)
def test_valid_resources_have_no_issues_and_are_not_changed(name: str) -> None:
    resource = copy.deepcopy(VALID[name])
    assert validation.validate(resource) == []
    assert resource == VALID[name]
    assert str(resource) == str(VALID[name])  # the digits and the order of members too


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "a resource is a JSON object, found an array"),
        ("Patient", 'a resource is a JSON object, found the string "Patient"'),
        (None, "found null"),
        (Decimal("1.5"), "found the number 1.5"),
        ({}, 'resourceType is missing: it names the type, such as "Patient"'),
        ({"resourceType": 1}, "resourceType is the name of a type (a string), found the number 1"),
        ({"resourceType": ["Patient"]}, "found an array"),
        ({"resourceType": "Pateint"}, '"Pateint" is not a resource type of R4; did you mean Patient?'),
        ({"resourceType": "DomainResource"}, '"DomainResource" is not a resource type of R4'),
        ({"resourceType": "HumanName"}, '"HumanName" is not a resource type of R4'),
    ],
)
def test_a_body_that_is_no_resource_is_told_so(body: Any, words: str) -> None:
    (issue,) = validation.validate(body)
    assert words in issue.diagnostics
    assert (issue.severity, issue.code, issue.expression) == ("error", "structure", None)


def test_a_resource_of_another_type_is_told_so_with_its_other_problems() -> None:
    issues = validation.validate(changed(PATIENT, "gender", "m"), type_="Observation")
    assert [(issue.code, issue.expression) for issue in issues] == [
        ("invalid", "Patient"),
        ("code-invalid", "Patient.gender"),
    ]
    assert issues[0].diagnostics == "expected a resource of type Observation, but this is of type Patient"


def test_all_problems_come_at_once() -> None:
    resource = changed(changed(OBSERVATION, "status", "done"), "valueString", 5)
    resource["subject"] = {"reference": "Practitioner/1", "tpye": "Patient"}
    resource["category"] = {"text": "x"}
    del resource["code"]
    assert {(issue.code, issue.expression) for issue in validation.validate(resource)} == {
        ("code-invalid", "Observation.status"),
        ("structure", "Observation.category"),
        ("required", "Observation.code"),
        ("structure", "Observation.subject.tpye"),
        ("value", "Observation.subject.reference"),
        ("structure", "Observation.value"),
        ("invariant", "Observation.value"),
    }


def test_check_raises_unprocessable_with_every_issue() -> None:
    validation.check(PATIENT, "Patient")
    with pytest.raises(Unprocessable) as refused:
        validation.check(changed(changed(PATIENT, "gender", "m"), "birthDate", "x"), "Patient")
    assert [issue.expression for issue in refused.value.issues] == ["Patient.gender", "Patient.birthDate"]
    assert refused.value.status == 422


def test_issues_are_capped_and_the_rest_is_counted() -> None:
    resource = changed(PATIENT, "name", [{"family": 1} for _ in range(1234)])
    issues = validation.validate(resource)
    assert len(issues) == validation.MAXIMUM_ISSUES + 1
    assert issues[-1].diagnostics == "and 1134 more problems, not listed here"
    assert validation.validate(operation_outcome(issues)) == []


def test_a_flood_of_problems_ends_the_search() -> None:
    issues = validation.validate(changed(PATIENT, "name", [1] * 50_000))
    assert len(issues) == validation.MAXIMUM_ISSUES + 1
    assert issues[-1].diagnostics == "and more than 9900 more problems, not listed here"


def test_of_many_codes_the_likeliest_and_the_number_are_told() -> None:
    definition = {"resourceType": "CompartmentDefinition", "url": "http://e", "name": "x", "status": "draft"}
    resource = {**definition, "code": "Patient", "search": True, "resource": [{"code": "Pateint"}]}
    (issue,) = validation.validate(resource)
    assert issue.expression == "CompartmentDefinition.resource[0].code"
    assert "allowed codes: Patient, " in issue.diagnostics
    assert "more (http" in issue.diagnostics


def test_what_a_message_quotes_is_safe_to_send_back() -> None:
    nasty = "\x00\ud800\ufffe\u202e" + "x" * 500
    issues = validation.validate({"resourceType": "Patient", nasty: 1, "gender": nasty, "id": nasty})
    assert len(issues) == 3
    assert validation.validate(operation_outcome(issues)) == []
    assert all(len(issue.diagnostics) < 300 for issue in issues)


def test_deep_nesting_ends_in_an_issue() -> None:
    deep: Json = {"url": "http://e", "valueString": 1}
    for _ in range(5000):
        deep = {"url": "http://e", "extension": [deep]}
    issues = validation.validate({"resourceType": "Patient", "extension": [deep]})
    assert [issue.diagnostics for issue in issues] == ["nested too deeply"]
