"""Whatever a patch says, it applies or is refused, and the resource that it was given stays as it was."""

from contextlib import suppress
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from resources import json_codec, patch_fhirpath, patch_json
from resources.outcome import FhirError

Json = dict[str, Any]
PATIENT: Json = {
    "resourceType": "Patient",
    "active": True,
    "_birthDate": {"id": "b"},
    "name": [{"given": ["a", None, "c"], "_given": [None, {"id": "x"}, None]}, {"text": "t"}],
    "contact": [{"name": {"text": "n"}, "extension": [{"url": "u", "valueString": "s"}]}],
    "deceasedBoolean": False,
}
scalars = st.none() | st.booleans() | st.integers(-2, 5) | st.sampled_from(["", "a", "active", "-", "/name", "~"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
tokens = st.sampled_from(["", "name", "0", "1", "-", "given", "_given", "active", "a", "~0", "01", "contact", "x"])
pointers = st.lists(tokens, max_size=5).map(lambda chosen: "".join(f"/{token}" for token in chosen))
json_operations = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": pointers},
    optional={"from": pointers, "value": values},
)

names = st.sampled_from(
    ["active", "birthDate", "name", "given", "contact", "deceased", "deceasedBoolean", "extension", "id", "text",
     "value", "contained", "resource", "unheardOf"]
)  # fmt: skip
steps = names | st.sampled_from(
    ["first()", "last()", "single()", "where(id = 'x')", "where(text = 't')", "extension('u')", "ofType(boolean)",
     "where($this = 'a')", "where(given.first() = 'a')", "where(", "skip(1)", "as(string)"]
)  # fmt: skip
paths = st.lists(st.tuples(steps, st.sampled_from(["", "", "[0]", "[1]", "[9]"])), max_size=4).map(
    lambda chosen: ".".join(["Patient", *(step + index for step, index in chosen)])
)
simple = st.fixed_dictionaries(
    {"name": st.just("value")},
    optional={
        "valueString": values, "valueBoolean": values, "valueDate": st.just("2000"), "_valueString": values,
        "valueHumanName": st.fixed_dictionaries({}, optional={"given": values, "text": values}),
        "valueExtension": st.just({"url": "u"}), "resource": values,
    },
)  # fmt: skip
parts = st.recursive(
    simple,
    lambda inner: st.fixed_dictionaries(
        {"name": names | values}, optional={"part": st.lists(inner, max_size=3) | values}
    ),
    max_leaves=4,
)


@st.composite
def fhirpath_operations(draw: st.DrawFn) -> Json:
    chosen: list[Any] = [
        {"name": "type", "valueCode": draw(st.sampled_from(["add", "insert", "delete", "replace", "move"]))},
        {"name": "path", "valueString": draw(paths)},
        {"name": "name", "valueString": draw(names)},
        {**draw(parts), "name": "value"},
        *({"name": name, "valueInteger": draw(st.integers(0, 3))} for name in ("index", "source", "destination")),
    ]
    if draw(st.integers(0, 9)) == 0:
        chosen[draw(st.integers(0, len(chosen) - 1))] = draw(values)
    return {"name": "operation", "part": chosen}


@settings(max_examples=300, deadline=None)
@given(st.lists(json_operations, max_size=5) | st.lists(values, max_size=2) | values)
def test_json_patches_apply_or_are_refused(operations: Any) -> None:
    document, asked = deepcopy(PATIENT), deepcopy(operations)
    with suppress(FhirError):
        json_codec.encode(patch_json.apply(document, operations))
    assert (document, operations) == (PATIENT, asked)


@settings(max_examples=300, deadline=None)
@given(st.lists(fhirpath_operations(), min_size=1, max_size=4))
def test_fhirpath_patches_apply_or_are_refused(operations: list[Json]) -> None:
    document, asked = deepcopy(PATIENT), deepcopy(operations)
    with suppress(FhirError):
        patched = patch_fhirpath.apply(document, {"resourceType": "Parameters", "parameter": operations})
        assert patched["resourceType"] == "Patient"
        json_codec.encode(patched)
    assert (document, operations) == (PATIENT, asked)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["insert", "insertExtended", "delete", "move"]).flatmap(
            lambda type_: st.tuples(st.just(type_), st.integers(0, 3), st.integers(0, 3))
        ),
        max_size=6,
    )
)
def test_lists_of_primitives_stay_aligned(chosen: list[tuple[str, int, int]]) -> None:
    """Every insert, delete and move treats the two halves of the array as one list of pairs."""
    document = deepcopy(PATIENT)
    expected: list[tuple[Any, Any]] = [("a", None), (None, {"id": "x"}), ("c", None)]
    for type_, index, target in chosen:
        extra = {"id": "e"} if type_ == "insertExtended" else None
        kind = type_.removesuffix("Extended")
        path = f"Patient.name[0].given[{index}]" if kind == "delete" else "Patient.name[0].given"
        listed: list[Json] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
        value = {"name": "value", "valueString": "v"} | ({"_valueString": extra} if extra else {})
        listed += [value, *({"name": name, "valueInteger": index} for name in ("index", "source"))]
        listed += [{"name": "destination", "valueInteger": target}]
        parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": listed}]}
        try:
            document = patch_fhirpath.apply(document, parameters)
        except FhirError:
            assert index > len(expected) - (kind != "insert") or target >= len(expected) or not expected
            continue
        if kind == "insert":
            expected.insert(index, ("v", extra))
        elif kind == "move":
            expected.insert(target, expected.pop(index))
        elif index < len(expected):
            del expected[index]
        name = document["name"][0] if expected else {}
        if expected:
            given_, extras = name.get("given", [None] * len(expected)), name.get("_given", [None] * len(expected))
            assert list(zip(given_, extras, strict=True)) == expected
        else:
            break
