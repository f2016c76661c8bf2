"""`fhir.resources` reads the same resources: where it agrees, and where and why not (table in docs/validation.md)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from resources import json_codec, validation
from resources.registry import RESOURCE_TYPES

Json = dict[str, Any]

SAMPLES: dict[str, Json] = json_codec.decode(Path(__file__).with_name("validation_samples.json").read_bytes())
CODING = "http://terminology.hl7.org/CodeSystem/condition-clinical"
XHTML = "http://www.w3.org/1999/xhtml"


def patient(**members: Any) -> Json:
    return {"resourceType": "Patient", **members}


def observation(**members: Any) -> Json:
    return {**SAMPLES["observation"], **members}


@dataclass(frozen=True, slots=True)
class Case:
    """A resource on which the two differ, `what` is peculiar about it, and `why` we stay with our opinion."""

    what: str
    resource: Json
    why: str


COERCED = "its models turn the value into the type they want; JSON has the type for it"
NOT_CHECKED = "not checked by its models; R4 says so"

DIFFERENT = [
    Case('`active: "true"`', patient(active="true"), COERCED),
    Case("`multipleBirthInteger: true`", patient(multipleBirthInteger=True), COERCED),
    Case("decimal as a string", observation(valueQuantity={"value": "71.5"}), COERCED),
    Case("`gender: null`", patient(gender=None), "it takes null for absence; FHIR JSON has no null but in arrays"),
    Case("`name: []`", patient(name=[]), "FHIR JSON has no empty arrays"),
    Case("`managingOrganization: {}`", patient(managingOrganization={}), "FHIR JSON has no empty objects (ele-1)"),
    Case("`given: [null]`, nothing beside it", patient(name=[{"given": [None]}]), "null stands for an extension only"),
    Case('`gender: "m"`', patient(gender="m"), "it does not know the codes of required bindings"),
    Case(
        "a CodeableConcept outside of its required set",
        {**SAMPLES["condition"], "clinicalStatus": {"coding": [{"system": CODING, "code": "x"}]}},
        "it does not know the codes of required bindings",
    ),
    Case("an id of 65 characters", patient(id="a" * 65), NOT_CHECKED),
    Case("a control character in a string", patient(name=[{"family": "a\x01b"}]), NOT_CHECKED),
    Case("a string over 1 MB", patient(name=[{"family": "a" * 1_100_000}]), NOT_CHECKED),
    Case("a space in a URI", patient(identifier=[{"system": "a b"}]), NOT_CHECKED),
    Case("base64 that is none", patient(photo=[{"contentType": "image/png", "data": "!!!"}]), NOT_CHECKED),
    Case("an extension with neither value nor extensions", patient(extension=[{"url": "http://e"}]), "ext-1"),
    Case("`valueQuantity` and `_valueString`", observation(_valueString={"id": "a"}), "one type at a time"),
    Case("a reference to a type not allowed", observation(subject={"reference": "Slot/1"}), NOT_CHECKED),
    Case("`#id` without such a contained resource", observation(subject={"reference": "#x"}), NOT_CHECKED),
    Case(
        "`<script>` in the narrative",
        patient(text={"status": "generated", "div": f'<div xmlns="{XHTML}"><script>x</script></div>'}),
        NOT_CHECKED,
    ),
    Case("a contact without details", patient(contact=[{"gender": "male"}]), "pat-1: it checks no invariants"),
    Case(
        "`_valueString` in an extension",
        patient(extension=[{"url": "http://e", "_valueString": {"extension": [{"url": "http://r", "valueId": "x"}]}}]),
        "its Extension has no members for the extensions of its value; R4 has",
    ),
]  # fmt: skip

BOTH_REFUSE = {
    "an unknown element": patient(brithDate="1974"),
    "a day that does not exist": patient(birthDate="2023-02-30"),
    "a time without offset": observation(effectiveDateTime="2024-05-17T10:00:00"),
    "an object for an array": patient(name={"family": "x"}),
    "an array for a scalar": patient(gender=["male"]),
    "two types of a choice": observation(valueString="x"),
    "an empty string": patient(name=[{"family": ""}]),
    "a bad id": patient(id="a_b"),
    "no status": {k: v for k, v in SAMPLES["observation"].items() if k != "status"},
    "an extension without url": patient(extension=[{"valueString": "x"}]),
}


def their_opinion(resource: Json) -> bool:
    """Whether `fhir.resources` accepts the resource."""
    model = get_fhir_model_class(resource["resourceType"])
    try:
        model.model_validate(resource)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", SAMPLES)
def test_both_accept_the_samples(name: str) -> None:
    assert validation.validate(SAMPLES[name]) == []
    assert their_opinion(SAMPLES[name])


@pytest.mark.parametrize("name", BOTH_REFUSE)
def test_both_refuse_what_is_plainly_wrong(name: str) -> None:
    assert validation.validate(BOTH_REFUSE[name]) != []
    assert not their_opinion(BOTH_REFUSE[name])


@pytest.mark.parametrize("case", DIFFERENT, ids=lambda case: case.what)
def test_the_documented_differences_are_what_they_are(case: Case) -> None:
    assert (validation.validate(case.resource) == []) != their_opinion(case.resource)


def test_the_documentation_has_the_table_of_the_differences() -> None:
    def words(accepted: bool) -> str:
        return "accepted" if accepted else "refused"

    rows = ["| resource | here | fhir.resources | why |", "|---|---|---|---|"]
    for case in DIFFERENT:
        ours = validation.validate(case.resource) == []
        rows.append(f"| {case.what} | {words(ours)} | {words(not ours)} | {case.why} |")
    text = (Path(__file__).parents[3] / "docs" / "validation.md").read_text(encoding="utf-8")
    assert "\n".join(rows) in text


def test_the_documentation_names_the_types_it_has_no_class_for() -> None:
    def has_class(type_: str) -> bool:
        try:
            get_fhir_model_class(type_)
        except ValueError:
            return False
        return True

    missing = sorted(type_ for type_ in RESOURCE_TYPES if not has_class(type_))
    text = (Path(__file__).parents[3] / "docs" / "validation.md").read_text(encoding="utf-8")
    assert f"It has no class for {len(missing)} types of R4: {', '.join(missing)}." in text
