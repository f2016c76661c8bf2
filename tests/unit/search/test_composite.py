"""What composites find, counted by hand from https://hl7.org/fhir/R4/search.html#composite."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.search import grammar
from fhir_server.search.extract import extract
from fhir_server.search.match import matches
from fhir_server.search.tree import Within
from fhir_server.search.types import composite
from resources.outcome import BadRequest
from resources.parameters import BASE

Json = dict[str, Any]

BASE_URL = "http://here.example/fhir"
NOW_MS = 1_735_689_600_000
UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
COMPOSITES = [(type_, one) for one in BASE.all if one.type == "composite" for type_ in one.base]


def tree(type_: str, *pairs: tuple[str, str]) -> Any:
    query = grammar.parse(
        type_, pairs, parameters=BASE, base_url=BASE_URL, strict=True, default_count=20, max_count=100, now_ms=NOW_MS
    )
    return query.tree


def finds(name: str, asked: str, resource: Json) -> bool:
    type_ = resource["resourceType"]
    extracted = extract({"id": "1", **resource}, BASE_URL)
    return matches(tree(type_, (name, asked)), extracted, type_=type_, id_="1", updated=1_700_000_000_123_456)


def concept(*codings: tuple[str | None, str]) -> Json:
    return {"coding": [{"system": system, "code": code} if system else {"code": code} for system, code in codings]}


def observation(**held: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": concept((LOINC, "8480-6")), **held}


def quantity(value: float, unit: str = "mm[Hg]") -> Json:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("8480-6$gt5", True),
        ("8480-6$gt7", False),
        ("8480-7$gt5", False),
        ("8480$gt5", False),
        (f"{LOINC}|8480-6$gt5", True),
        ("http://other|8480-6$gt5", False),
        ("|8480-6$gt5", False),
        ("|local$gt5", True),
        ("local$gt5", True),
        ("LOCAL$gt5", True),
        (f"{LOINC}|local$gt5", False),
        (f"{LOINC}|$gt5", True),
        (f"{LOINC}|$gt7", False),
        ("http://other|$gt5", False),
        ("8480-6$6", True),
        ("8480-6$ne6", False),
        ("8480-6$ap6.5", True),
        ("8480-6$6||mg", True),
        ("8480-6$6||g", False),
        (f"8480-6$6|{UCUM}|mg", True),
        (f"8480-6$0.006|{UCUM}|g", True),
        (f"8480-6$lt0.006|{UCUM}|g", False),
        (f"{LOINC}|8480-6$le0.006|{UCUM}|g", True),
        (f"{LOINC}|$le0.006|{UCUM}|g", True),
        (f"{LOINC}|$gt1|{UCUM}|g", False),
        (f"8480-6$6|{UCUM}|m", False),
        ("8480-6$gt7,local$lt7", True),
    ],
)
def test_a_code_with_a_quantity(asked: str, found: bool) -> None:
    resource = observation(code=concept((LOINC, "8480-6"), (None, "local")), valueQuantity=quantity(6, "mg"))
    assert finds("code-value-quantity", asked, resource) is found
    assert finds("combo-code-value-quantity", asked, resource) is found
    assert not finds("component-code-value-quantity", asked, resource)


def test_the_parts_are_of_one_component() -> None:
    components = [
        {"code": concept((LOINC, "8480-6")), "valueQuantity": quantity(120)},
        {"code": concept((LOINC, "8462-4")), "valueQuantity": quantity(80)},
    ]
    pressure = observation(code=concept((LOINC, "85354-9")), component=components)
    for name in ("component-code-value-quantity", "combo-code-value-quantity"):
        assert finds(name, "8480-6$gt100", pressure)
        assert finds(name, "8462-4$80", pressure)
        assert not finds(name, "8462-4$gt100", pressure)
        assert not finds(name, "85354-9$gt10", pressure)
    assert not finds("code-value-quantity", "8480-6$gt100", pressure)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("a$x", True),
        ("a$y", True),
        ("a$z", False),
        ("b$x", True),
        ("x$a", False),
        ("http://s|a$x", True),
        ("http://s|a$http://t|x", True),
        ("a$http://t|x", True),
        ("a$http://s|x", False),
        ("http://t|a$x", False),
        ("|b$|y", True),
        ("|a$x", False),
        ("a$|x", False),
        ("http://s|$x", True),
        ("http://s|$http://t|x", True),
        ("http://s|$http://t|", True),
        ("a$http://t|", True),
        ("http://s|a$http://t|", True),
        ("b$http://t|", True),
        ("a$http://s|", False),
        ("http://t|$x", False),
        (r"c\|d\$e$x", True),
        (r"http://s|c\|d\$e$x", True),
        (r"c$d", False),
    ],
)
def test_a_code_with_a_code(asked: str, found: bool) -> None:
    code, held = concept(("http://s", "a"), (None, "b"), ("http://s", "c|d$e")), concept(("http://t", "X"), (None, "y"))
    resource = observation(code=code, valueCodeableConcept=held)
    assert finds("code-value-concept", asked, resource) is found
    assert finds("combo-code-value-concept", asked, resource) is found
    inside = observation(component=[{"code": code, "valueCodeableConcept": held}])
    assert finds("component-code-value-concept", asked, inside) is found


@pytest.mark.parametrize(
    ("name", "asked", "held", "found"),
    [
        ("code-value-string", "8480-6$mull", {"valueString": "Müller, A"}, True),
        ("code-value-string", f"{LOINC}|8480-6$müller a", {"valueString": "Müller, A"}, True),
        ("code-value-string", f"{LOINC}|$mull", {"valueString": "Müller, A"}, True),
        ("code-value-string", "8480-6$a", {"valueString": "Müller, A"}, False),
        ("code-value-string", "8480-7$mull", {"valueString": "Müller, A"}, False),
        ("code-value-date", "8480-6$2023", {"valueDateTime": "2023-02-28"}, True),
        ("code-value-date", "8480-6$gt2023", {"valueDateTime": "2023-02-28"}, False),
        ("code-value-date", f"{LOINC}|$lt2023-03", {"valueDateTime": "2023-02-28"}, True),
        ("code-value-date", "8480-6$ge2023-03-01", {"valuePeriod": {"start": "2023-02-28", "end": "2023-04"}}, True),
        ("code-value-date", "8480-6$eb2023-04", {"valuePeriod": {"start": "2023-02-28", "end": "2023-03"}}, True),
        ("code-value-date", "8480-7$2023", {"valueDateTime": "2023-02-28"}, False),
    ],
)
def test_a_code_with_a_string_or_a_date(name: str, asked: str, held: Json, found: bool) -> None:
    assert finds(name, asked, observation(**held)) is found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("replaces$DocumentReference/1", True),
        ("replaces$1", True),
        (f"http://hl7.org/fhir/document-relationship-type|replaces${BASE_URL}/DocumentReference/1", True),
        ("http://hl7.org/fhir/document-relationship-type|$2", True),
        ("signs$2", True),
        ("signs$1", False),
        ("http://other|$2", False),
    ],
)
def test_a_code_with_a_reference(asked: str, found: bool) -> None:
    related = [("replaces", f"{BASE_URL}/DocumentReference/1"), ("signs", "DocumentReference/2")]
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "relatesTo": [{"code": code, "target": {"reference": target}} for code, target in related],
    }
    assert finds("relationship", asked, document) is found


@pytest.mark.parametrize(
    ("name", "asked", "found"),
    [
        ("chromosome-variant-coordinate", "1$100$120", True),
        ("chromosome-variant-coordinate", "1$ge100$le120", True),
        ("chromosome-variant-coordinate", "1$gt50$lt130", True),
        ("chromosome-variant-coordinate", "1$gt100$lt130", False),
        ("chromosome-variant-coordinate", "1$ne100$120", False),
        ("chromosome-variant-coordinate", "1$lt101$gt119", True),
        ("chromosome-variant-coordinate", "1$lt101$gt120", False),
        ("chromosome-variant-coordinate", "2$100$120", False),
        ("chromosome-variant-coordinate", "1$300$310", True),
        ("chromosome-variant-coordinate", "1$100$310", False),  # of two variants
        ("chromosome-variant-coordinate", "http://s|1$100$120", True),
        ("chromosome-variant-coordinate", "http://s|$100$120", True),
        ("referenceseqid-variant-coordinate", "NC_1$100$120", True),
        ("chromosome-window-coordinate", "1$1$500", True),
        ("referenceseqid-window-coordinate", "NC_1$lt2$gt400", True),
        ("referenceseqid-window-coordinate", "NC_2$lt2$gt400", False),
    ],
)
def test_a_code_with_two_numbers(name: str, asked: str, found: bool) -> None:
    sequence = {
        "resourceType": "MolecularSequence",
        "coordinateSystem": 0,
        "referenceSeq": {
            "chromosome": concept(("http://s", "1")), "referenceSeqId": concept((None, "NC_1")),
            "windowStart": 1, "windowEnd": 500,
        },
        "variant": [{"start": 100, "end": 120}, {"start": 300, "end": 310}, {"start": 7}],
    }  # fmt: skip
    assert finds(name, asked, sequence) is found


@pytest.mark.parametrize(
    ("name", "asked", "found"),
    [
        ("context-type-value", "focus$diabetes", True),
        ("context-type-value", "age$diabetes", False),
        ("context-type-quantity", "age$20||a", True),
        ("context-type-quantity", f"age$gt365|{UCUM}|d", True),
        ("context-type-quantity", f"http://c|age$lt1|{UCUM}|d", False),
        ("context-type-quantity", "focus$20", False),
    ],
)
def test_contexts_of_use(name: str, asked: str, found: bool) -> None:
    contexts = [
        {"code": {"system": "http://c", "code": "focus"}, "valueCodeableConcept": concept(("http://s", "diabetes"))},
        {
            "code": {"system": "http://c", "code": "age"},
            "valueRange": {"low": quantity(18, "a"), "high": quantity(30, "a")},
        },
    ]
    resource = {"resourceType": "Questionnaire", "status": "active", "useContext": contexts}
    assert finds(name, asked, resource) is (found and not asked.startswith("age$20"))
    if "quantity" in name:  # a range overlaps, and is equal to none of its numbers
        assert finds(name, asked.replace("$20", "$ap20"), resource) is found


def test_missing() -> None:
    measured, coded = observation(valueQuantity=quantity(1)), observation(valueCodeableConcept=concept((None, "x")))
    for name, with_it, without in (
        ("code-value-quantity", measured, coded),
        ("combo-code-value-quantity", measured, coded),
        ("code-value-concept", coded, measured),
    ):
        assert finds(f"{name}:missing", "false", with_it)
        assert finds(f"{name}:missing", "true", without)
        assert not finds(f"{name}:missing", "true", with_it)
        assert not finds(f"{name}:missing", "false", without)
    assert finds("code-value-quantity:missing", "true", observation(code={"text": "x"}, valueQuantity=quantity(1)))


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("code-value-quantity", "8480-6", "[code]$[value-quantity] is expected"),
        ("code-value-quantity", "8480-6$", "[code]$[value-quantity] is expected"),
        ("code-value-quantity", "$5", "[code]$[value-quantity] is expected"),
        ("code-value-quantity", "8480-6$5$6", "[code]$[value-quantity] is expected"),
        ("code-value-quantity", r"8480-6\$5", "[code]$[value-quantity] is expected"),
        ("code-value-quantity", "8480-6$high", "code-value-quantity=high: a number such as"),
        ("combo-code-value-quantity", "8480-6$5|mg", "combo-code-value-quantity=5|mg: a quantity is"),
        ("code-value-quantity", "a|b|c$5", "code-value-quantity=a|b|c: a token is"),
        ("code-value-quantity", "|$5", "neither a system nor a code"),
        ("code-value-date", "8480-6$tomorrow", "code-value-date=tomorrow"),
        ("code-value-quantity:not", "8480-6$5", "it takes missing"),
    ],
)
def test_what_is_wrong_is_named(name: str, asked: str, said: str) -> None:
    with pytest.raises(BadRequest) as raised:
        tree("Observation", (name, asked))
    assert said in str(raised.value)


@pytest.mark.parametrize(("type_", "parameter"), COMPOSITES, ids=[f"{type_}.{one.code}" for type_, one in COMPOSITES])
def test_every_composite_is_answered(type_: str, parameter: Any) -> None:
    assert composite.is_answered(parameter)
    example = {"token": "a", "string": "a", "date": "2023", "quantity": "5", "number": "5", "reference": "1"}
    tree(type_, (parameter.code, "$".join(example[one.parameter.type] for one in parameter.components)))


def test_two_tests_of_a_single_value_are_bounded_together() -> None:
    found = tree("Observation", ("code-value-quantity", "8480-6$ge5"), ("code-value-quantity", "8480-6$lt6"))
    assert isinstance(found, Within)
    several = ("component-code-value-quantity", "8480-6$ge5"), ("component-code-value-quantity", "8480-6$lt6")
    assert not isinstance(tree("Observation", *several), Within)


def test_entries_are_few() -> None:
    held = extract(observation(id="1", valueQuantity=quantity(6, "mg")), BASE_URL)
    assert [one for one in held.ranges if "code-value" in one["k"]] == [
        {"k": "Observation.code-value-quantity||8480-6|", "lo": 6, "hi": 6, "with": [f"={LOINC}", "||mg|"]},
        {"k": "Observation.code-value-quantity|g|8480-6|", "lo": 0.006, "hi": 0.006, "with": [f"={LOINC}"]},
    ]
    assert not [text for text in (*held.index, *held.rare) if "code-value" in text]


def test_what_one_resource_costs_is_bounded() -> None:
    codings = concept(*((f"http://s/{number}", str(number)) for number in range(1000)))
    held = extract(observation(id="1", code=codings, valueCodeableConcept=codings), BASE_URL)
    entries = [text for text in (*held.index, *held.rare) if "code-value" in text]
    assert len(entries) == composite.MOST_FORMS**2 * 6
