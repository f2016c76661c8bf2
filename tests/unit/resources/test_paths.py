"""General FHIRPath, bounded, for search parameters."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from resources import paths
from resources.paths import PathError, PathRefusedError
from resources.steps import OversizedExpressionError

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "1",
    "birthDate": "1974-12-25",
    "deceasedBoolean": False,
    "name": [{"use": "official", "family": "Shaw", "given": ["Peter", "James"]}, {"use": "usual", "given": ["Jim"]}],
    "extension": [{"url": "http://x.test/eyes", "valueCodeableConcept": {"text": "blue"}}],
    "generalPractitioner": [{"reference": "Practitioner/1"}, {"reference": "http://o.test/fhir/Organization/2"}],
}


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("Patient.name.where(use = 'official').given", [("string", "Peter"), ("string", "James")]),
        ("Patient.name.given.first() + '!'", [("string", "Peter!")]),
        ("Patient.name.given.count()", [("integer", 3)]),
        ("Patient.name.given.count() + 0.5", [("decimal", Decimal("3.5"))]),
        ("Patient.birthDate", [("date", "1974-12-25")]),
        ("Patient.birthDate.toDateTime()", [("dateTime", "1974-12-25")]),
        ("Patient.deceased", [("boolean", False)]),
        ("Patient.name.exists()", [("boolean", True)]),
        ("Patient.extension('http://x.test/eyes').value", [("CodeableConcept", {"text": "blue"})]),
        ("Patient.link.other", []),
        (
            "Patient.generalPractitioner.where(resolve() is Organization)",
            [("Reference", {"reference": "http://o.test/fhir/Organization/2"})],
        ),
        ("%resource.name[1].given", [("string", "Jim")]),
    ],
)
def test_values_and_their_types(expression: str, values: list[tuple[str, Any]]) -> None:
    before = deepcopy(PATIENT)
    assert paths.values(expression, PATIENT) == values
    assert before == PATIENT


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("Patient.name.where(", "at character 20"),
        ("Patient.((", "it is no FHIRPath"),
        ("Patient.name)", "at character 13"),
        ("'open", "it is no FHIRPath"),
        ("Patient.name.where(unheardOf())", "no functions unheardOf"),
    ],
)
def test_what_is_no_fhirpath_is_refused(expression: str, words: str) -> None:
    with pytest.raises(PathError, match=words) as caught:
        paths.check(expression)
    assert not isinstance(caught.value, PathRefusedError)


@pytest.mark.parametrize(
    "expression",
    [
        "Patient.name.given.matches('(a+)+b')",
        "Patient.repeat(contact)",
        "now() > Patient.birthDate",
    ],
)
def test_what_could_run_for_ever_or_depends_on_more_than_the_resource_is_not_taken(expression: str) -> None:
    with pytest.raises(PathRefusedError):
        paths.check(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 900 + "Patient" + ")" * 900,
        "Patient.name" + ".first()" * 200,
        "1" + "+1" * 200,
        "-" * 900 + "1",
        f"Patient.name.where(family = '{'a' * 4_000}')",
    ],
)
def test_what_the_library_would_recurse_into_is_too_large(expression: str) -> None:
    with pytest.raises(OversizedExpressionError):
        paths.check(expression)


def test_an_expression_that_fails_on_a_resource() -> None:
    with pytest.raises(PathError, match="several values"):
        paths.values("Patient.name.given.single()", PATIENT)


def test_an_expression_has_so_much_time_and_no_more() -> None:
    names = [{"given": [str(number) for number in range(300)]}]
    nested = "Patient.name.given.where(Patient.name.given.where(Patient.name.given.count() > 2).count() > 2)"
    with pytest.raises(PathError, match="takes more than 50 ms"):
        paths.values(nested, {**PATIENT, "name": names})
    assert paths.values("Patient.name.given.count()", PATIENT) == [("integer", 3)]
