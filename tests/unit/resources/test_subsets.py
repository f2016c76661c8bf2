"""`_summary` and `_elements`: what they mean, and which part of a resource they leave."""

import copy
from decimal import Decimal
from typing import Any

import pytest

from resources import json_codec, subsets, validation
from resources.outcome import BadRequest, Unprocessable
from resources.registry import RESOURCE_TYPES
from resources.subsets import Subset
from tests.unit.resources.samples import BUNDLE, OBSERVATION, PATIENT

Json = dict[str, Any]

TAG = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
META = {"versionId": "3", "lastUpdated": "2026-11-24T08:00:00.000Z"}
NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Text</div>'}
UNKNOWN_BIRTH = {"extension": [{"url": "http://e.example/x", "valueString": "about"}]}
LINK = {"other": {"reference": "Patient/2"}, "type": "seealso"}
ATTACHMENT = {"contentType": "text/plain", "title": "x"}
LOCAL = {"reference": "#p"}
NOTE = [{"url": "http://e.example/x", "valueString": "y"}]


def of(type_: str, **members: Any) -> Json:
    return {"resourceType": type_, "id": "1", "meta": META, **members}


def part(subset: Subset, resource: Json) -> Json:
    """What is left beside type, id and meta, after a look at these and at what must not change."""
    before = copy.deepcopy(resource)
    found = subsets.apply(subset, resource)
    assert resource == before
    head = {name: found.pop(name) for name in ("resourceType", "id", "meta")}
    assert head == {"resourceType": resource["resourceType"], "id": "1", "meta": META | {"tag": [TAG]}}
    return found


def summary(resource: Json) -> Json:
    return part(Subset("true"), resource)


def elements(text: str, resource: Json) -> Json:
    return part(subsets.parse_elements(text, (resource["resourceType"],)), resource)


SUMMARIES: dict[str, tuple[Json, Json]] = {
    "Patient: marked elements only": (
        of(
            "Patient", language="en", text=NARRATIVE, name=[{"family": "Ng"}], active=True, maritalStatus={"text": "x"},
            birthDate="1974", photo=[{"title": "x"}], contact=[{"name": {"family": "Ng"}}],
        ),
        {"name": [{"family": "Ng"}], "active": True, "birthDate": "1974"},
    ),
    "extensions of the resource go, those of an element stay with it": (
        of("Patient", extension=NOTE, name=[{"id": "n", "extension": NOTE, "family": "Ng"}], _birthDate=UNKNOWN_BIRTH),
        {"name": [{"id": "n", "extension": NOTE, "family": "Ng"}], "_birthDate": UNKNOWN_BIRTH},
    ),
    "modifiers stay, also where they are not marked": (
        of("Patient", modifierExtension=NOTE, implicitRules="http://e.example", link=[LINK]),
        {"modifierExtension": NOTE, "implicitRules": "http://e.example", "link": [LINK]},
    ),
    "a modifier that is not marked, deep inside": (
        of("List", status="current", mode="working", entry=[{"deleted": True, "item": {"display": "x"}}]),
        {"status": "current", "mode": "working"},
    ),
    "nested components: marked elements of each": (
        of(
            "Observation", status="final", code={"text": "x"}, note=[{"text": "x"}],
            component=[
                {"code": {"text": "a"}, "valueInteger": 1, "interpretation": [{"text": "high"}]},
                {"code": {"text": "b"}, "dataAbsentReason": {"text": "lost"}, "modifierExtension": NOTE},
            ],
        ),
        {
            "status": "final", "code": {"text": "x"},
            "component": [
                {"code": {"text": "a"}, "valueInteger": 1},
                {"code": {"text": "b"}, "modifierExtension": NOTE},
            ],
        },
    ),
    "parts of data types": (
        of(
            "Observation", status="final", code={"text": "x"},
            valueSampledData={"origin": {"value": 1}, "period": 10, "dimensions": 1, "data": "1 2 3"},
        ),
        {
            "status": "final", "code": {"text": "x"},
            "valueSampledData": {"origin": {"value": 1}, "period": 10, "dimensions": 1},
        },
    ),
    "ValueSet: no compose, no expansion": (
        of(
            "ValueSet", url="http://e.example/v", status="draft", description="x",
            compose={"include": [{"system": "http://e.example/s"}]}, expansion={"timestamp": "2020", "total": 0},
        ),
        {"url": "http://e.example/v", "status": "draft"},
    ),
    "Bundle: resources inside are whole": (
        of("Bundle", type="collection", entry=[{"id": "e", "resource": of("Patient", text=NARRATIVE)}]),
        {"type": "collection", "entry": [{"id": "e", "resource": of("Patient", text=NARRATIVE)}]},
    ),
    "mandatory though not marked": (
        of("Appointment", status="booked", participant=[{"status": "accepted", "period": {"start": "2020"}}]),
        {"status": "booked", "participant": [{"status": "accepted"}]},
    ),
    "what is left empty goes, and the item with it": (
        of(
            "DocumentReference", status="current", content=[{"attachment": ATTACHMENT}],
            context={"id": "c", "sourcePatientInfo": {"display": "x"}},
        ),
        {"status": "current", "content": [{"attachment": ATTACHMENT}]},
    ),
    "what is left empty and mandatory stays whole": (
        of("DocumentReference", status="current", content=[{"attachment": {"data": "eA=="}}]),
        {"status": "current", "content": [{"attachment": {"data": "eA=="}}]},
    ),
    "an attachment goes without its data": (
        of("DocumentReference", status="current", content=[{"attachment": ATTACHMENT | {"data": "eA=="}}]),
        {"status": "current", "content": [{"attachment": ATTACHMENT}]},
    ),
    "Binary goes without its data": (
        of("Binary", contentType="text/plain", data="eA=="),
        {"contentType": "text/plain"},
    ),
    "contained ones that are referred to stay, and those that they refer to": (
        of(
            "Patient",
            contained=[
                {"resourceType": "Practitioner", "id": "gone"},
                {"resourceType": "Organization", "id": "a", "partOf": {"reference": "#b"}},
                {"resourceType": "Organization", "id": "b", "partOf": {"reference": "#a"}},
            ],
            generalPractitioner=[{"reference": "#gone"}],
            managingOrganization={"reference": "#a"},
        ),
        {
            "contained": [
                {"resourceType": "Organization", "id": "a", "partOf": {"reference": "#b"}},
                {"resourceType": "Organization", "id": "b", "partOf": {"reference": "#a"}},
            ],
            "managingOrganization": {"reference": "#a"},
        },
    ),
    "contained ones that are not referred to go": (
        of("Patient", contained=[{"resourceType": "Practitioner", "id": "p"}], generalPractitioner=[LOCAL]),
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("resource", "left"), SUMMARIES.values(), ids=SUMMARIES.keys())
def test_summary(resource: Json, left: Json) -> None:
    found = summary(resource)

    assert found == left
    assert list(found) == [name for name in resource if name in left]


def test_summary_text_leaves_the_narrative_and_mandatory_elements() -> None:
    observation = of(
        "Observation", text=NARRATIVE, status="final", _status={"id": "s"}, code={"text": "x"}, valueInteger=1,
        modifierExtension=NOTE, contained=[{"resourceType": "Patient", "id": "p"}], subject={"reference": "#p"},
    )  # fmt: skip

    assert part(Subset("text"), observation) == {
        "text": NARRATIVE, "status": "final", "_status": {"id": "s"}, "code": {"text": "x"},
    }  # fmt: skip


def test_summary_data_leaves_all_but_the_narrative() -> None:
    patient = of("Patient", text=NARRATIVE, extension=NOTE, contact=[{"name": {"family": "Ng"}}])

    found = part(Subset("data"), patient)

    assert "text" not in found
    assert of("Patient", **found, text=NARRATIVE) == patient


FULL_PATIENT = of(
    "Patient", text=NARRATIVE, extension=NOTE, modifierExtension=NOTE, active=True, name=[{"family": "Ng"}],
    birthDate="1974", _birthDate=UNKNOWN_BIRTH, deceasedBoolean=False, gender="other",
    contained=[{"resourceType": "Organization", "id": "o"}], managingOrganization={"reference": "#o"},
)  # fmt: skip
MODIFIERS = {"modifierExtension", "active", "deceasedBoolean"}


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("name", {"name"}),
        (" name , gender,name", {"name", "gender"}),
        ("birthDate", {"birthDate", "_birthDate"}),
        ("id,meta,active", set()),
        ("text,extension", {"text", "extension"}),
        ("managingOrganization", {"managingOrganization", "contained"}),
        ("contained", {"contained"}),
        ("multipleBirth", set()),
        ("Patient.gender", {"gender"}),
    ],
)
def test_elements_leave_those_asked_for_and_modifiers(asked: str, left: set[str]) -> None:
    found = elements(asked, FULL_PATIENT)

    assert found == {name: value for name, value in FULL_PATIENT.items() if name in left | MODIFIERS}


@pytest.mark.parametrize("name", ["value", "value[x]", "valueQuantity", "valueString", "Observation.value[x]"])
def test_elements_name_a_choice_by_any_of_its_names(name: str) -> None:
    mandatory: Json = {"status": "final", "code": {"text": "x"}}
    observation = of(
        "Observation", **mandatory, issued="2020-01-01T00:00:00Z", valueString="x", _valueString={"id": "v"}
    )

    assert elements(name, observation) == mandatory | {"valueString": "x", "_valueString": {"id": "v"}}


def test_elements_over_several_types() -> None:
    subset = subsets.parse_elements("birthDate,Observation.issued,Practitioner.name", ("Patient", "Observation"))

    assert subset.names == {
        "Patient": {"birthDate"},
        "Observation": {"issued"},
        "Practitioner": {"name"},
    }
    assert part(subset, of("Patient", birthDate="1974", gender="other")) == {"birthDate": "1974"}
    organization = of("Organization", name="x")
    assert subsets.apply(subset, organization) is organization
    assert [subset.covers(type_) for type_ in ("Patient", "Practitioner", "Organization")] == [True, True, False]


def test_elements_over_all_types_are_looked_for_in_each() -> None:
    subset = subsets.parse_elements("birthDate", ())

    assert subset.names.keys() == RESOURCE_TYPES
    assert {type_ for type_, names in subset.names.items() if names} == {
        "Patient",
        "Person",
        "Practitioner",
        "RelatedPerson",
    }


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("brithDate", "brithDate is not an element of Patient; did you mean birthDate?"),
        ("zzzzz", "zzzzz is not an element of Patient"),
        ("name.family", "name.family: only an element of the resource itself can be asked for, here name"),
        ("Patient.name.use", "Patient.name.use: only an element of the resource itself can be asked for, here name"),
        ("Patint.name", "Patint.name: there is no such resource type; did you mean Patient?"),
        ("Observation.birthDate", "Observation.birthDate is not an element of Observation"),
        ("name[x]", "name[x] is not an element of Patient; did you mean name?"),
        ("valueQuantity", "valueQuantity is not an element of Patient"),
        ("_birthDate", "_birthDate is not an element of Patient; did you mean birthDate?"),
        ("", "an empty name"),
        ("resourceType", "resourceType is not an element of Patient"),
        ("$where", "$where is not an element of Patient"),
    ],
)  # fmt: skip
def test_unknown_elements_are_refused_with_what_is_near(asked: str, words: str) -> None:
    with pytest.raises(BadRequest) as raised:
        subsets.parse_elements(f"gender,{asked}", ("Patient",))

    [issue] = raised.value.issues
    assert issue.diagnostics.startswith(f"Parameter _elements: {words}")


def test_every_unknown_element_is_told_and_the_known_ones_can_be_had() -> None:
    subset, issues = subsets.known_elements("gender,x1,Patient.name,x2", ("Patient",))

    assert ["x1" in issue.diagnostics or "x2" in issue.diagnostics for issue in issues] == [True, True]
    assert subset is not None
    assert subset.parameter == ("_elements", "gender,Patient.name")
    assert subsets.known_elements("x1", ("Patient",))[0] is None


def test_too_many_elements_are_refused() -> None:
    with pytest.raises(BadRequest, match="at most 200 names"):
        subsets.parse_elements(",".join(f"x{number}" for number in range(201)), ())


def test_the_values_of_summary() -> None:
    for value in ("true", "text", "data"):
        subset = subsets.parse_summary(value)
        assert isinstance(subset, Subset)
        assert subset.parameter == ("_summary", value)
        assert subset.covers("Patient")
    assert subsets.parse_summary("count") == "count"
    assert subsets.parse_summary("false") is None
    for wrong in ("", "True", "maybe", "true,text"):
        with pytest.raises(BadRequest, match="true, text, data, count or false"):
            subsets.parse_summary(wrong)


def test_tags_are_kept_and_none_is_there_twice() -> None:
    tags = [{"system": "http://e.example", "code": "SUBSETTED"}]
    once = subsets.tagged(of("Patient") | {"meta": META | {"tag": tags}})

    assert once["meta"]["tag"] == [*tags, TAG]
    assert len(tags) == 1
    assert subsets.tagged(once) is once
    assert list(subsets.tagged({"resourceType": "Patient", "id": "1", "active": True})) == [
        "resourceType", "id", "meta", "active",
    ]  # fmt: skip


def test_digits_are_kept() -> None:
    text = (
        b'{"resourceType":"Observation","id":"1","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}'
    )

    found = subsets.apply(Subset("true"), json_codec.decode(text))

    assert found["valueQuantity"]["value"] == Decimal("1.50")
    assert b'"valueQuantity":{"value":1.50}' in json_codec.encode(found)


def test_a_part_is_no_whole() -> None:
    subsets.check_whole(PATIENT)
    with pytest.raises(Unprocessable, match="SUBSETTED") as raised:
        subsets.check_whole(subsets.apply(Subset("data"), PATIENT))
    assert raised.value.issues[0].expression == f"Patient.meta.tag[{len(PATIENT.get('meta', {}).get('tag', ()))}]"


@pytest.mark.parametrize("resource", [PATIENT, OBSERVATION, BUNDLE], ids=lambda each: each["resourceType"])
@pytest.mark.parametrize("kind", ["true", "text", "data"])
def test_parts_of_valid_resources_are_valid(resource: Json, kind: Any) -> None:
    assert validation.validate(subsets.apply(Subset(kind), resource)) == []
