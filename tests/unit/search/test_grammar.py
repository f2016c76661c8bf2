"""What is asked is understood, refused by name, or left out with a warning; never dropped in silence."""

from __future__ import annotations

import pytest

from fhir_server.document import layout
from fhir_server.search import grammar
from fhir_server.search.query import Query, SortKey, Stored
from fhir_server.search.tree import EVERYTHING, All, Any_, Equals, HasId, Not, OfType, StartsWith
from resources.outcome import BadRequest
from resources.parameters import BASE


def parse(query: list[tuple[str, str]], type_: str | None = "Patient", *, strict: bool | None = None) -> Query:
    return grammar.parse(
        type_,
        tuple(query),
        parameters=BASE,
        base_url="http://here.example/fhir",
        strict=strict,
        default_count=20,
        max_count=100,
        now_ms=0,
    )


def test_nothing_asked_is_everything() -> None:
    assert parse([]) == Query("Patient", EVERYTHING, count=20)


def test_repeated_pairs_are_and_and_commas_are_or() -> None:
    query = parse([("gender", "male,female"), ("family", "a"), ("family", "b")])
    system = "http://hl7.org/fhir/administrative-gender"
    gender = Any_((Equals(f"Patient.gender|male|{system}"), Equals(f"Patient.gender|female|{system}")))
    assert query.tree == All((gender, StartsWith("Patient.family|a"), StartsWith("Patient.family|b")))
    assert query.applied == (("gender", "male,female"), ("family", "a"), ("family", "b"))


def test_escapes() -> None:
    assert parse([("identifier", "s|a\\|b\\,c\\$\\\\")]).tree == Equals("Patient.identifier|a\\|b,c$\\\\|s")
    assert parse([("_source", "a\\,b")]).tree == Equals("Patient._source|a,b")


def test_not_is_of_the_whole_choice() -> None:
    tree = parse([("gender:not", "male,female")]).tree
    assert isinstance(tree, Not)
    assert isinstance(tree.part, Any_)


def test_ids() -> None:
    assert parse([("_id", "a,b")]).tree == HasId(("Patient/a", "Patient/b"))


def test_search_over_all_types() -> None:
    query = parse([("_type", "Patient,Group"), ("_lastUpdated", "gt2020")], None)
    assert query.types == ("Group", "Patient")
    assert isinstance(query.tree, All)
    assert query.tree.parts[0] == OfType(("Group", "Patient"))


def test_common_parameters_over_all_types() -> None:
    tree = parse([("_source", "x")], None).tree
    assert isinstance(tree, Any_)
    assert len(tree.parts) == 146
    assert Equals("Patient._source|x") in tree.parts
    with pytest.raises(BadRequest, match="at most 20 values over all types"):
        parse([("_tag", ",".join("a" * 21))], None)
    assert parse([("family", "a")], None).issues[0].diagnostics.startswith("family is not a search parameter over all")


def test_result_parameters() -> None:
    query = parse([("_count", "7"), ("_sort", "-birthdate,family"), ("_total", "accurate")])
    assert query.count == 7
    assert query.sort == (SortKey((Stored("sort.birthdate"),), descending=True), SortKey((Stored("sort.family"),)))
    assert query.total == "accurate"
    assert query.tree == EVERYTHING
    newest, by_id = parse([("_sort", "-_lastUpdated,_id")]).sort
    assert newest == SortKey((Stored(layout.UPDATED),), descending=True)
    assert by_id == SortKey((Stored(layout.ID),))


@pytest.mark.parametrize(("text", "count"), [("0", 0), ("100", 100), ("101", 100), ("999999999999", 100)])
def test_count_is_capped(text: str, count: int) -> None:
    query = parse([("_count", text)])
    assert query.count == count
    assert query.applied == (("_count", str(count)),)


@pytest.mark.parametrize(("name", "values"), [("_count", ("2", "3")), ("_total", ("none", "accurate"))])
def test_how_many_can_be_said_once(name: str, values: tuple[str, str]) -> None:
    with pytest.raises(BadRequest, match=f"{name} is there twice"):
        parse([(name, value) for value in values])


def test_summary_count_has_no_rows() -> None:
    assert parse([("_summary", "count")]).count == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("birthdate", "2023-02-30", "birthdate=2023-02-30"),
        ("birthdate", "xx2023", "eq ne gt lt ge le sa eb ap"),
        ("birthdate", "gt", "not a date"),
        ("birthdate:exact", "2020", "it takes missing"),
        ("family:nose", "a", "it takes contains, exact, missing"),
        ("gender:contains", "a", "it takes above, below, in, missing, not, not-in"),
        ("gender:text", "a", "it takes above, below, in, missing, not, not-in"),
        ("active:in", "a", "it takes missing, not"),
        ("phone:in", "a", "it takes missing, not"),
        ("identifier:in", "http://v", "it takes missing, not, of-type, text"),
        ("language:of-type", "a|b|c", "it takes above, below, in, missing, not, not-in, text"),
        ("identifier:of-type", "a|b", "[system]|[code]|[value]"),
        ("identifier:of-type", "|b|c", "[system]|[code]|[value]"),
        ("identifier:text", "!", "no letter or digit"),
        ("language:in", "Patient/1", "ValueSet/[id]"),
        ("language:in", "male", "ValueSet/[id]"),
        ("language:in", ",".join(f"http://v/{n}" for n in range(11)), "at most 10 values with in"),
        ("language:below", "de", "[system]|[code]"),
        ("language:below", "|de", "[system]|[code]"),
        ("language:above", "a|b|c", "[system]|[code]"),
        ("gender:below", "http://s|", "[system]|[code]"),
        ("general-practitioner:below", "Practitioner/1", "[type]/[id] of Organization"),
        ("link:below", "1", "it takes identifier, missing, Patient, RelatedPerson"),
        ("_profile:below", "urn:oid:1.2", "a URN has no levels"),
        ("_profile:above", "http://a/" + "b/" * 21, "at most 20 segments"),
        ("_profile:above", "http://a/b|1", "without a version"),
        ("_profile:below", "http://a/" + "b" * 91, "at most 99 characters"),
        ("_profile:in", "http://a", "it takes above, below, missing"),
        ("general-practitioner:Patient", "1", "Organization"),
        ("general-practitioner", "a b", "absolute URL"),
        ("general-practitioner:Organization", "Practitioner/1", "id of a Organization"),
        ("_id:not", "1", "it takes none"),
        ("_id", "a/b", "1 to 64"),
        ("family", "$$$", None),
        ("family", "...", "no letter or digit"),
        ("family", "a,,b", "empty value"),
        ("family", "a" * 161, "at most 160"),
        ("family:missing", "maybe", "true or false"),
        ("active", "yes", "true or false"),
        ("active", "a||true", "true or false"),
        ("identifier", "a|b|c", "[system]|[code]"),
        ("identifier", "|", "neither"),
        ("family", "a" * 5000, "at most 4000"),
        ("gender", ",".join("a" * 1001), "at most 1000 values"),
        ("phonetic", "!", "no letter or digit"),
        ("phonetic:exact", "a", "it takes missing"),
        ("_content", "a", "FHIR_SEARCH_CONTENT=true"),
        ("_has:Observation:code:status", "a", "code of Observation is a token"),
        ("_has:Observation:encounter:status", "a", "refers to Encounter"),
        ("_has:Nothing:patient:code", "a", "not a resource type"),
        ("_has:Observation:patient", "a", "_has:[type]:"),
        ("general-practitioner:Device.name", "a", "refers to Practitioner, Organization, PractitionerRole"),
        ("gender.name", "a", "only a reference can be chained"),
        ("link.link.link.link.link.link.link.link:Patient.name", "a", "At most 6 links"),
        ("_count", "-1", "_count"),
        ("_count", "ten", "_count"),
        ("_count", "9" * 13, "_count"),
        ("_count", "٣", "_count"),
        ("_sort", "$$$", "birthdate"),
        ("_sort", "birthdate,-birthdate", "twice"),
        ("_sort", "_score", "does not rank"),
        ("_sort", "identifier,,", "empty key"),
        ("_sort", "_id,family,given,gender,birthdate,active,name,email,phone", "at most 8 keys"),
        ("_sort", "gender.name", "only a reference can be chained"),
        ("_sort", "general-practitioner.nose", "nose is not a search parameter of Practitioner"),
        ("_sort", "link:Organization.name", "refers to Patient, RelatedPerson"),
        ("_sort", "link.link.link.link:Patient.family", "at most 3 links"),
        ("_total", "maybe", "accurate"),
        ("_summary", "maybe", "count"),
        ("_type", "Patient", "over all types"),
    ],
)
def test_what_is_wrong_is_named(name: str, text: str, said: str | None) -> None:
    if said is None:
        assert parse([(name, text)]).tree == StartsWith("Patient.family|$$$")
        return
    for strict in (True, False, None):
        with pytest.raises(BadRequest) as raised:
            parse([(name, text)], strict=strict)
        assert name.partition(":")[0].partition(".")[0] in str(raised.value)
        assert said in str(raised.value)
        assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("number", ["x", "1e999", "0x10", "NaN", "Infinity", "1_000", "9" * 40])
def test_numbers_that_are_none(number: str) -> None:
    with pytest.raises(BadRequest, match="a number such as"):
        parse([("probability", number)], "RiskAssessment")


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadRequest) as raised:
        parse([("birthdate", "x"), ("_count", "x"), ("gender:in", "x")])
    assert len(raised.value.issues) == 3


@pytest.mark.parametrize(
    "pair",
    [
        ("nose", "1"),
        ("nose:exact", "1"),
        ("link.nose", "1"),
        ("general-practitioner.", "1"),
        ("_has:Observation:patient:nose", "1"),
        ("__proto__", "1"),
        ("$where", "1"),
        ("family", ""),
        ("_include", "Observation:subject"),
    ],
)
def test_unknown_is_an_error_when_strict_and_a_warning_else(pair: tuple[str, str]) -> None:
    with pytest.raises(BadRequest):
        parse([pair], strict=True)
    query = parse([pair, ("gender", "male")])
    assert query.applied == (("gender", "male"),)
    assert [issue.severity for issue in query.issues] == ["warning"]
    assert pair[0].partition(":")[0] in query.issues[0].diagnostics


def test_a_condition_has_one_key_however_it_is_written() -> None:
    one = parse([("identifier", "s|1"), ("family", "Müller")]).tree
    other = parse([("family", "muller"), ("identifier", "s|1")]).tree
    assert grammar.condition_key("Patient", one) == grammar.condition_key("Patient", other)
    assert grammar.condition_key("Patient", one) != grammar.condition_key("Person", one)
    assert grammar.condition_key("Patient", one) != grammar.condition_key("Patient", parse([("family", "muller")]).tree)
