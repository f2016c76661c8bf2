"""Plans, read as text: which index, which filter, which order; and the next page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_server.search import compile as compiling
from fhir_server.search import cursor, grammar
from fhir_server.search.query import Plan, Position, Query
from fhir_server.search.rewrite import restricted
from fhir_server.search.tree import EVERYTHING, NOTHING, All, Expr, InCompartment, Within
from resources.outcome import BadRequest
from resources.parameters import BASE

SECRET = b"k" * 32
ALIVE = {"deleted": {"$ne": True}}


def query(type_: str | None, *pairs: tuple[str, str]) -> Query:
    return grammar.parse(
        type_, pairs, parameters=BASE, base_url="http://h", strict=True, default_count=20, max_count=100, now_ms=0
    )


def plan(type_: str | None, *pairs: tuple[str, str], limit: Expr = EVERYTHING) -> Plan:
    asked = query(type_, *pairs)
    return compiling.plan(asked, restricted(asked, lambda _type: limit), secret=SECRET)


def test_a_token_needs_nothing_but_its_entry() -> None:
    assert plan("Patient", ("identifier", "s|1")) == Plan(
        {"index": "Patient.identifier|1|s"}, (("_id", 1),), "iI", 20
    )


def test_a_choice_of_entries_is_one_condition() -> None:
    assert plan("Patient", ("identifier", "s|1,s|2")).filter == {
        "index": {"$in": ["Patient.identifier|1|s", "Patient.identifier|2|s"]}
    }


def test_two_entries_are_two_conditions() -> None:
    assert plan("Patient", ("identifier", "s|1"), ("_source", "x")).filter == {
        "$and": [{"index": "Patient.identifier|1|s"}, {"index": "Patient._source|x"}]
    }


@pytest.mark.parametrize(
    ("type_", "pairs", "hint"),
    [
        ("Patient", [], "_id_"),
        ("Patient", [("_sort", "_id")], "_id_"),
        ("Patient", [("_sort", "-_lastUpdated")], "tU"),
        (None, [], "_id_"),
        (None, [("_sort", "-_lastUpdated")], "U"),
        (None, [("_type", "Patient,Group")], "_id_"),
        ("Patient", [("_id", "1")], "_id_"),
        ("Patient", [("family", "a")], "iI"),
        ("Patient", [("family", "a,b"), ("birthdate", "2020")], "iI"),
        ("Patient", [("birthdate", "2020")], "rK"),
        ("Patient", [("_sort", "family")], "tF"),
        ("Patient", [("gender:not", "male")], "_id_"),
        ("Patient", [("gender:missing", "false")], "iI"),
        ("Observation", [("_sort", "-date")], "tD"),
        ("Observation", [("code", "a"), ("_sort", "-date")], "iD"),
        ("Observation", [("_lastUpdated", "gt2020")], "tU"),
    ],
)
def test_an_index_is_hinted(type_: str | None, pairs: list[tuple[str, str]], hint: str) -> None:
    assert plan(type_, *pairs).hint == hint


def test_tombstones_are_left_out_where_no_entry_is_asked_for() -> None:
    ids = {"_id": {"$gte": "Patient/", "$lt": "Patient0"}}
    assert plan("Patient").filter == {"$and": [{"type": "Patient"}, ids, ALIVE]}
    assert ALIVE in plan("Patient", ("_id", "1")).filter["$and"]
    assert ALIVE in plan("Patient", ("gender:not", "male")).filter["$and"]


def test_the_callers_limit_is_planted_last() -> None:
    limited = plan("Observation", ("code", "a"), limit=InCompartment("Patient/1"))
    assert limited.hint == "cI"
    assert limited.filter["$and"][-1] == {"compartments": "Patient/1"}
    nothing = plan("Observation", ("code", "a"), limit=NOTHING)
    assert nothing.filter == {"$and": [{"_id": {"$in": []}}, ALIVE]}


def test_over_all_types_each_type_has_its_own_limit() -> None:
    limits = {"Patient": InCompartment("Patient/1")}
    asked = query(None)
    found = compiling.plan(asked, restricted(asked, lambda type_: limits.get(type_, NOTHING)), secret=SECRET)
    assert found.filter == {"$and": [{"type": "Patient"}, {"compartments": "Patient/1"}, ALIVE]}


def test_a_narrow_range_is_bounded_on_both_ends() -> None:
    found = plan("Patient", ("birthdate", "gt1970-01-01")).filter
    day = 86_400_000
    assert found == {
        "$or": [
            {"ranges": {"$elemMatch": {"k": "Patient.birthdate", "lo": {"$gte": 0}, "hi": {"$gte": day}}}},
            {"ranges": {"$elemMatch": {"k": "Patient.birthdate+", "hi": {"$gte": day}}}},
        ]
    }


def test_a_point_is_bounded_on_both_ends() -> None:
    found = plan("Observation", ("value-quantity", "ge5||mg")).filter
    key = "Observation.value-quantity||mg|"
    assert found == {
        "$or": [
            {"ranges": {"$elemMatch": {"k": key, "lo": {"$gte": 5.0}, "hi": {"$gte": 5.0}}}},
            {"ranges": {"$elemMatch": {"k": f"{key}+", "hi": {"$gte": 5.0}}}},
        ]
    }


def test_two_range_tests_of_a_single_value_are_bounded_together() -> None:
    found = query("Patient", ("birthdate", "gt2023"), ("birthdate", "lt2024"))
    assert found.tree == Within("Patient.birthdate", low_to=1_704_067_199_999, high_from=1_704_067_200_000)
    amounts = query("Observation", ("value-quantity", "ge5||mg"), ("value-quantity", "le6||mg"))
    assert amounts.tree == Within("Observation.value-quantity||mg|", low_to=6.0, high_from=5.0)
    units = query("Observation", ("value-quantity", "ge5||mg"), ("value-quantity", "le6||g"))
    assert isinstance(units.tree, All)
    several = query("RiskAssessment", ("probability", "gt0.5"), ("probability", "lt0.7"))  # may be two predictions'
    assert isinstance(several.tree, All)
    many = ",".join(f"gt20{year}" for year in range(10, 30))
    assert isinstance(query("Patient", ("birthdate", many), ("birthdate", many + ",gt2030")).tree, All)


def test_every_order_is_total_but_for_ties_in_time() -> None:
    assert plan("Patient", ("_sort", "-birthdate,family")).sort == (
        ("sort.birthdate", -1),
        ("sort.family", 1),
        ("_id", 1),
    )
    assert plan("Patient", ("_sort", "_id,family")).sort == (("_id", 1),)


def test_a_condition_looks_at_two_rows() -> None:
    found = compiling.unordered(restricted(query("Patient", ("identifier", "s|1")), lambda _type: EVERYTHING), 1)
    assert found.limit == 2
    assert found.sort == ()
    assert found.hint == "iI"


def test_a_count_is_answered_from_the_index_alone() -> None:
    found = compiling.unordered(restricted(query("Patient", ("gender", "male")), lambda _type: EVERYTHING), 0)
    assert list(found.filter) == ["index"]


# Cursors


def test_the_next_page_goes_on_behind_the_last_row_without_its_ties() -> None:
    asked = query("Patient", ("identifier", "s|1"))
    first = compiling.plan(asked, restricted(asked, lambda _type: EVERYTHING), secret=SECRET)
    at = cursor.advance(first, [{"_id": "P/1", "lastUpdated": 7}, {"_id": "P/2", "lastUpdated": 8}])
    assert at == Position(("P/2",), ("P/2",))
    asked = replace(asked, cursor=cursor.seal(at, asked, SECRET))
    second = compiling.plan(asked, restricted(asked, lambda _type: EVERYTHING), secret=SECRET)
    assert second.position == at
    assert second.filter["$and"][1:] == [{"_id": {"$gte": "P/2"}}, {"_id": {"$nin": ["P/2"]}}]


def test_what_was_updated_at_one_time_is_told_apart() -> None:
    asked = query("Patient", ("_sort", "_lastUpdated"))
    first = compiling.plan(asked, restricted(asked, lambda _type: EVERYTHING), secret=SECRET)
    at = cursor.advance(first, [{"_id": "P/1", "lastUpdated": 7}, {"_id": "P/2", "lastUpdated": 8}])
    assert at == Position((8,), ("P/2",))
    asked = replace(asked, cursor=cursor.seal(at, asked, SECRET))
    second = compiling.plan(asked, restricted(asked, lambda _type: EVERYTHING), secret=SECRET)
    assert second.filter["$and"][1:] == [{"lastUpdated": {"$gte": 8}}, {"_id": {"$nin": ["P/2"]}}]
    assert cursor.advance(second, [{"_id": "P/3", "lastUpdated": 8}]) == Position((8,), ("P/2", "P/3"))


def test_a_cursor_carries_missing_values() -> None:
    asked = query("Patient", ("_sort", "birthdate"))
    found = compiling.plan(asked, restricted(asked, lambda _type: EVERYTHING), secret=SECRET)
    at = cursor.advance(found, [{"_id": "P/1", "sort": {"birthdate": None}, "lastUpdated": 5}])
    assert cursor.unseal(cursor.seal(at, asked, SECRET), asked, SECRET) == Position((None, "P/1"), ("P/1",))


def test_a_cursor_is_good_for_its_query_and_server_only() -> None:
    asked, other = query("Patient", ("family", "a")), query("Patient", ("family", "b"))
    sealed = cursor.seal(Position((1,), ("P/1",)), asked, SECRET)
    assert cursor.unseal(sealed, asked, SECRET) == Position((1,), ("P/1",))
    for text, of, secret in [
        (sealed, other, SECRET),
        (sealed, replace(asked, type="Person"), SECRET),
        (sealed, asked, b"o" * 32),
        (sealed[:-4], asked, SECRET),
        ("A" + sealed[1:] if sealed[0] != "A" else "B" + sealed[1:], asked, SECRET),
        ("", asked, SECRET),
        ("é", asked, SECRET),
        ("!!!", asked, SECRET),
        ("AAAA" * 50, asked, SECRET),
    ]:
        with pytest.raises(BadRequest, match="_cursor"):
            cursor.unseal(text, of, secret)
