"""Each kind of mistake in structure, types, forms and codes: refused, at its element, in words that say what to do."""

from __future__ import annotations

from decimal import Decimal

import pytest

from resources import validation
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

# resource, code, expression, a piece of the words of the one issue expected
REFUSED: list[tuple[Json, str, str, str]] = [
    # unknown elements
    (changed(PATIENT, "brithDate", "1974"), "structure", "Patient.brithDate", 'did you mean "birthDate"?'),
    (changed(PATIENT, "name", 0, "fmaily", "x"), "structure", "Patient.name[0].fmaily", 'did you mean "family"?'),
    (changed(PATIENT, "a b", 1), "structure", "Patient", '"a b" is not an element of Patient'),
    (changed(PATIENT, "_contact", {"id": "a"}), "structure", "Patient._contact", "is not an element of Patient"),
    (changed(PATIENT, "_id", {"id": "a"}), "structure", "Patient._id", "is not an element of Patient"),
    (changed(OBSERVATION, "valueDecimal", 1), "structure", "Observation.valueDecimal", "is not an element"),
    (changed(PATIENT, "name", 0, "resourceType", "HumanName"), "structure", "Patient.name[0].resourceType", "not an"),
    # JSON types
    (
        changed(PATIENT, "active", "true"),
        "structure",
        "Patient.active",
        "expected a boolean (true or false), found the",
    ),
    (changed(PATIENT, "name", 0, "family", 5), "structure", "Patient.name[0].family", "found the number 5"),
    (changed(PATIENT, "multipleBirthInteger", True), "structure", "Patient.multipleBirth", "found the boolean true"),
    (
        changed(PATIENT, "multipleBirthInteger", Decimal("2.0")),
        "value",
        "Patient.multipleBirth",
        "2.0 is not a whole",
    ),
    (
        changed(PATIENT, "multipleBirthInteger", 2**31),
        "value",
        "Patient.multipleBirth",
        "from -2147483648 to 2147483647",
    ),
    (
        changed(PATIENT, "name", {"family": "x"}),
        "structure",
        "Patient.name",
        "expected an array (the element may repeat)",
    ),
    (changed(PATIENT, "gender", ["male"]), "structure", "Patient.gender", "found an array"),
    (changed(PATIENT, "gender", None), "structure", "Patient.gender", "found null"),
    (
        changed(PATIENT, "communication", 0, "language", "de"),
        "structure",
        "Patient.communication[0].language",
        "an object",
    ),
    (
        changed(PATIENT, "managingOrganization", [{"reference": "Organization/1"}]),
        "structure",
        "Patient.managingOrganization",
        "expected an object, found an array",
    ),
    (
        changed(OBSERVATION, "valueQuantity", "value", "71.5"),
        "structure",
        "Observation.value.value",
        'the string "71.5"',
    ),
    (
        changed(OBSERVATION, "valueQuantity", "value", True),
        "structure",
        "Observation.value.value",
        "the boolean true",
    ),
    (changed(OBSERVATION, "valueQuantity", "value", float("nan")), "structure", "Observation.value.value", "number"),
    (
        changed(OBSERVATION, "valueQuantity", "value", Decimal("NaN")),
        "value",
        "Observation.value.value",
        "NaN is not",
    ),
    # lexical forms
    (changed(PATIENT, "birthDate", "2023-02-30"), "value", "Patient.birthDate", '"2023-02-30": there is no such day'),
    (changed(PATIENT, "birthDate", "1900-02-29"), "value", "Patient.birthDate", "there is no such day"),
    (changed(PATIENT, "birthDate", "1974-13-01"), "value", "Patient.birthDate", "there is no such day"),
    (changed(PATIENT, "birthDate", "0000"), "value", "Patient.birthDate", "is not a date such as 2024-05-17"),
    (changed(PATIENT, "birthDate", "25.12.1974"), "value", "Patient.birthDate", '"25.12.1974" is not a date such as'),
    (changed(PATIENT, "birthDate", "1974-12-25T10:00:00Z"), "value", "Patient.birthDate", "is not a date such as"),
    (changed(PATIENT, "birthDate", "1974-12-25\n"), "value", "Patient.birthDate", "is not a date such as"),
    (changed(PATIENT, "birthDate", "١٩٧٤"), "value", "Patient.birthDate", "is not a date such as"),
    (
        changed(OBSERVATION, "effectiveDateTime", "2024-05-17T10:00:00"),
        "value",
        "Observation.effective",
        "and offset",
    ),
    (
        changed(OBSERVATION, "effectiveDateTime", "2024-05-17T10:00Z"),
        "value",
        "Observation.effective",
        "with seconds",
    ),
    (changed(OBSERVATION, "effectiveDateTime", "2024-05-17T25:00:00Z"), "value", "Observation.effective", "is not a"),
    (
        changed(OBSERVATION, "effectiveDateTime", "2024-05-17T10:00:00+15:00"),
        "value",
        "Observation.effective",
        "is not",
    ),
    (
        changed(PATIENT, "meta", "lastUpdated", "2024-01-01"),
        "value",
        "Patient.meta.lastUpdated",
        "with seconds and offset",
    ),
    (changed(PATIENT, "id", "a_b"), "value", "Patient.id", "1 to 64 letters, digits, hyphens or dots"),
    (changed(PATIENT, "id", "a" * 65), "value", "Patient.id", "1 to 64 letters"),
    (changed(PATIENT, "name", 0, "family", ""), "value", "Patient.name[0].family", "leave the element out instead"),
    (changed(PATIENT, "name", 0, "family", "a\x01b"), "value", "Patient.name[0].family", "U+0001 at position 2"),
    (
        changed(PATIENT, "name", 0, "family", "a" * (1024 * 1024 + 1)),
        "too-long",
        "Patient.name[0].family",
        "1,048,576",
    ),
    (changed(PATIENT, "photo", 0, "data", "!!!"), "value", "Patient.photo[0].data", "base64"),
    (changed(PATIENT, "photo", 0, "data", "QUJDRA="), "value", "Patient.photo[0].data", "with its padding"),
    (
        changed(PATIENT, "identifier", 0, "system", "a b"),
        "value",
        "Patient.identifier[0].system",
        "a URI without spaces",
    ),
    (changed(OBSERVATION, "code", "coding", 0, "code", "1-8 "), "value", "Observation.code.coding[0].code", "spaces"),
    (changed(OBSERVATION, "code", "coding", 0, "code", "1  8"), "value", "Observation.code.coding[0].code", "spaces"),
    (
        changed(PATIENT, "extension", [{"url": "e", "valueOid": "1.2.3"}]),
        "value",
        "Patient.extension[0].value",
        "an OID",
    ),
    (
        changed(PATIENT, "extension", [{"url": "e", "valueUuid": "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"}]),
        "value",
        "Patient.extension[0].value",
        "a UUID such as urn:uuid:c757",
    ),
    (
        changed(PATIENT, "extension", [{"url": "e", "valueTime": "14:30"}]),
        "value",
        "Patient.extension[0].value",
        "seconds",
    ),
    (
        changed(PATIENT, "extension", [{"url": "e", "valuePositiveInt": 0}]),
        "value",
        "Patient.extension[0].value",
        "from 1",
    ),
    # required bindings
    (
        changed(PATIENT, "gender", "m"),
        "code-invalid",
        "Patient.gender",
        '"m" is not one of the allowed codes: male, female, other, unknown (http://hl7.org/fhir/ValueSet/administrative-',
    ),
    (
        changed(BUNDLE, "entry", 0, "request", "method", "FETCH"),
        "code-invalid",
        "Bundle.entry[0].request.method",
        "GET, HEAD, POST, PUT, DELETE, PATCH",
    ),
    (
        changed(CONDITION, "clinicalStatus", "coding", 0, "code", "activ"),
        "code-invalid",
        "Condition.clinicalStatus",
        "condition-clinical|active",
    ),
    (
        changed(CONDITION, "clinicalStatus", "coding", 0, "system", GONE),
        "code-invalid",
        "Condition.clinicalStatus",
        '"|ac',
    ),
    (
        changed(CONDITION, "clinicalStatus", {"text": "active"}),
        "code-invalid",
        "Condition.clinicalStatus",
        "has no coding",
    ),
    (
        changed(PATIENT, "photo", 0, "contentType", "a/b/c"),
        "code-invalid",
        "Patient.photo[0].contentType",
        "media type",
    ),
    # choice types
    (
        changed(OBSERVATION, "valueString", "x"),
        "invariant",
        "Observation.value",
        "only one of value[x] may be present, found valueQuantity, valueString",
    ),
    (
        changed(OBSERVATION, "_valueString", {"extension": [{"url": "e", "valueCode": "x"}]}),
        "invariant",
        "Observation.value",
        "found valueQuantity, valueString",
    ),
    (
        changed(PATIENT, "extension", 0, "valueCode", "x"),
        "invariant",
        "Patient.extension[0].value",
        "only one of value[x]",
    ),
    (
        changed(MEDICATION_REQUEST, "medicationCodeableConcept", GONE),
        "required",
        "MedicationRequest.medication",
        "medication[x] is required: one of medicationCodeableConcept, medicationReference",
    ),
    # extensions
    (
        changed(PATIENT, "extension", 0, "extension", [{"url": "a", "valueString": "b"}]),
        "invariant",
        "Patient.extension[0]",
        "either a value or extensions of its own, not both (ext-1)",
    ),
    (
        changed(PATIENT, "extension", [{"url": "http://e"}]),
        "invariant",
        "Patient.extension[0]",
        "needs a value[x] or ext",
    ),
    (
        changed(PATIENT, "extension", [{"valueString": "b"}]),
        "required",
        "Patient.extension[0].url",
        "url is required",
    ),
    # cardinality, empty things, null
    (changed(OBSERVATION, "code", GONE), "required", "Observation.code", "code is required"),
    (changed(OBSERVATION, "status", GONE), "required", "Observation.status", "status is required"),
    (changed(PATIENT, "name", []), "structure", "Patient.name", "an array must not be empty"),
    (changed(PATIENT, "managingOrganization", {}), "structure", "Patient.managingOrganization", "must not be empty"),
    (
        changed(PATIENT, "managingOrganization", {"id": "x"}),
        "structure",
        "Patient.managingOrganization",
        "must not be em",
    ),
    (changed(PATIENT, "_gender", {}), "structure", "Patient.gender", "must not be empty"),
    (changed(PATIENT, "name", [None]), "structure", "Patient.name[0]", "null stands for a value only where"),
    (
        changed(PATIENT, "name", 0, {"given": [None]}),
        "structure",
        "Patient.name[0].given[0]",
        "null stands for a value",
    ),
    (
        changed(PATIENT, "name", 0, "_given", [None, {"id": "a"}, {"id": "b"}]),
        "structure",
        "Patient.name[0].given",
        "given has 2 entries but _given 3",
    ),
    (
        {"resourceType": "OperationDefinition", "name": "x", "status": "draft", "kind": "operation", "code": "x"}
        | {"system": True, "type": False, "instance": False, "parameter": [{"name": "p", "use": "in", "min": 0}]},
        "required",
        "OperationDefinition.parameter[0].max",
        "max is required",
    ),
    # contained resources
    (
        changed(PATIENT, "contained", 0, "active", "yes"),
        "structure",
        "Patient.contained[0].active",
        "expected a boolean",
    ),
    (
        changed(PATIENT, "contained", 0, "resourceType", "Foo"),
        "structure",
        "Patient.contained[0]",
        "not a resource type",
    ),
    (
        changed(BUNDLE, "entry", 0, "resource", "birthDate", "x"),
        "value",
        "Bundle.entry[0].resource.birthDate",
        "a date",
    ),
    (changed(BUNDLE, "entry", 0, "resource", 1), "structure", "Bundle.entry[0].resource", "expected a resource"),
]


@pytest.mark.parametrize("row", range(len(REFUSED)))
def test_a_mistake_is_refused_at_its_element_in_plain_words(row: int) -> None:
    resource, code, expression, words = REFUSED[row]
    issues = validation.validate(resource)
    assert [(issue.severity, issue.code, issue.expression) for issue in issues] == [("error", code, expression)]
    assert words in issues[0].diagnostics


@pytest.mark.parametrize("row", range(len(REFUSED)))
def test_messages_hold_no_terms_of_libraries(row: int) -> None:
    for issue in validation.validate(REFUSED[row][0]):
        for term in ("pydantic", "regex", "pattern", "validator", "dict", "None", "(?:", "[0-9]"):
            assert term not in issue.diagnostics
