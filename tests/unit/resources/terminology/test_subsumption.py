"""What is above and below a code."""

from __future__ import annotations

import pytest

from resources.terminology import lookups, subsumption
from resources.terminology.problems import NotExpandable
from resources.terminology.subsumption import Direction
from tests.unit.resources.terminology.examples import PETS, Json, code_system, concept, source

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
PARENTS = (
    "PRN ADOPTP ADOPTF ADOPTM FTH FTHFOST NFTH NFTHF STPFTH MTH GESTM MTHFOST NMTH NMTHF STPMTH NPRN PRNFOST STPPRN"
)


def subsumed(system: str, code: str, direction: Direction, *resources: Json, most: int = 1000) -> set[str]:
    found = lookups.run(subsumption.subsumed(system, code, direction, most), source(*resources))
    assert {each for each, _ in found} == {system}
    assert len(set(found)) == len(found)
    return {each for _, each in found}


@pytest.mark.parametrize(
    ("system", "code", "direction", "codes"),
    [
        ("http://hl7.org/fhir/observation-status", "amended", "below", "amended corrected"),
        ("http://hl7.org/fhir/observation-status", "corrected", "above", "amended corrected"),
        ("http://hl7.org/fhir/observation-status", "final", "below", "final"),
        (TERMINOLOGY + "v3-ActCode", "CC", "below", "CC AE DN DV MC V"),
        (TERMINOLOGY + "v3-ActCode", "V", "above", "V CC _ActAccountCode"),
        (TERMINOLOGY + "v3-ActCode", "IMP", "below", "IMP ACUTE NONAC"),
        (
            TERMINOLOGY + "v3-RoleCode",
            "PRN",
            "below",
            PARENTS,
        ),
        # Two of these are children by property and not by nesting.
        (TERMINOLOGY + "v3-RoleCode", "DAUC", "below", "DAUC DAU STPDAU DAUADOPT DAUFOST"),
        (
            TERMINOLOGY + "v3-RoleCode",
            "SONADOPT",
            "above",
            "SONADOPT CHLDADOPT SONC CHILD FAMMEMB _PersonalRelationshipRoleType",
        ),
    ],
)
def test_hl7s_own(system: str, code: str, direction: Direction, codes: str) -> None:
    assert subsumed(system, code, direction) == set(codes.split())


@pytest.mark.parametrize("name", ["parent", "subsumedBy", "is_under"])
def test_parents_may_be_named_by_properties(name: str) -> None:
    declared = {"code": "is_under", "uri": "http://hl7.org/fhir/concept-properties#parent", "type": "code"}
    concepts = (concept("animal"), concept("pet"), concept("dog", **{name: ["animal", "pet", "gone"]}))
    resource = code_system(*concepts, property=[declared])
    assert subsumed(PETS, "dog", "above", resource) == {"dog", "animal", "pet"}
    assert subsumed(PETS, "pet", "below", resource) == {"pet", "dog"}


def test_a_hierarchy_that_runs_in_a_ring_ends() -> None:
    resource = code_system(concept("a", concept("b", parent="c")), concept("c", parent="a"))
    assert subsumed(PETS, "a", "above", resource) == {"a"}
    ring = code_system(concept("a", parent="b"), concept("b", parent="a"))
    assert subsumed(PETS, "a", "above", ring) == subsumed(PETS, "a", "below", ring) == {"a", "b"}


@pytest.mark.parametrize(("sensitive", "found"), [(None, True), (False, True), (True, False)])
def test_case_matters_where_the_system_says_so(sensitive: bool | None, found: bool) -> None:
    members: Json = {} if sensitive is None else {"caseSensitive": sensitive}
    resource = code_system(concept("Dog", concept("Pug")), **members)
    assert subsumed(PETS, "Dog", "below", resource) == {"Dog", "Pug"}
    if found:
        assert subsumed(PETS, "dog", "below", resource) == {"Dog", "Pug"}
    else:
        with pytest.raises(NotExpandable, match="has no code dog; similar: Dog"):
            subsumed(PETS, "dog", "below", resource)


@pytest.mark.parametrize(
    ("system", "code", "reason", "words"),
    [
        ("http://hl7.org/fhir/administrative-gender", "male", "not-supported", "has no hierarchy"),
        ("http://snomed.info/sct", "73211009", "not-supported", "content is not-present, not complete"),
        ("http://loinc.org", "8480-6", "not-found", "neither stored on this server nor one of HL7's"),
        (TERMINOLOGY + "v3-RoleCode", "PARENT", "not-found", "has no code PARENT"),
    ],
)
def test_what_cannot_be_told_is_refused_and_says_why(system: str, code: str, reason: str, words: str) -> None:
    with pytest.raises(NotExpandable, match=words) as problem:
        subsumed(system, code, "below")
    assert problem.value.reason == reason


def test_more_codes_than_can_be_asked_for_are_refused() -> None:
    assert len(subsumed(TERMINOLOGY + "v3-ActCode", "CC", "below", most=6)) == 6
    with pytest.raises(NotExpandable, match="CC has 6 codes below it, and at most 5") as problem:
        subsumed(TERMINOLOGY + "v3-ActCode", "CC", "below", most=5)
    assert problem.value.reason == "too-costly"
