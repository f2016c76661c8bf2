"""What `_include` and `_revinclude` are understood as, and what is said of those that are wrong."""

from __future__ import annotations

import pytest

from fhir_server.model import Pairs
from fhir_server.search import grammar, includes
from fhir_server.search.query import Query
from resources.outcome import BadRequest
from resources.parameters import BASE
from resources.registry import RESOURCE_TYPES


def parse(type_: str | None, *pairs: tuple[str, str], strict: bool = True) -> Query:
    return grammar.parse(
        type_, pairs, parameters=BASE, base_url="http://here.example/fhir", strict=strict, default_count=10,
        max_count=10, now_ms=0,
    )  # fmt: skip


def ways(type_: str | None, name: str, value: str) -> dict[str, frozenset[str]]:
    """Key → targets of the ways of the one include."""
    [include] = parse(type_, (name, value)).includes
    return {way.key: way.targets for way in include.ways}


def test_a_parameter_and_a_type_of_target() -> None:
    subjects = frozenset({"Device", "Group", "Location", "Patient"})
    assert ways("Observation", "_include", "Observation:subject") == {"Observation.subject": subjects}
    assert ways("Observation", "_include", "Observation:subject:Group") == {"Observation.subject": {"Group"}}
    assert ways("Patient", "_revinclude", "Observation:subject") == {"Observation.subject": subjects}


def test_every_parameter_of_a_type_and_of_all() -> None:
    of_encounter = {f"Encounter.{parameter.code}" for parameter in BASE.searchable("Encounter")
                    if parameter.type == "reference"}  # fmt: skip
    assert set(ways("Encounter", "_include", "Encounter:*")) == of_encounter
    assert set(ways("Encounter", "_include", "*")) == of_encounter
    to_patients = ways("Encounter", "_include", "Encounter:*:Patient")
    assert set(to_patients) == {"Encounter.patient", "Encounter.subject"}
    assert set(to_patients.values()) == {frozenset({"Patient"})}
    referring = ways("Location", "_revinclude", "*")
    assert "Encounter.location" in referring
    assert all("Location" in targets for targets in referring.values())
    assert set(ways("Patient", "_revinclude", "Encounter:*")) == {
        key for key, targets in ways("Encounter", "_include", "*").items() if "Patient" in targets
    }
    everywhere = ways(None, "_include", "*")
    assert everywhere == ways("Patient", "_include:iterate", "*")
    assert {key.partition(".")[0] for key in everywhere} < RESOURCE_TYPES


def test_iterating_ones_may_begin_at_what_comes_along() -> None:
    query = parse("Observation", ("_include", "Observation:patient"), ("_include:iterate", "Patient:link"),
                  ("_revinclude:iterate", "Provenance:target:Patient"))  # fmt: skip
    assert [(each.text, each.reverse, each.iterate) for each in query.includes] == [
        ("_include=Observation:patient", False, False),
        ("_include:iterate=Patient:link", False, True),
        ("_revinclude:iterate=Provenance:target:Patient", True, True),
    ]


def test_parameters_that_hold_urls_know_it() -> None:
    [include] = parse("PlanDefinition", ("_include", "PlanDefinition:definition")).includes
    assert include.ways[0].by_url == {"ActivityDefinition", "PlanDefinition", "Questionnaire"}
    [include] = parse("Observation", ("_include", "Observation:subject")).includes
    assert not include.ways[0].by_url


def test_what_was_applied_and_nothing_twice() -> None:
    pair = ("_include", "Observation:subject")
    query = parse("Observation", pair, pair, ("_count", "3"))
    assert len(query.includes) == 1
    assert query.applied == (pair, pair, ("_count", "3"))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("_include", "Observation", "[type]:[reference parameter]"),
        ("_include", "subject", "[type]:[reference parameter]"),
        ("_include", "Observation:subject:Patient:x", "[type]:[reference parameter]"),
        ("_include", "Observation:", "[type]:[reference parameter]"),
        ("_include", "Nonsense:subject", "'Nonsense' is not a resource type"),
        ("_include", "Observation:nose", "'nose' is not a reference parameter of Observation; based-on, "),
        ("_include", "Observation:code", "'code' is not a reference parameter of Observation; based-on, "),
        ("_include", "Observation:subject,Observation:performer", "'subject,Observation' is not a reference parameter"),
        ("_include", "Observation:subject:Practitioner", "leads to Device, Group, Location, Patient, not to"),
        ("_include", "Observation:subject:$ne", "leads to Device, Group, Location, Patient, not to"),
        ("_include", "Encounter:subject", "none of it begins at what is searched, Observation; _include:iterate"),
        ("_revinclude", "Encounter:subject", "none of it leads to what is searched, Observation; _revinclude:iterate"),
        ("_revinclude", "Appointment:nose", "_revinclude=Appointment:nose"),
        ("_include:recurse", "Observation:subject", "there are _include and _include:iterate"),
        ("_revinclude:logical", "Observation:subject", "there are _revinclude and _revinclude:iterate"),
        ("_count:iterate", "3", "there are _count"),
    ],
)
def test_what_is_wrong_is_refused_with_what_is_allowed(name: str, value: str, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse("Observation", (name, value))
    [issue] = caught.value.issues
    assert name in issue.diagnostics
    assert words in issue.diagnostics


@pytest.mark.parametrize("turn", [1, -1])
def test_texts_only_and_includes_are_not_asked_together(turn: int) -> None:
    pairs = (("_summary", "text"), ("_include", "Observation:subject"))[::turn]
    with pytest.raises(BadRequest, match="_summary=text cannot be given with _include"):
        parse("Observation", *pairs)
    assert parse("Observation", ("_summary", "true"), ("_include", "Observation:subject")).includes


def test_what_has_no_part_in_the_search_is_left_out_when_lenient() -> None:
    query = parse("Observation", ("_include", "Encounter:subject"), strict=False)
    assert (query.includes, query.applied) == ((), ())
    assert "_include=Encounter:subject" in query.issues[0].diagnostics
    with pytest.raises(BadRequest):
        parse("Observation", ("_include", "Encounter:nose"), strict=False)


def test_a_search_has_so_many_includes_at_most() -> None:
    pairs: Pairs = tuple(("_include", f"{way.source}:{way.key.partition('.')[2]}")
                         for type_ in ("Claim", "Encounter", "Task") for way in includes.ways(BASE, type_))  # fmt: skip
    with pytest.raises(BadRequest, match="at most 30 includes"):
        parse(None, *pairs)
