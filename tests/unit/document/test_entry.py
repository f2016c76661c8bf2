"""Entries are unambiguous, short enough for an index, and asked for by values only."""

from __future__ import annotations

import math

import pytest

from fhir_server.document import entry


def test_a_token_is_code_then_system() -> None:
    assert entry.token("Patient.identifier", "1", "http://s") == "Patient.identifier|1|http://s"


def test_a_bar_in_a_code_is_not_the_separator() -> None:
    assert not entry.token("P.c", "a|b", "").startswith(entry.token("P.c", "a", ""))
    assert entry.token("P.c", "a|b", "c") != entry.token("P.c", "a", "b|c")
    assert entry.token("P.c", "a\\", "") != entry.token("P.c", "a|", "")


def test_long_values_are_cut_and_stay_apart() -> None:
    first, second = "x" * 5000 + "1", "x" * 5000 + "2"
    assert len(entry.bounded(first)) < 200
    assert entry.bounded(first) != entry.bounded(second)
    assert entry.bounded("x" * 160) == "x" * 160


def test_entries_of_huge_values_fit_an_index() -> None:
    assert len(entry.token("P.c", "c" * 9000, "s" * 9000)) < 400
    assert len(entry.text("P.c", "c" * 9000, "c" * 9000)) < 400
    assert len(entry.exact("P.c", "c" * 9000)) < 200


@pytest.mark.parametrize(
    ("prefix", "following"),
    [("a", "b"), ("k|", "k}"), ("az", "a{"), ("a\U0010ffff", "b"), ("\ud7ff", "\ue000"), ("é", "ê")],
)
def test_the_successor_ends_the_range_of_a_prefix(prefix: str, following: str) -> None:
    assert entry.successor(prefix) == following


def test_nothing_follows_the_last_character() -> None:
    with pytest.raises(ValueError, match="no string"):
        entry.successor("\U0010ffff")


def test_a_range_wider_than_a_day_says_so_in_its_key() -> None:
    day = 86_400_000
    assert entry.span("E.date", 0, day - 1) == {"k": "E.date", "lo": 0, "hi": day - 1}
    assert entry.span("E.date", 0, day)["k"] == "E.date+"


def test_an_amount_that_is_no_point_says_so_in_its_key() -> None:
    key = entry.unit_key("E.length", "", "s")
    assert entry.span(key, 0.5, 0.5) == {"k": key, "lo": 0.5, "hi": 0.5}
    assert entry.span(key, math.inf, math.inf)["k"] == key
    assert entry.span(key, 0.5, 0.75)["k"] == f"{key}+"


def test_a_test_is_one_condition_on_one_element() -> None:
    assert entry.equals("P.c|$ne|") == {"index": "P.c|$ne|"}
    assert entry.starts_with("P.f|a") == {"index": {"$elemMatch": {"$gte": "P.f|a", "$lt": "P.f|b"}}}
    assert entry.within("P.d", (1, None), (None, 2)) == {
        "ranges": {"$elemMatch": {"k": "P.d", "lo": {"$gte": 1}, "hi": {"$lte": 2}}}
    }


def test_a_part_to_be_contained_is_literal() -> None:
    condition = entry.contains("P.f", "$index")
    assert condition["index"] == {"$elemMatch": {"$gte": "P.f|", "$lt": "P.f}"}}
    assert str(condition["$expr"]).count("{'$literal': '$index'}") == 1
