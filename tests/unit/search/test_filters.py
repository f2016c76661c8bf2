"""What `_filter` means, and what of it is refused; by https://hl7.org/fhir/R4/search_filter.html."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.search import grammar
from fhir_server.search.extract import extract
from fhir_server.search.match import matches
from fhir_server.search.tree import All, Any_, Chain, Not, StartsWith
from resources.outcome import BadRequest
from resources.parameters import BASE

Json = dict[str, Any]

BASE_URL = "http://here.example/fhir"
LOINC = "http://loinc.org"


def tree(type_: str | None, *pairs: tuple[str, str]) -> Any:
    query = grammar.parse(
        type_, pairs, parameters=BASE, base_url=BASE_URL, strict=None, default_count=20, max_count=100, now_ms=0
    )
    return query.tree


def finds(text: str, resource: Json) -> bool:
    type_ = resource["resourceType"]
    extracted = extract({"id": "1", **resource}, BASE_URL)
    return matches(tree(type_, ("_filter", text)), extracted, type_=type_, id_="1", updated=1_700_000_000_000_000)


PETER = {
    "resourceType": "Patient",
    "name": [{"family": "van der Berg", "given": ["Peter", "Jan"]}],
    "gender": "male",
    "birthDate": "2015-03-01",
    "active": True,
    "generalPractitioner": [{"reference": "Practitioner/7"}],
}
OBSERVED = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": LOINC, "code": "1234-5"}, {"code": "a,b|c"}]},
    "subject": {"reference": "Patient/1"},
    "effectivePeriod": {"start": "2020-01-10", "end": "2020-01-20"},
    "valueQuantity": {"value": 6, "unit": "mg"},
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('given eq "peter"', True),
        ("given eq PETER", True),
        ("given eq pete", False),
        ("given sw pete", True),
        ("given co ete", True),
        ("given sw ete", False),
        ('family eq "van der berg"', True),
        ('family eq "van der"', False),
        ('given eq "peter" and birthdate ge 2014-10-10', True),
        ('given eq "peter" and birthdate lt 2014-10-10', False),
        ("given eq x or birthdate eq 2015", True),
        ("not (given eq x)", True),
        ("not(given eq peter)", False),
        ("given eq peter and not (gender eq female or active eq false)", True),
        # from left to right: (true or true) and false
        ("given eq peter or gender eq male and active eq false", False),
        ("given eq peter or (gender eq male and active eq false)", True),
        ("gender ne female", True),
        ("gender ne male", False),
        ("death-date pr false", True),
        ("death-date pr true", False),
        ("birthdate pr true", True),
        ("birthdate ne 2015", False),
        ("birthdate ne 2016", True),
        ("birthdate ap 2015-03-01", True),
        ("birthdate sa 2014", True),
        ("birthdate eb 2014", False),
        ("birthdate po 2015-03", True),
        ("birthdate po 2015-04", False),
        ("general-practitioner re Practitioner/7", True),
        ("general-practitioner re http://here.example/fhir/Practitioner/7", True),
        ("general-practitioner re Practitioner/8", False),
        ("_id eq 1", True),
        ("_lastUpdated gt 2020", True),
        ("(((given eq peter)))", True),
    ],
)
def test_a_patient(text: str, found: bool) -> None:
    assert finds(text, PETER) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"code eq {LOINC}|1234-5", True),
        ("code eq 1234-5", True),
        ("code eq http://other|1234-5", False),
        ('code eq "1234-5"', True),
        (r'code eq "a,b\\|c"', True),
        ('code eq "1234-5,other"', False),  # one code with a comma
        ("date po 2020-01-15", True),
        ("date po 2020-01-15T12:00:00Z", True),
        ("date po 2020", True),
        ("date po 2020-01-21", False),
        ("date eq 2020-01", True),
        ("date eq 2020-01-15", False),
        ("value-quantity gt 5", True),
        ("value-quantity gt 5||mg", True),
        ("value-quantity gt 5||g", False),
        ("code-value-quantity eq 1234-5$gt5", True),
        ("code-value-quantity eq 1234-5$gt7", False),
        ("combo-code eq 1234-5", True),
    ],
)
def test_an_observation(text: str, found: bool) -> None:
    assert finds(text, OBSERVED) is found


def test_paths_follow_references() -> None:
    found = tree("Observation", ("_filter", 'subject:Patient.name co "pet" and status eq final'))
    assert isinstance(found, All)
    assert isinstance(found.parts[0], Chain)
    assert isinstance(tree("Observation", ("_filter", "subject:Patient.birthdate pr false")), Not)
    equal = tree("Patient", ("_filter", "organization.name eq north"))
    assert equal == Chain("Patient.organization", "Organization", StartsWith("Organization.name|north|"), many=False)
    untyped = tree("Observation", ("_filter", "performer.name eq north"))
    assert isinstance(untyped, Any_)


def test_with_other_parameters_and_types() -> None:
    both = tree("Patient", ("_filter", "gender eq male"), ("active", "true"))
    assert isinstance(both, All)
    assert tree(None, ("_type", "Patient,Practitioner"), ("_filter", "family sw a"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("given", "at its end: an operator is expected"),
        ("given eq", "at its end: a value is expected"),
        ("given is peter", "at character 7 ('is peter'): an operator is expected"),
        ("given eq peter and", "at its end: the name of a search parameter"),
        ("given eq peter gender eq male", "at character 16"),
        ("(given eq peter", "at its end: ) is expected"),
        ("given eq peter)", "at character 15"),
        ("not given eq peter", "an operator is expected"),
        ("$where eq 1", "at character 1 ('$where eq 1'): the name of a search parameter"),
        ('given eq "pet', "a value is expected"),
        (r'given eq "p\x"', "those of JSON"),
        ("nose eq 1", "at character 1 ('nose eq 1'): nose is no search parameter of Patient"),
        ("organization.nose eq 1", "organization.nose is no search parameter"),
        ("given.name eq 1", "only a reference can be chained"),
        ("given ew er", "which takes co eq pr sw, not ew"),
        ("given ne peter", "not (given eq …)"),
        ("organization.name ne x", "not (organization.name eq …)"),
        ("given gt a", "which takes co eq pr sw, not gt"),
        ("birthdate co 2015", "which takes ap eb eq ge gt le lt ne po pr sa, not co"),
        ("gender re Patient/1", "which takes eq in ni pr sb ss, not re"),
        ("birthdate ge tomorrow", "at character 1"),
        ("birthdate pr maybe", "true or false"),
        ("active ss true", "does not take the modifier below"),
        ("name[use eq official].family eq x", "conditions on a part of a path"),
        ("link:Patient.family eq x and birthdate ge x", "at character 30"),
        ("_lastUpdated po 2020", "last update"),
        ("(" * 21 + "given eq x" + ")" * 21, "parentheses"),
        (" and ".join(["given eq x"] * 51), "at most 50 comparisons"),
        ("given eq " + "x" * 160, "at most 159 characters"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(BadRequest) as raised:
        tree("Patient", ("_filter", text))
    assert said in str(raised.value)
    assert "_filter" in str(raised.value)


def test_ambiguous_paths_are_refused() -> None:
    with pytest.raises(BadRequest, match="say of which type"):
        tree("Observation", ("_filter", "focus.context eq x"))


def test_over_all_types_a_type_is_needed() -> None:
    with pytest.raises(BadRequest, match="_type"):
        tree(None, ("_filter", "family eq x"))
    with pytest.raises(BadRequest, match="no modifier"):
        tree("Patient", ("_filter:not", "family eq x"))
