"""What a ValueSet's definition comes to, rule by rule, and when it is refused."""

from __future__ import annotations

import asyncio

import pytest

from resources.terminology import expansion, lookups
from resources.terminology.lookups import Code, Found, Wanted
from resources.terminology.problems import NotExpandable
from tests.unit.resources.terminology.examples import (
    PETS,
    Json,
    code_system,
    concept,
    filtered,
    imported,
    listed,
    source,
    value_set,
)

SETS = "http://test.example/ValueSet/"
A, B, C = SETS + "a", SETS + "b", SETS + "c"
TREE = code_system(
    concept("animal", concept("dog", concept("pug")), concept("cat", status="retired"), abstract=True),
    concept("plant", status="active"),
    hierarchyMeaning="is-a",
)


def expanded(*resources: Json, url: str = A, most: int = 100) -> list[str]:
    """The codes of `url`, of whatever system."""
    return [code for _, code in lookups.run(expansion.expand(url, most), source(*resources))]


def refused(*resources: Json, url: str = A, most: int = 100) -> NotExpandable:
    with pytest.raises(NotExpandable) as found:
        expanded(*resources, url=url, most=most)
    return found.value


@pytest.mark.parametrize(
    ("include", "codes"),
    [
        ([listed("cat", "dog")], ["cat", "dog"]),
        ([listed("cat"), listed("dog", "cat")], ["cat", "dog"]),
        ([{"system": PETS}], ["animal", "dog", "pug", "cat", "plant"]),
        ([filtered("concept", "is-a", "dog")], ["dog", "pug"]),
        ([filtered("concept", "descendent-of", "animal")], ["dog", "pug", "cat"]),
        ([filtered("concept", "is-not-a", "animal")], ["plant"]),
        ([filtered("concept", "generalizes", "pug")], ["animal", "dog", "pug"]),
        ([filtered("concept", "=", "cat")], ["cat"]),
        ([filtered("concept", "in", "cat,pug")], ["pug", "cat"]),
        ([filtered("concept", "not-in", "cat, pug")], ["animal", "dog", "plant"]),
        ([filtered("status", "=", "retired")], ["cat"]),
        ([filtered("status", "in", "retired,active")], ["cat", "plant"]),
        ([filtered("status", "not-in", "retired")], ["animal", "dog", "pug", "plant"]),
        ([filtered("status", "exists", "true")], ["cat", "plant"]),
        ([filtered("status", "exists", "false")], ["animal", "dog", "pug"]),
        ([filtered("abstract", "=", "true")], ["animal"]),
        ([filtered("parent", "=", "animal")], ["dog", "cat"]),
        ([filtered("parent", "exists", "false")], ["animal", "plant"]),
        ([filtered("child", "=", "pug")], ["dog"]),
        ([{**filtered("concept", "is-a", "animal"), "valueSet": [B]}], ["cat"]),
        ([{**listed("pug", "cat"), "valueSet": [B]}], ["cat"]),
        ([imported(B)], ["cat", "plant"]),
        ([imported(B, C)], ["plant"]),
        ([imported(B), imported(C)], ["cat", "plant", "rock"]),
    ],
)
def test_includes(include: list[Json], codes: list[str]) -> None:
    others = (value_set(B, listed("cat", "plant")), value_set(C, listed("plant", "rock")))
    assert expanded(TREE, value_set(A, *include), *others) == codes


def test_all_filters_of_an_include_must_pass() -> None:
    both = {**filtered("concept", "is-a", "animal"), "filter": [
        {"property": "concept", "op": "is-a", "value": "animal"},
        {"property": "status", "op": "exists", "value": "false"},
    ]}  # fmt: skip
    assert expanded(TREE, value_set(A, both)) == ["animal", "dog", "pug"]


def test_excludes_take_away_whatever_includes_gave() -> None:
    excludes = (filtered("concept", "is-a", "dog"), imported(B))
    assert expanded(TREE, value_set(A, {"system": PETS}, exclude=excludes), value_set(B, listed("plant"))) == [
        "animal",
        "cat",
    ]


def test_codes_of_other_systems_are_other_codes() -> None:
    resources = (value_set(A, listed("cat"), exclude=(listed("cat", system="http://other.example"),)),)
    assert lookups.run(expansion.expand(A, 10), source(*resources)) == ((PETS, "cat"),)


def test_a_version_can_be_asked_for_and_must_be_there() -> None:
    resources = (value_set(A, imported(f"{B}|2")), value_set(B, listed("cat"), version="2"))
    assert expanded(*resources) == ["cat"]
    problem = refused(value_set(A, imported(f"{B}|3")), value_set(B, listed("cat"), version="2"))
    assert problem.reason == "not-found"
    assert f"ValueSet {B}|3 is neither stored on this server nor one of HL7's; version 2 is" in str(problem)


def test_an_expansion_stands_in_for_a_definition_that_cannot_be_evaluated() -> None:
    contains = [{"contains": [{"system": PETS, "code": "cat"}]}, {"system": PETS, "code": "dog"}]
    expansion_ = {"total": 2, "contains": contains}
    elsewhere = value_set(A, {"system": "http://elsewhere.example"}, expansion=expansion_)
    assert expanded(elsewhere) == ["cat", "dog"]
    assert expanded({"resourceType": "ValueSet", "url": A, "expansion": expansion_}) == ["cat", "dog"]
    assert expanded(value_set(A, listed("pug"), expansion=expansion_)) == ["pug"]


@pytest.mark.parametrize(
    "partial", [{"total": 3}, {"offset": 1}, {"parameter": [{"name": "filter", "valueString": "c"}]}]
)
def test_an_expansion_that_is_not_whole_is_not_used(partial: Json) -> None:
    contains = [{"system": PETS, "code": "cat"}, {"system": PETS, "code": "dog"}]
    problem = refused({"resourceType": "ValueSet", "url": A, "expansion": {"contains": contains, **partial}})
    assert problem.reason == "not-supported"


@pytest.mark.parametrize(
    ("include", "reason", "words"),
    [
        (imported(C), "not-found", f"ValueSet {C} is neither stored"),
        ({"system": "http://elsewhere.example"}, "not-found", "CodeSystem http://elsewhere.example is neither stored"),
        ({"system": "http://snomed.info/sct"}, "not-supported", "content is not-present, not complete"),
        (filtered("concept", "is-a", "unicorn"), "not-found", "has no code unicorn"),
        (filtered("concept", "is-a", "animals"), "not-found", "similar: animal"),
        (filtered("colour", "=", "red"), "not-supported", "no property colour; its filters can be on abstract, child"),
        (filtered("concept", "regex", "(a+)+"), "not-supported", "concept regex (a+)+ is not evaluated here"),
        (filtered("status", "is-a", "dog"), "invalid", "for the property concept only"),
        (filtered("status", "exists", "yes"), "invalid", "needs true or false"),
        ({"concept": [{"code": "cat"}]}, "invalid", "names no system"),
        ({}, "invalid", "names no system"),
        ({**listed("cat"), **filtered("concept", "is-a", "dog")}, "invalid", "both concepts and filters"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_and_says_why(include: Json, reason: str, words: str) -> None:
    problem = refused(TREE, value_set(A, imported(B)), value_set(B, include))
    assert problem.status == 400
    assert (problem.reason, problem.issues[0].code) == (reason, reason)
    assert str(problem).startswith(f"ValueSet {A} cannot be expanded: ValueSet {B} cannot be expanded: ") or (
        include == imported(C)
    )
    assert words in str(problem)


@pytest.mark.parametrize("meaning", ["part-of", "grouped-by", "classified-with"])
def test_kinds_of_a_code_need_a_hierarchy_of_kinds(meaning: str) -> None:
    parts = code_system(concept("dog", concept("tail")), hierarchyMeaning=meaning)
    assert meaning in str(refused(parts, value_set(A, filtered("concept", "is-a", "dog"))))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://snomed.info/sct?fhir_vs=isa/73211009", "SNOMED CT itself"),
        ("http://loinc.org/vs/LL715-4", "need LOINC itself: store the ValueSet under this url"),
    ],
)
def test_sets_that_only_their_url_describes_are_refused_unless_stored(url: str, words: str) -> None:
    assert words in str(refused(url=url))
    assert expanded(value_set(url, listed("cat")), url=url) == ["cat"]


def test_sets_that_import_themselves_are_refused() -> None:
    problem = refused(value_set(A, imported(B)), value_set(B, imported(A)))
    assert problem.reason == "invalid"
    assert f"imports itself: {A} → {B} → {A}" in str(problem)


def test_sets_may_be_imported_along_two_ways() -> None:
    resources = value_set(A, imported(B), imported(C)), value_set(B, imported(C)), value_set(C, listed("cat"))
    assert expanded(*resources) == ["cat"]


def test_more_codes_than_can_be_asked_for_are_refused() -> None:
    assert len(expanded(TREE, value_set(A, {"system": PETS}), most=5)) == 5
    problem = refused(TREE, value_set(A, {"system": PETS}), most=4)
    assert problem.reason == "too-costly"
    assert f"ValueSet {A} has 5 codes, and at most 4" in str(problem)


def test_what_would_take_too_long_is_refused() -> None:
    deep = [value_set(f"{SETS}{number}", imported(f"{SETS}{number + 1}")) for number in range(30)]
    assert refused(*deep, url=f"{SETS}0").reason == "too-costly"
    twice = [value_set(f"{SETS}{number}", *[imported(f"{SETS}{number + 1}")] * 2) for number in range(15)]
    assert "more than 200 ValueSets" in str(refused(*twice, value_set(f"{SETS}15", listed("cat")), url=f"{SETS}0"))
    large = code_system(*(concept(f"c{number}") for number in range(10_000)))
    assert "codes would have to be looked at" in str(refused(large, value_set(A, *[{"system": PETS}] * 51)))


async def test_resources_may_have_to_be_waited_for() -> None:
    find = source(TREE, value_set(A, filtered("concept", "is-a", "dog"), imported(B)), value_set(B, listed("cat")))
    asked: list[str] = []

    async def fetch(wanted: Wanted) -> Found:
        await asyncio.sleep(0)
        asked.append(str(wanted))
        return find(wanted)

    async def codes() -> tuple[Code, ...]:
        steps = expansion.expand(A, most=100)
        try:
            wanted = next(steps)
            while True:
                wanted = steps.send(await fetch(wanted))
        except StopIteration as done:
            found: tuple[Code, ...] = done.value
            return found

    assert await codes() == ((PETS, "dog"), (PETS, "pug"), (PETS, "cat"))
    assert asked == [f"ValueSet {A}", f"CodeSystem {PETS}", f"ValueSet {B}"]
