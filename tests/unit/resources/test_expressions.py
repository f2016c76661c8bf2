"""Each form of expression finds the values that FHIRPath finds, and nothing that is not understood is let through."""

from __future__ import annotations

from typing import Any

import pytest

from resources import expressions, steps
from resources.parameters import BASE, WORDS, SearchParameter
from resources.registry import RESOURCE_TYPES
from resources.steps import (
    As,
    Child,
    Item,
    OversizedExpressionError,
    Resolves,
    Truth,
    UnsupportedExpressionError,
    Where,
)


def values(type_: str, expression: str, resource: dict[str, Any]) -> list[Any]:
    """What an extractor of one parameter finds."""
    parameter = SearchParameter("x", "http://x", "x", "string", (type_,), expression)
    found: list[Any] = []
    run = expressions.extractor(type_, [parameter], lambda _leaf: lambda sink, value: sink.append(value))
    run({"resourceType": type_, **resource}, found)
    return found


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        ("Patient.name.family", (Child("Patient"), Child("name"), Child("family"))),
        ("(A.value as Quantity)", (Child("A"), Child("value"), As("Quantity"))),
        ("A.value.as(DateTime)", (Child("A"), Child("value"), As("dateTime"))),
        ("A.entry[0].resource", (Child("A"), Child("entry"), Item(0), Child("resource"))),
        ("A.telecom.where(system='phone')", (Child("A"), Child("telecom"), Where("system", "phone"))),
        ("A.x.where(resolve() is Patient)", (Child("A"), Child("x"), Resolves("Patient"))),
        ("A.x.exists() and A.x != false", (Child("A"), Child("x"), Truth())),
    ],
)
def test_an_expression_is_a_path(expression: str, path: tuple[object, ...]) -> None:
    assert steps.parse(expression) == (path,)


def test_a_union_is_several_paths() -> None:
    assert len(steps.parse("A.b | (A.c as Period) | (A.d | A.e).f")) == 4


@pytest.mark.parametrize(
    "expression", ["", "A.", "A.b.first()", "A.b.where(c > 1)", "A.b and A.c", "A.b.where(c='d'", "A..b", "A.b[c]"]
)
def test_what_is_outside_of_the_subset_is_refused(expression: str) -> None:
    with pytest.raises(UnsupportedExpressionError):
        steps.parse(expression)


@pytest.mark.parametrize(
    "expression", ["(" * 21 + "A.b" + ")" * 21, "A" + ".b" * 20, "A.b | " * 1_000 + "A.b", "(" * 2_000]
)
def test_what_is_too_large_is_refused(expression: str) -> None:
    with pytest.raises(OversizedExpressionError):
        steps.parse(expression)


def test_what_is_as_large_as_can_be_is_compiled() -> None:
    deep = "(" * 20 + "Patient" + ".extension" * 18 + ".url" + ")" * 20
    assert values("Patient", deep, {}) == []
    assert steps.parse("A.where(b='((((((((((((((((((((((')") == ((Child("A"), Where("b", "(" * 22)),)


def test_only_a_component_names_the_resource() -> None:
    with pytest.raises(UnsupportedExpressionError, match="%resource"):
        values("Patient", "%resource.name", {})


def test_an_element_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnsupportedExpressionError, match="no element nose"):
        values("Patient", "Patient.nose", {})


@pytest.mark.parametrize(
    ("type_", "expression", "resource", "found"),
    [
        ("Patient", "Patient.name.given", {"name": [{"given": ["A", None, "B"]}, {"family": "F"}]}, ["A", "B"]),
        ("Patient", "Patient.name.given", {}, []),
        ("Patient", "name.family", {"name": [{"family": "F"}]}, ["F"]),
        ("Patient", "Practitioner.name | Patient.gender", {"gender": "male"}, ["male"]),
        ("Observation", "Observation.value", {"valueString": "s"}, ["s"]),
        ("Observation", "(Observation.value as string)", {"valueBoolean": True}, []),
        ("Observation", "Observation.value.as(string)", {"valueString": "s"}, ["s"]),
        ("Patient", "Patient.active", {"active": False}, [False]),
        (
            "Patient",
            "Patient.telecom.where(system='phone').value",
            {"telecom": [{"system": "phone", "value": "1"}, {"system": "fax", "value": "2"}, {"value": "3"}]},
            ["1"],
        ),
        ("Bundle", "Bundle.entry[0].fullUrl", {"entry": [{"fullUrl": "a"}, {"fullUrl": "b"}]}, ["a"]),
        ("Bundle", "Bundle.entry[1].fullUrl", {"entry": [{"fullUrl": "a"}]}, []),
        ("Patient", "Resource.meta.source", {"meta": {"source": "s"}}, ["s"]),
    ],
)
def test_values_are_found(type_: str, expression: str, resource: dict[str, Any], found: list[Any]) -> None:
    assert values(type_, expression, resource) == found


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ({"reference": "Patient/1"}, True),
        ({"reference": "http://x.example/fhir/Patient/1"}, True),
        ({"reference": "Group/1"}, False),
        ({"reference": "urn:uuid:1", "type": "Patient"}, True),
        ({"display": "x"}, False),
    ],
)
def test_resolve_is_judged_by_the_reference(reference: dict[str, Any], found: bool) -> None:
    held = values("Flag", "Flag.subject.where(resolve() is Patient)", {"subject": reference})
    assert bool(held) == found


@pytest.mark.parametrize(
    ("resource", "found"),
    [
        ({}, False),
        ({"deceasedBoolean": False}, False),
        ({"deceasedBoolean": True}, True),
        ({"deceasedDateTime": "2020"}, True),
    ],
)
def test_deceased_is_false_when_absent(resource: dict[str, Any], found: bool) -> None:
    assert values("Patient", "Patient.deceased.exists() and Patient.deceased != false", resource) == [found]


def test_every_parameter_of_every_type_compiles_and_leads_somewhere() -> None:
    for type_ in RESOURCE_TYPES:
        for parameter in BASE.searchable(type_):
            assert expressions.leaves(type_, parameter) or parameter.code in WORDS, parameter.id
