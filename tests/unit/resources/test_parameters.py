"""Every one of HL7's parameters is either answered or listed here with the reason why not."""

from __future__ import annotations

from operator import attrgetter

import pytest

from resources import expressions
from resources.parameters import BASE, SEARCHABLE_TYPES, SearchParameter, united

NOT_ANSWERED = {
    "Resource-content": "off unless a setting switches it on",
    "Resource-query": "named queries",
}


def test_all_of_hl7s_parameters_are_there() -> None:
    assert len(BASE.all) == 1375


def test_what_is_not_answered_is_listed() -> None:
    refused = [parameter for parameter in BASE.all if not parameter.searchable]
    assert {parameter.type for parameter in BASE.all} == SEARCHABLE_TYPES
    assert {parameter.id for parameter in refused} == set(NOT_ANSWERED)


def test_parameters_of_resource_belong_to_every_type() -> None:
    for code in ("_id", "_lastUpdated", "_profile", "_security", "_source", "_tag"):
        assert BASE.get("Binary", code) is BASE.get("Patient", code)
        assert BASE.get("Binary", code) in BASE.searchable("Binary")


def test_narrative_belongs_to_domain_resources_only() -> None:
    assert BASE.get("Patient", "_text") is not None
    assert BASE.get("Bundle", "_text") is None


def test_a_shared_parameter_belongs_to_its_bases_only() -> None:
    clinical = BASE.get("Observation", "code")
    assert clinical is not None
    assert clinical.id == "clinical-code"
    assert BASE.get("Patient", "code") is None


@pytest.mark.parametrize("parameter", [one for one in BASE.all if united(one) != (one,)], ids=attrgetter("code"))
def test_a_united_parameter_has_the_values_of_its_parts(parameter: SearchParameter) -> None:
    def places(some: SearchParameter) -> set[tuple[object, ...]]:
        return {(leaf.path, leaf.element_type) for leaf in expressions.leaves("Observation", some)}

    parts = united(parameter)
    assert places(parameter) == set().union(*map(places, parts))
    assert sum(len(places(part)) for part in parts) == len(places(parameter))
    kinds = {(part.type, tuple((one.expression, one.parameter.type) for one in part.components)) for part in parts}
    assert kinds == {(parameter.type, tuple((one.expression, one.parameter.type) for one in parameter.components))}


def test_five_parameters_are_united() -> None:
    assert len([parameter for parameter in BASE.all if united(parameter) != (parameter,)]) == 5


def test_searchable_is_sorted_by_code() -> None:
    codes = [parameter.code for parameter in BASE.searchable("Patient")]
    assert codes == sorted(codes)
    assert "family" in codes
    assert "phonetic" in codes
