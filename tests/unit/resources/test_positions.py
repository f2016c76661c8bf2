"""Where parts of a resource stand, in FHIRPath."""

from typing import Any

from resources.positions import expressions_of


def test_names_lists_choices_primitives_and_contained_resources() -> None:
    value: dict[str, Any] = {"reference": "Patient/1"}
    of_primitive: dict[str, Any] = {"url": "http://x.test/a", "valueCode": "b"}
    contact: dict[str, Any] = {"gender": "male"}
    coding: dict[str, Any] = {"code": "c"}
    of_given: dict[str, Any] = {"url": "http://x.test/g", "valueCode": "b"}
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "contained": [{"resourceType": "Organization", "type": [{"text": "x"}, {"coding": [coding]}]}],
        "extension": [{"url": "http://x.test/r", "valueReference": value}],
        "_birthDate": {"extension": [of_primitive]},
        "name": [{"given": ["a", None], "_given": [None, {"extension": [of_given]}]}],
        "contact": [{}, contact],
    }
    assert expressions_of(patient, [contact, value, patient, coding, of_primitive, of_given]) == [
        "Patient.contact[1]",
        "Patient.extension[0].value",
        "Patient",
        "Patient.contained[0].type[1].coding[0]",
        "Patient.birthDate.extension[0]",
        "Patient.name[0].given[1].extension[0]",
    ]


def test_equal_parts_are_told_apart() -> None:
    first, second = {"text": "x"}, {"text": "x"}
    condition = {"resourceType": "Condition", "category": [first, second]}
    assert expressions_of(condition, [second]) == ["Condition.category[1]"]
    assert expressions_of(condition, []) == []
