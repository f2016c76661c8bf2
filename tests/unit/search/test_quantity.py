"""What quantities are found by, counted by hand from https://hl7.org/fhir/R4/search.html#quantity."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_server.search import grammar
from fhir_server.search.extract import extract
from fhir_server.search.match import matches
from resources.outcome import BadRequest
from resources.parameters import BASE

Json = dict[str, Any]

BASE_URL = "http://here.example/fhir"
NOW_MS = 1_735_689_600_000
UCUM = "http://unitsofmeasure.org"


def tree(type_: str, name: str, asked: str) -> Any:
    query = grammar.parse(
        type_, ((name, asked),), parameters=BASE, base_url=BASE_URL, strict=True, default_count=20, max_count=100,
        now_ms=NOW_MS,
    )  # fmt: skip
    return query.tree


def finds(type_: str, name: str, asked: str, resource: Json) -> bool:
    extracted = extract({"resourceType": type_, "id": "1", **resource}, BASE_URL)
    return matches(tree(type_, name, asked), extracted, type_=type_, id_="1", updated=1_700_000_000_123_456)


def quantity(value: str, code: str | None = None, comparator: str | None = None, system: str = UCUM) -> Json:
    held: Json = {"value": Decimal(value)}
    if code:
        held |= {"unit": code, "system": system, "code": code}
    return held | ({"comparator": comparator} if comparator else {})


def observes(asked: str, held: Json) -> bool:
    return finds("Observation", "value-quantity", asked, {"status": "final", "valueQuantity": held})


GRAMS = f"|{UCUM}|g"


@pytest.mark.parametrize("unit", ["", GRAMS, "||g", f"|{UCUM}|g{{x}}"])
@pytest.mark.parametrize(
    ("number", "held", "found"),
    [
        # without a prefix, all that round to it; as exactly as it is written
        ("5.4", "5.4", True),
        ("5.4", "5.35", True),
        ("5.4", "5.349", False),
        ("5.4", "5.4499", True),
        ("5.4", "5.45", False),
        ("5.40", "5.4", True),
        ("5.40", "5.404", True),
        ("5.40", "5.405", False),
        ("100", "99.5", True),
        ("100", "100.5", False),
        ("1e2", "95", True),
        ("1e2", "105", False),
        ("1.0e2", "104", False),
        ("-5.4", "-5.4", True),
        ("-5.4", "-5.35", False),
        ("eq5.4", "5.44", True),
        ("ne5.4", "5.44", False),
        ("ne5.4", "5.45", True),
        ("ne5.4", "5.34", True),
        # with one, exact
        ("gt5.4", "5.4", False),
        ("gt5.4", "5.4000001", True),
        ("ge5.4", "5.4", True),
        ("ge5.4", "5.3999999", False),
        ("lt5.4", "5.4", False),
        ("lt5.4", "5.3999999", True),
        ("le5.4", "5.4", True),
        ("le5.4", "5.4000001", False),
        ("sa5.4", "5.4", False),
        ("sa5.4", "5.5", True),
        ("eb5.4", "5.4", False),
        ("eb5.4", "5.3", True),
        ("ap5", "5.5", True),
        ("ap5", "5.51", False),
        ("ap5", "4.5", True),
        ("ap-5", "-5.5", True),
        ("0", "0", True),
        ("ap0", "0", True),
    ],
)
def test_prefixes_and_precision(unit: str, number: str, held: str, found: bool) -> None:
    assert observes(number + unit, quantity(held, "g")) == found


@pytest.mark.parametrize(
    ("asked", "held", "found"),
    [
        # grams and milligrams: the precision is carried over
        (f"5.4|{UCUM}|g", ("5400", "mg"), True),
        (f"5.4|{UCUM}|g", ("5350", "mg"), True),
        (f"5.4|{UCUM}|g", ("5349", "mg"), False),
        (f"5.4|{UCUM}|g", ("5449", "mg"), True),
        (f"5.4|{UCUM}|g", ("5450", "mg"), False),
        (f"5400|{UCUM}|mg", ("5.4", "g"), True),
        (f"5401|{UCUM}|mg", ("5.4", "g"), False),
        (f"gt5.4|{UCUM}|g", ("5400", "mg"), False),
        (f"gt5.4|{UCUM}|g", ("5401", "mg"), True),
        (f"ge5.4|{UCUM}|g", ("5400", "mg"), True),
        (f"lt5400|{UCUM}|mg", ("5.4", "g"), False),
        (f"le5400|{UCUM}|mg", ("5.4", "g"), True),
        (f"ne5.4|{UCUM}|g", ("5400", "mg"), False),
        (f"ap5|{UCUM}|g", ("5500", "mg"), True),
        (f"ap5|{UCUM}|g", ("5501", "mg"), False),
        # laboratory
        (f"0.9|{UCUM}|g/L", ("90", "mg/dL"), True),
        (f"90|{UCUM}|mg/dL", ("0.9", "g/L"), True),
        (f"4.5|{UCUM}|10*9/L", ("4.5", "10*3/uL"), True),
        (f"16|{UCUM}|kPa", ("120", "mm[Hg]"), True),
        (f"120|{UCUM}|mm[Hg]", ("16", "kPa"), True),
        (f"119|{UCUM}|mm[Hg]", ("16", "kPa"), False),
        (f"70|{UCUM}|/min", ("70", "{beats}/min"), True),
        (f"gt0.5|{UCUM}|1", ("51", "%"), True),
        # temperatures have another zero: 98.6 °F is 37 °C, about 37 °C is 33.3 to 40.7 °C
        (f"37.0|{UCUM}|Cel", ("98.6", "[degF]"), True),
        (f"98.6|{UCUM}|[degF]", ("37", "Cel"), True),
        (f"37.0|{UCUM}|Cel", ("98.7", "[degF]"), False),
        (f"310.15|{UCUM}|K", ("37", "Cel"), True),
        (f"ap37|{UCUM}|Cel", ("40.7", "Cel"), True),
        (f"ap37|{UCUM}|Cel", ("40.8", "Cel"), False),
        (f"lt-10|{UCUM}|Cel", ("-11", "Cel"), True),
        # body and age
        (f"6|{UCUM}|[ft_i]", ("72", "[in_i]"), True),
        (f"gt100|{UCUM}|kg", ("221", "[lb_av]"), True),
        (f"gt100|{UCUM}|kg", ("220", "[lb_av]"), False),
        (f"2|{UCUM}|a", ("24", "mo"), True),
        (f"2|{UCUM}|wk", ("14", "d"), True),
        # what cannot be converted
        (f"5|{UCUM}|[IU]", ("5", "[CFU]"), False),
        (f"5|{UCUM}|g", ("5", "m"), False),
        (f"lt5|{UCUM}|mmol/L", ("4", "10*3/uL"), False),
        (f"7.4|{UCUM}|[pH]", ("7.40", "[pH]"), True),
        (f"gt7.4|{UCUM}|[pH]", ("7.3", "[pH]"), False),
        (f"7.4|{UCUM}|[pH]", ("7.4", "1"), False),
        (f"5|{UCUM}|bogus", ("5", "bogus"), True),
        (f"5|{UCUM}|bogus", ("5", "Bogus"), False),
        # a number alone, a unit alone, another system
        ("5.4", ("5.4", "mg"), True),
        ("5.4", ("5400", "mg"), False),
        ("5.4||mg", ("5.4", "mg"), True),
        ("5.4||g", ("5400", "mg"), False),
        ("5.4||Mg", ("5.4", "mg"), False),
        ("5.4|http://other.example|mg", ("5.4", "mg"), False),
    ],
)
def test_units(asked: str, held: tuple[str, str], found: bool) -> None:
    assert observes(asked, quantity(*held)) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("2||tablet", True),
        ("2||385055001", True),
        ("2||x", False),
        ("2|http://snomed.info/sct|385055001", True),
        ("2|http://snomed.info/sct|tablet", False),
        (f"2|{UCUM}|385055001", False),
        ("gt1|http://snomed.info/sct|385055001", True),
        ("2", True),
    ],
)
def test_units_of_other_systems(asked: str, found: bool) -> None:
    held = {"value": 2, "unit": "tablet", "system": "http://snomed.info/sct", "code": "385055001"}
    assert observes(asked, held) == found


@pytest.mark.parametrize(
    ("asked", "unit", "found"),
    [
        (r"5||a\|b", "a|b", True),
        (r"5||a\|b", "a", False),
        (r"5||a\\", "a\\", True),
        (r"5||a\,b", "a,b", True),
        ("5||Na", "Na+", False),  # a plus sign ends the key of what is wide
        ("gt5||Na+", "Na+", False),
        ("5||Na+", "Na+", True),
        ("5||$gt", "$gt", True),
        ("5||.*", "mg", False),
        ("5||" + "µ" * 1000, "µ" * 1000, True),
        ("5||" + "µ" * 1000, "µ" * 1001, False),
    ],
)
def test_odd_units(asked: str, unit: str, found: bool) -> None:
    assert observes(asked, {"value": 5, "unit": unit}) == found


def test_a_unit_is_no_other_ones_wide_range() -> None:
    assert observes("ge1||Na", {"value": 5, "comparator": ">", "unit": "Na"})
    assert not observes("ge1||Na+", {"value": 5, "comparator": ">", "unit": "Na"})


@pytest.mark.parametrize("unit", ["", f"|{UCUM}|g"])
@pytest.mark.parametrize(
    ("asked", "comparator", "found"),
    [
        # 5 and something stored, 5 or about it asked
        ("5", "<", False),
        ("5", "<=", False),
        ("5", ">", False),
        ("ne5", "<", True),
        ("gt4", "<", True),
        ("gt5", "<", False),
        ("gt5", "<=", False),
        ("ge5", "<", False),
        ("ge5", "<=", True),
        ("lt5", "<", True),
        ("lt-1000000000", "<", True),
        ("le5", "<", True),
        ("eb5", "<", True),
        ("eb5", "<=", False),
        ("eb6", "<=", True),
        ("sa4", "<", False),
        ("gt5", ">", True),
        ("gt1000000000", ">", True),
        ("gt5", ">=", True),
        ("lt5", ">=", False),
        ("le5", ">=", True),
        ("le5", ">", False),
        ("lt6", ">", True),
        ("sa5", ">", True),
        ("sa5", ">=", False),
        ("sa4", ">=", True),
        ("eb6", ">", False),
        ("ap5", "<", True),
        ("ap5", ">=", True),
        ("ap3", ">", False),
    ],
)
def test_comparators(unit: str, asked: str, comparator: str, found: bool) -> None:
    assert observes(asked + unit, quantity("5", "g", comparator)) == found


@pytest.mark.parametrize("number", ["9" * 34, "9e99", "-9e99", "1e-99"])
@pytest.mark.parametrize("unit", ["", f"|{UCUM}|kg", f"|{UCUM}|10*99.m", "||kg"])
def test_huge_numbers(number: str, unit: str) -> None:
    assert observes(f"ge{number}{unit}", quantity("1E+1000", unit.rpartition("|")[2] or "kg"))
    assert not observes(f"lt{number}{unit}", quantity("1E+1000", unit.rpartition("|")[2] or "kg"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("100", True),
        ("100||EUR", True),
        ("100|urn:iso:std:iso:4217|EUR", True),
        ("gt99.99|urn:iso:std:iso:4217|EUR", True),
        ("100|urn:iso:std:iso:4217|USD", False),
        ("100||USD", False),
        (f"100|{UCUM}|EUR", False),
    ],
)
def test_money(asked: str, found: bool) -> None:
    assert finds("Invoice", "totalgross", asked, {"totalGross": {"value": 100, "currency": "EUR"}}) == found
    assert not finds("Invoice", "totalnet", asked, {"totalGross": {"value": 100, "currency": "EUR"}})


def test_money_without_currency_or_value() -> None:
    assert finds("Invoice", "totalgross", "100", {"totalGross": {"value": 100}})
    assert not finds("Invoice", "totalgross", "ge0", {"totalGross": {"currency": "EUR"}})


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (f"gt11|{UCUM}|mo", True),
        (f"1|{UCUM}|a", True),
        ("12||mo", True),
        (f"gt1|{UCUM}|a", False),
    ],
)
def test_ages(asked: str, found: bool) -> None:
    assert finds("Condition", "onset-age", asked, {"onsetAge": quantity("12", "mo")}) == found


def test_durations() -> None:
    assert finds("Encounter", "length", f"90|{UCUM}|min", {"length": quantity("1.5", "h")})


@pytest.mark.parametrize(
    ("asked", "low", "high", "found"),
    [
        (f"ap20|{UCUM}|a", ("10", "a"), ("30", "a"), True),
        (f"20|{UCUM}|a", ("10", "a"), ("30", "a"), False),  # not all of it
        (f"ge120|{UCUM}|mo", ("10", "a"), ("30", "a"), True),
        (f"sa119|{UCUM}|mo", ("10", "a"), ("30", "a"), True),
        (f"lt9|{UCUM}|a", ("10", "a"), ("30", "a"), False),
        (f"gt18|{UCUM}|a", ("12", "mo"), ("30", "a"), True),
        ("20||a", ("20", "a"), ("20", "a"), True),
        ("ap20", ("10", "a"), ("30", "a"), True),
        (f"gt100|{UCUM}|a", ("10", "a"), None, True),
        (f"lt5|{UCUM}|a", ("10", "a"), None, False),
        (f"lt5|{UCUM}|a", None, ("30", "a"), True),
        (f"gt30|{UCUM}|a", None, ("30", "a"), False),
        (f"gt0|{UCUM}|kg", ("10", "a"), ("30", "kg"), False),  # no common unit
        ("gt0", None, None, False),
    ],
)
def test_ranges(asked: str, low: tuple[str, str] | None, high: tuple[str, str] | None, found: bool) -> None:
    ends = {name: quantity(*end) for name, end in (("low", low), ("high", high)) if end}
    assert finds("Condition", "onset-age", asked, {"onsetRange": ends}) == found


@pytest.mark.parametrize(
    ("asked", "data", "found"),
    [
        # -2 to 3, times 0.5, from 10: 9 to 11.5
        (f"ap10|{UCUM}|mV", "1 -2 3 E", True),
        (f"lt9|{UCUM}|mV", "1 -2 3", False),
        (f"lt9.1|{UCUM}|mV", "1 -2 3", True),
        (f"gt11.4|{UCUM}|mV", "1 -2 3", True),
        (f"gt11.5|{UCUM}|mV", "1 -2 3", False),
        (f"lt9|{UCUM}|mV", "1 -2 L 3", True),
        (f"gt11500|{UCUM}|uV", "1 U 3", True),
        ("ge11.5||mV", "3", True),
        ("ge0", "E L U", False),
        ("ge0", "x nan 1e999999", False),
    ],
)
def test_sampled_data(asked: str, data: str, found: bool) -> None:
    held = {"origin": quantity("10", "mV"), "period": 1, "factor": Decimal("0.5"), "dimensions": 1, "data": data}
    assert finds("Observation", "value-quantity", asked, {"status": "final", "valueSampledData": held}) == found


def test_components() -> None:
    pressure = {
        "status": "final",
        "component": [{"valueQuantity": quantity(value, "mm[Hg]")} for value in ("120", "80")],
    }
    assert finds("Observation", "component-value-quantity", f"80|{UCUM}|mm[Hg]", pressure)
    assert finds("Observation", "combo-value-quantity", f"120|{UCUM}|mm[Hg]", pressure)
    assert not finds("Observation", "value-quantity", f"120|{UCUM}|mm[Hg]", pressure)


def test_one_of_several_and_missing() -> None:
    assert observes(f"1,5400|{UCUM}|mg", quantity("5.4", "g"))
    assert finds("Observation", "value-quantity:missing", "true", {"valueQuantity": {"code": "g"}})
    assert finds("Observation", "value-quantity:missing", "false", {"valueQuantity": quantity("0")})
    assert finds("Observation", "value-quantity:missing", "false", {"valueQuantity": quantity("0", comparator="<")})


def test_entries_are_few() -> None:
    def keys(held: Json) -> list[str]:
        found = extract({"resourceType": "Observation", "id": "1", "valueQuantity": held}, BASE_URL)
        return [entry["k"].removeprefix("Observation.") for entry in found.ranges if "combo" not in entry["k"]]

    key = "value-quantity"
    plain = f"{key}|"
    assert keys(quantity("5", "mg")) == [plain, f"{key}|{UCUM}|g|", f"{key}||mg|"]
    assert keys(quantity("5", "mg") | {"unit": "milligram"})[2:] == [f"{key}||mg|", f"{key}||milligram|"]
    assert keys(quantity("5", "[pH]")) == [plain, f"{key}|{UCUM}|[pH]|", f"{key}||[pH]|"]
    assert keys({"value": 5, "unit": "mg"}) == [plain, f"{key}||mg|"]
    assert keys(quantity("5")) == [plain]
    assert keys(quantity("5", "mg", "<")) == [f"{plain}+", f"{key}|{UCUM}|g|+", f"{key}||mg|+"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("x", "a number such as"),
        ("5.4.1", "a number such as"),
        ("5.4mg", "a number such as"),
        ("xx5", "a number such as"),
        ("gt", "a number such as"),
        (f"|{UCUM}|mg", "a number such as"),
        ("1e999||mg", "a number such as"),
        ("9" * 35, "a number such as"),
        ("5|mg", r"such as 5\.4\|\|mg"),
        ("5|", "a quantity is"),
        ("5||", "a quantity is"),
        (f"5|{UCUM}|", "a quantity is"),
        (f"5|{UCUM}|mg|x", "a quantity is"),
    ],
)
def test_what_is_no_quantity(asked: str, said: str) -> None:
    with pytest.raises(BadRequest, match=said) as raised:
        tree("Observation", "value-quantity", asked)
    assert "value-quantity" in str(raised.value)


@pytest.mark.parametrize("modifier", ["exact", "not", "text", "contains", "above"])
def test_modifiers_that_quantities_do_not_have(modifier: str) -> None:
    with pytest.raises(BadRequest, match="missing"):
        tree("Observation", f"value-quantity:{modifier}", "5")
