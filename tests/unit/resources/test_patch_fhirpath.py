import time
from copy import deepcopy
from typing import Any

import pytest

from resources import json_codec, patch_fhirpath
from resources.outcome import BadRequest, Unprocessable

Json = dict[str, Any]
PATIENT: Json = {
    "resourceType": "Patient",
    "active": True,
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "http://example.org/time", "valueDateTime": "1974-12-25T14:35:45Z"}]},
    "identifier": [{"system": "a", "value": "1"}, {"system": "b", "value": "2"}, {"system": "c", "value": "3"}],
    "name": [
        {"use": "official", "given": ["Peter", "James", "J."], "_given": [None, {"id": "g"}, None]},
        {"use": "usual", "text": "Jim (and so on)"},
    ],
    "deceasedBoolean": False,
}  # fmt: skip


def part(name: str, **members: Any) -> Json:
    return {"name": name, **members}


def op(type_: str, path: str, *parts: Json, **named: Any) -> Json:
    """An operation; `named` are its value (a dict of the value part's members), name, index, source, destination."""
    listed = [part("type", valueCode=type_), part("path", valueString=path), *parts]
    for name, value in named.items():
        if name == "value":
            listed.append(part("value", **value))
        else:
            listed.append(part(name, **{"valueString" if isinstance(value, str) else "valueInteger": value}))
    return part("operation", part=listed)


def patched(*operations: Json, document: Json = PATIENT) -> Json:
    before = deepcopy(document)
    try:
        return patch_fhirpath.apply(document, {"resourceType": "Parameters", "parameter": list(operations)})
    finally:
        assert document == before, "the argument was changed"


def test_add_a_single_element() -> None:
    assert patched(op("add", "Patient", name="gender", value={"valueCode": "male"}))["gender"] == "male"


def test_add_to_a_list_appends() -> None:
    value = {"valueIdentifier": {"system": "d"}}
    assert patched(op("add", "Patient", name="identifier", value=value))["identifier"][3] == {"system": "d"}


def test_add_starts_a_list() -> None:
    result = patched(op("add", "Patient.name[1]", name="given", value={"valueString": "Jim"}))
    assert result["name"][1]["given"] == ["Jim"]


def test_add_of_a_single_element_that_is_there_is_refused() -> None:
    with pytest.raises(Unprocessable, match="is there already"):
        patched(op("add", "Patient", name="birthDate", value={"valueDate": "2000-01-01"}))
    with pytest.raises(Unprocessable, match="is there already"):
        patched(op("add", "Patient", name="deceased", value={"valueDateTime": "2000-01-01"}))


def test_add_a_backbone_element_in_parts() -> None:
    contact = part(
        "value",
        part=[
            part("name", valueHumanName={"text": "a name"}),
            part("telecom", valueContactPoint={"system": "phone", "value": "1"}),
            part("telecom", valueContactPoint={"system": "phone", "value": "2"}),
        ],
    )
    assert patched(op("add", "Patient", contact, name="contact"))["contact"] == [
        {
            "name": {"text": "a name"},
            "telecom": [{"system": "phone", "value": "1"}, {"system": "phone", "value": "2"}],
        }
    ]


def test_add_parts_within_parts_and_choices_in_them() -> None:
    questionnaire = {"resourceType": "Questionnaire", "status": "draft"}
    item = part(
        "value",
        part=[
            part("linkId", valueString="1"),
            part("item", part=[part("linkId", valueString="1.1"),
                               part("initial", part=[part("value[x]", valueDecimal=json_codec.decode(b"1.50"))])]),
        ],
    )  # fmt: skip
    result = patched(op("add", "Questionnaire", item, name="item"), document=questionnaire)
    expected = b'[{"linkId":"1","item":[{"linkId":"1.1","initial":[{"valueDecimal":1.50}]}]}]'
    assert json_codec.encode(result["item"]) == expected


def test_add_an_extension_to_a_primitive() -> None:
    extension = {"valueExtension": {"url": "u", "valueBoolean": True}}
    result = patched(op("add", "Patient.active", name="extension", value=extension))
    assert result["_active"] == {"extension": [{"url": "u", "valueBoolean": True}]}
    result = patched(op("add", "Patient.name[0].given[2]", name="extension", value=extension))
    assert result["name"][0]["_given"] == [None, {"id": "g"}, {"extension": [extension["valueExtension"]]}]


def test_a_contained_resource_is_added_as_a_resource() -> None:
    value = {"resource": {"resourceType": "Basic", "id": "b"}}
    assert patched(op("add", "Patient", name="contained", value=value))["contained"] == [value["resource"]]
    with pytest.raises(Unprocessable, match="does not take a resource"):
        patched(op("add", "Patient", name="photo", value=value))


@pytest.mark.parametrize(("index", "systems"), [(0, "xabc"), (2, "abxc"), (3, "abcx")])
def test_insert(index: int, systems: str) -> None:
    value = {"valueIdentifier": {"system": "x"}}
    result = patched(op("insert", "Patient.identifier", index=index, value=value))
    assert "".join(identifier["system"] for identifier in result["identifier"]) == systems


def test_insert_keeps_primitives_and_their_extensions_aligned() -> None:
    value = {"valueString": "X", "_valueString": {"id": "x"}}
    name = patched(op("insert", "Patient.name[0].given", index=1, value=value))["name"][0]
    assert name["given"] == ["Peter", "X", "James", "J."]
    assert name["_given"] == [None, {"id": "x"}, {"id": "g"}, None]


def test_insert_beyond_the_end_is_refused() -> None:
    with pytest.raises(Unprocessable, match="index 4 is beyond"):
        patched(op("insert", "Patient.identifier", index=4, value={"valueIdentifier": {"system": "x"}}))


def test_insert_needs_a_list() -> None:
    with pytest.raises(Unprocessable, match="does not repeat"):
        patched(op("insert", "Patient.birthDate", index=0, value={"valueDate": "2000-01-01"}))
    with pytest.raises(Unprocessable, match="name of the list"):
        patched(op("insert", "Patient.identifier[0]", index=0, value={"valueIdentifier": {"system": "x"}}))
    with pytest.raises(Unprocessable, match="in 2 elements"):
        patched(op("insert", "Patient.name.given", index=0, value={"valueString": "x"}))


def test_delete() -> None:
    result = patched(op("delete", "Patient.birthDate"))
    assert "birthDate" not in result
    assert "_birthDate" not in result


def test_delete_of_what_is_not_there_changes_nothing() -> None:
    assert patched(op("delete", "Patient.maritalStatus"), op("delete", "Patient.name[5].given[1]")) == PATIENT


def test_delete_of_several_is_refused() -> None:
    with pytest.raises(Unprocessable, match="finds 3 elements"):
        patched(op("delete", "Patient.identifier"))


def test_delete_from_a_list_keeps_the_rest_aligned() -> None:
    name = patched(op("delete", "Patient.name[0].given.first()"))["name"][0]
    assert (name["given"], name["_given"]) == (["James", "J."], [{"id": "g"}, None])
    name = patched(op("delete", "Patient.name[0].given[1]"))["name"][0]
    assert name["given"] == ["Peter", "J."]
    assert "_given" not in name


def test_nothing_empty_is_left_behind() -> None:
    result = patched(op("delete", "Patient.birthDate.extension('http://example.org/time')"))
    assert result["birthDate"] == "1974-12-25"
    assert "_birthDate" not in result
    document = {"resourceType": "Patient", "contact": [{"name": {"text": "x"}}], "maritalStatus": {"text": "y"}}
    result = patched(
        op("delete", "Patient.contact.name.text"), op("delete", "Patient.maritalStatus.text"), document=document
    )
    assert result == {"resourceType": "Patient"}


def test_a_primitive_that_has_only_an_extension_goes_with_it() -> None:
    document = {"resourceType": "Patient", "_birthDate": {"extension": [{"url": "u", "valueCode": "unknown"}]}}
    assert patched(op("delete", "Patient.birthDate.extension[0]"), document=document) == {"resourceType": "Patient"}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("Patient.birthDate", {"valueDate": "1930-01-01"}, ("birthDate", "1930-01-01")),
        ("Patient.deceased", {"valueDateTime": "2020-02-02"}, ("deceasedDateTime", "2020-02-02")),
        ("Patient.deceased.ofType(boolean)", {"valueBoolean": True}, ("deceasedBoolean", True)),
        ("active", {"valueBoolean": False}, ("active", False)),
        ("%resource.active", {"valueBoolean": False}, ("active", False)),
    ],
)
def test_replace(path: str, value: Json, expected: tuple[str, Any]) -> None:
    result = patched(op("replace", path, value=value))
    assert result[expected[0]] == expected[1]


def test_replace_of_a_choice_renames_its_member() -> None:
    result = patched(op("replace", "Patient.deceased", value={"valueDateTime": "2020-02-02"}))
    assert "deceasedBoolean" not in result


def test_replace_drops_the_extensions_of_the_old_value() -> None:
    assert "_birthDate" not in patched(op("replace", "Patient.birthDate", value={"valueDate": "1930-01-01"}))


@pytest.mark.parametrize(
    "path",
    [
        "Patient.name.where(use = 'usual').text",
        "Patient.name.where(use='usual' and text='Jim (and so on)').text",
        "Patient.name.where(use != 'official').text",
        "Patient.name.where(  use='usual'\tand  text  =  'Jim (and so on)'  ).text",
        "Patient.where(name.where(use='usual' and text != 'x').text = 'Jim (and so on)').name.last().text",
        "Patient.name.last().text",
        "Patient.name[1].text",
        "Patient.name.single().where(use='usual').text",
        "name.where($this.use = 'usual').`text`",
    ],
)
def test_paths_that_find_one_element(path: str) -> None:
    document = deepcopy(PATIENT)
    if "single" in path:
        del document["name"][0]
    result = patched(op("replace", path, value={"valueString": "Jimmy"}), document=document)
    assert result["name"][-1] == {"use": "usual", "text": "Jimmy"}


def test_where_compares_numbers_by_value_and_booleans_as_such() -> None:
    components = b'[{"valueQuantity":{"value":1.50}},{"valueBoolean":true},{"valueInteger":1}]'
    document = json_codec.decode(b'{"resourceType":"Observation","component":' + components + b"}")
    operation = op("add", "Observation.component.where(value.value = 1.5)", name="id", value={"valueString": "a"})
    assert patched(operation, document=document)["component"][0]["id"] == "a"
    operation = op("add", "Observation.component.where(value = true)", name="id", value={"valueString": "b"})
    assert patched(operation, document=document)["component"][1]["id"] == "b"


def test_quotes_are_escaped_in_strings() -> None:
    document = {"resourceType": "Patient", "name": [{"text": "O'Hara\\"}, {"text": "x"}]}
    result = patched(op("delete", r"Patient.name.where(text = 'O\'Hara\\')"), document=document)
    assert result["name"] == [{"text": "x"}]


def test_extension_of_extension() -> None:
    document = {
        "resourceType": "Patient",
        "extension": [{"url": "a", "extension": [{"url": "b", "valueString": "1"}]}, {"url": "c", "valueString": "2"}],
    }
    operation = op("replace", "Patient.extension('a').extension('b').value", value={"valueInteger": 5})
    assert patched(operation, document=document)["extension"][0] == {
        "url": "a", "extension": [{"url": "b", "valueInteger": 5}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "destination", "systems"), [(2, 0, "cab"), (0, 2, "bca"), (1, 1, "abc"), (0, 1, "bac")]
)
def test_move(source: int, destination: int, systems: str) -> None:
    result = patched(op("move", "Patient.identifier", source=source, destination=destination))
    assert "".join(identifier["system"] for identifier in result["identifier"]) == systems


def test_move_carries_extensions_along() -> None:
    name = patched(op("move", "Patient.name[0].given", source=1, destination=2))["name"][0]
    assert (name["given"], name["_given"]) == (["Peter", "J.", "James"], [None, None, {"id": "g"}])


def test_move_beyond_the_end_is_refused() -> None:
    with pytest.raises(Unprocessable, match="there are 3 elements"):
        patched(op("move", "Patient.identifier", source=0, destination=3))


def test_resources_inside_a_bundle_are_reached() -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "active": True}}]}
    operation = op("replace", "Bundle.entry[0].resource.active", value={"valueBoolean": False})
    assert patched(operation, document=bundle)["entry"][0]["resource"]["active"] is False


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (op("replace", "Patient.gender", value={"valueCode": "x"}), "finds 0 elements"),
        (op("replace", "Patient", value={"valueCode": "x"}), "resource itself"),
        (op("delete", "Patient"), "resource itself"),
        (op("replace", "Patient.colour", value={"valueCode": "x"}), "no element colour"),
        (op("add", "Patient", name="deceased", value={"valueString": "x"}), "does not take a valueString"),
        (op("add", "Patient", name="photo", value={"valueString": "x"}), "does not take a valueString"),
        (op("add", "Patient", name="gender", value={}), "exactly one"),
        (op("add", "Patient", name="gender", value={"valueCode": "x", "valueString": "x"}), "exactly one"),
        (op("add", "Patient", name="maritalStatus", value={"valueCodeableConcept": "x"}), "not what its type says"),
        (op("add", "Patient", name="gender", value={"part": [part("a", valueCode="x")]}), "cannot be made of parts"),
        (op("delete", "Patient.name.single()"), "finds 2 elements"),
    ],
)
def test_what_does_not_fit_names_operation_and_path(operation: Json, words: str) -> None:
    with pytest.raises(Unprocessable, match=words) as caught:
        patched(op("delete", "Patient.maritalStatus"), operation)
    assert caught.value.issues[0].diagnostics.startswith("Operation 1 of the patch (")
    assert caught.value.issues[0].expression == "Parameters.parameter[1]"


@pytest.mark.parametrize(
    "path",
    ["", " ", ".", "Patient.", "Patient..name", "Patient name", "Patient.name[x]", "Patient.name.where(", "[0]",
     "Patient.name.where(use)", "Patient.name.where(use = 'a' or use = 'b')", "Patient.name.where(text.matches('x'))",
     "Patient.name.skip(1)", "Patient.name | Patient.contact", "Patient.extension(url)", "Patient.name.first(1)",
     "Patient.name.where(%resource.active = true)", "Patient.%resource", "Patient.name.where(use = 'a)", "x" * 1001,
     "Patient.name.where(use = 'a' and )", "Patient.name.where( = 'a')", "Patient.name.where(use = 'a' = 'a')",
     f"Patient.name.where({' and '.join(['use=1'] * 21)})", f"Patient{'.where(name' * 4}{' = 1)' * 4}.name"],
)  # fmt: skip
def test_paths_outside_of_the_subset_are_refused(path: str) -> None:
    with pytest.raises(BadRequest) as caught:
        patched(op("delete", path))
    assert caught.value.issues[0].expression == "Parameters.parameter[0]"


def test_all_faults_of_a_malformed_patch_are_named() -> None:
    with pytest.raises(BadRequest) as caught:
        patched(
            op("add", "Patient"),
            op("copy", "Patient.name"),
            part("operation"),
            part("other", part=op("delete", "Patient.name")["part"]),
            op("move", "Patient.name", source=-1, destination="x"),
            op("delete", "Patient.name", part("path", valueString="Patient.name")),
            op("delete", "Patient.birthDate"),
        )
    assert [issue.expression for issue in caught.value.issues] == [
        f"Parameters.parameter[{index}]" for index in (0, 0, 1, 2, 3, 4, 4, 5)
    ]


@pytest.mark.parametrize("parameters", [{}, [], None, {"resourceType": "Parameters"}, {"parameter": []}])
def test_a_patch_is_a_parameters_resource(parameters: Any) -> None:
    with pytest.raises(BadRequest, match="Parameters"):
        patch_fhirpath.apply(PATIENT, parameters)


def test_operations_are_bounded() -> None:
    with pytest.raises(BadRequest, match="at most 1000"):
        patched(*[op("delete", "Patient.active")] * 1001)


def test_nesting_stays_within_the_limit_of_json() -> None:
    value: Json = {"valueExtension": {"url": "u"}}
    inner = value["valueExtension"]
    for _ in range(48):
        inner["extension"] = [{"url": "u"}]
        inner = inner["extension"][0]
    with pytest.raises(Unprocessable, match="levels deep"):
        patched(
            op("add", "Patient", name="extension", value=value),
            op("add", "Patient" + ".extension[0]" * 49, name="extension", value=value),
        )


@pytest.mark.parametrize(
    "criteria", [" " * 900 + "x", " " * 450 + "=" + " " * 450 + "x", " a and" * 140, "\\'" * 450, "'" + "\\'" * 440]
)
def test_a_path_is_read_in_no_time(criteria: str) -> None:
    operations = [op("delete", f"Patient.name.where({criteria})")] * 100
    start = time.process_time()
    with pytest.raises(BadRequest):
        patched(*operations)
    assert time.process_time() - start < 1


def test_too_much_work_is_refused_before_it_is_done() -> None:
    names = [{"given": ["a"] * 1000}] * 20
    criteria = " and ".join(["$this != 'b'"] * 19)
    path = f"Patient.name.given.where({criteria}).where($this = 'c')"
    start = time.process_time()
    with pytest.raises(Unprocessable, match="too much work") as caught:
        patched(*[op("delete", path)] * 10, document={"resourceType": "Patient", "name": names})
    assert time.process_time() - start < 5
    assert [issue.code for issue in caught.value.issues] == ["too-costly"]
