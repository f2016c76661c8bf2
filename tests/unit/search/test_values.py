"""What each parameter type finds, counted by hand from https://hl7.org/fhir/R4/search.html."""

from __future__ import annotations

from typing import Any

import pytest

from resources.outcome import BadRequest
from tests.unit.search.finding import BASE_URL, finds

LOINC = "http://loinc.org"


@pytest.mark.parametrize(
    "text",
    ["a/b/c", "Foo/1", "Patient/", "/", "Patient/1/2", "Patient/1/_history/", "patient/1", "a_b", "Patient?name=x",
     "#in", f"{BASE_URL}/Foo/1", f"{BASE_URL}/Patient/a_b", "Patient/" + "a" * 65],
)  # fmt: skip
def test_what_can_be_no_reference(text: str) -> None:
    with pytest.raises(BadRequest, match=r"an id, \[type\]/\[id\] or an absolute URL is expected"):
        finds("Observation", ("subject", text), {})


@pytest.mark.parametrize(
    "text",
    ["http://else.example/fhir/Patient/1", "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7", "Organization/1",
     f"{BASE_URL}/Patient/1", "Patient/1/_history/2", "http://else.example/Foo/1"],
)  # fmt: skip
def test_what_can_be_a_reference(text: str) -> None:
    assert finds("Observation", ("subject", text), {"subject": {"reference": text}})
    assert not finds("Observation", ("subject", text), {"subject": {"reference": "Patient/9"}})


@pytest.mark.parametrize("name", ["family:", "gender:", "organization:", "organization:.name", "_id:", "_text:",
                                  "_has:Observation:subject:code:"])  # fmt: skip
def test_an_empty_modifier_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match=r"empty modifier|after the colon"):
        finds("Patient", (name, "x"), {})


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("Sørensen", "sorensen"),
        ("Łódź", "lodz"),
        ("Øre", "ore"),
        ("Đorđević", "dordevic"),
        ("Ægir", "aegir"),
        ("Þór", "thor"),
        ("Żółć", "zolc"),
        ("Guðrún", "gudrun"),
        ("Lœuillet", "loeuillet"),
        ("Ħamrun", "hamrun"),
        ("Diyarbakır", "diyarbakir"),
        ("Əliyev", "eliyev"),
        ("Ɗanladi", "danladi"),
        ("Oʻahu", "oahu"),
        ("Ǿ", "o"),
        ("Straße", "STRASSE"),
    ],
)
def test_letters_of_other_keyboards(held: str, asked: str) -> None:
    person = {"name": [{"family": held}]}
    assert finds("Patient", ("family", asked), person)
    assert finds("Patient", ("family", held.upper()), person)
    assert finds("Patient", ("family:contains", asked[1:] or asked), person)
    assert finds("Patient", ("_filter", f'family co "{asked[1:] or asked}"'), person)
    assert finds("Patient", ("phonetic", asked), person)
    assert finds("Patient", ("family:exact", held), person)
    assert not finds("Patient", ("family:exact", asked), person)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (("family", "mull"), True),
        (("family", "MÜLLER"), True),
        (("family", "uller"), False),
        (("family:contains", "ULLER"), True),
        (("family:exact", "Müller-Lüdenscheidt"), True),
        (("family:exact", "müller-lüdenscheidt"), False),
        (("family:exact", "Müller"), False),
        (("family", "mullerludenscheidt"), True),
        (("name", "o'brien,ann"), True),
        (("given", "ann  sofie"), True),
        (("given", "Sofie"), False),
        (("address", "12 main st"), True),
        (("address-city", "são"), True),
        (("address", "x\\,y"), True),
        (("address", "x\\,z"), False),
    ],
)
def test_strings(query: tuple[str, str], found: bool) -> None:
    person = {
        "name": [{"family": "Müller-Lüdenscheidt", "given": ["Ann\tSofie"]}],
        "address": [{"line": ["12, Main St."], "city": "Sao Paulo", "district": "X,Y"}],
    }
    assert finds("Patient", query, person) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("meyer", True),
        ("Myer", True),
        ("catherine", True),
        ("Katherine Meyer", True),
        ("Katherine Smith", False),
        ("Smith,meyer", True),
        ("Miller", False),
        ("o’brien", True),
        ("李", True),
        ("陳", False),
        ("3", True),
    ],
)
def test_names_by_their_sound(asked: str, found: bool) -> None:
    person = {"name": [{"family": "Meyer-O'Brien", "given": ["Kathryn", "李"], "suffix": ["3."]}]}
    assert finds("Patient", ("phonetic", asked), person) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (("identifier", "A1"), True),
        (("identifier", "a1"), False),  # two identifiers that differ in case may be two people's
        (("identifier", "http://s|A1"), True),
        (("identifier", "http://t|A1"), False),
        (("identifier", "|A1"), False),
        (("identifier", "|B\\|2"), True),
        (("identifier", "B"), False),
        (("identifier", "http://s|"), True),
        (("identifier", "http://t|"), False),
        (("gender", "male"), True),
        (("gender", "MALE"), True),
        (("gender", "http://hl7.org/fhir/administrative-gender|male"), True),
        (("gender", "http://hl7.org/fhir/administrative-gender|"), True),
        (("gender", "http://other|"), False),
        (("gender:not", "male"), False),
        (("gender:not", "female,other"), True),
        (("gender:not", "female,male"), False),
        (("language:not", "de"), True),  # has none
        (("active", "false"), True),
        (("deceased", "false"), True),
        (("email", "ANN@x.example"), True),
        (("phone", "ann@x.example"), False),
        (("email", "|ann@x.example"), True),  # contact points have no system
        (("email", "email|ann@x.example"), False),
        (("telecom", "ann@x.example"), True),
        (("active", "|false"), True),
        (("active", "http://hl7.org/fhir/special-values|false"), True),
        (("_tag", "http://s|T"), True),
        (("_tag:text", "tag"), True),
        (("identifier:text", "medical record"), True),
        (("identifier:text", "record"), False),
        (("identifier:of-type", "http://t|mr|A1"), True),
        (("identifier:of-type", "http://t|MR|B\\|2"), False),
        (("gender:missing", "true"), False),
        (("birthdate:missing", "true"), True),
        (("identifier:missing", "false"), True),
    ],
)
def test_tokens(query: tuple[str, str], found: bool) -> None:
    person = {
        "meta": {"tag": [{"system": "http://s", "code": "t", "display": "Tag (red)"}]},
        "identifier": [
            {
                "system": "http://s",
                "value": "A1",
                "type": {"text": "Medical record", "coding": [{"system": "http://t", "code": "MR"}]},
            },
            {"value": "B|2"},
        ],
        "gender": "male",
        "active": False,
        "telecom": [{"system": "email", "value": "Ann@X.example"}],
    }
    assert finds("Patient", query, person) == found


@pytest.mark.parametrize("found_by", ["Patient/1", "1", f"{BASE_URL}/Patient/1"])
@pytest.mark.parametrize("written", ["Patient/1", f"{BASE_URL}/Patient/1", "Patient/1/_history/4"])
def test_a_reference_to_this_server_is_the_same_however_it_is_written(found_by: str, written: str) -> None:
    observation = {"status": "final", "subject": {"reference": written}}
    assert finds("Observation", ("subject", found_by), observation)
    assert finds("Observation", ("patient", found_by), observation)
    assert finds("Observation", ("subject:Patient", "1"), observation)
    assert not finds("Observation", ("subject:Group", "1"), observation)


@pytest.mark.parametrize(
    ("query", "reference", "found"),
    [
        (("subject", "Patient/1"), {"reference": "http://other.example/fhir/Patient/1"}, False),
        (
            ("subject", "http://other.example/fhir/Patient/1"),
            {"reference": "http://other.example/fhir/Patient/1"},
            True,
        ),
        (("subject", "Patient/1/_history/4"), {"reference": "Patient/1/_history/4"}, True),
        (("subject", "Patient/1/_history/4"), {"reference": "Patient/1"}, False),
        (("subject", "Patient/1"), {"reference": "Patient/10"}, False),
        (("subject", "1"), {"reference": "Group/1"}, True),
        (("subject:identifier", "http://s|7"), {"identifier": {"system": "http://s", "value": "7"}}, True),
        (("subject:identifier", "7"), {"identifier": {"system": "http://s", "value": "7"}}, True),
        (("subject", "7"), {"identifier": {"system": "http://s", "value": "7"}}, False),
        (("subject", "urn:uuid:1"), {"reference": "urn:uuid:1"}, True),
    ],
)
def test_references(query: tuple[str, str], reference: dict[str, Any], found: bool) -> None:
    assert finds("Observation", query, {"status": "final", "subject": reference}) == found


@pytest.mark.parametrize(
    ("asked", "found"), [("http://q|1.0", True), ("http://q", True), ("http://q|2.0", False), ("http://q/", False)]
)
def test_canonicals_with_and_without_version(asked: str, found: bool) -> None:
    assert finds("QuestionnaireResponse", ("questionnaire", asked), {"questionnaire": "http://q|1.0"}) == found


@pytest.mark.parametrize(
    ("query", "held", "found"),
    [
        ("url:below=http://x/fhir", "http://x/fhir", True),
        ("url:below=http://x/fhir", "http://x/fhir/", True),
        ("url:below=http://x/fhir", "http://x/fhir/a/b", True),
        ("url:below=http://x/fhir", "http://x/fhirs", False),
        ("url:below=http://x/fhir/", "http://x/fhir/a", True),
        ("url:below=http://x/fhir/", "http://x/fhir", False),
        ("url:below=http://x/fhir", "http://x/FHIR/a", False),
        ("url:above=http://x/a/b/_history/5", "http://x/a/b", True),
        ("url:above=http://x/a/b/_history/5", "http://x/", True),
        ("url:above=http://x/a/b/_history/5", "http://x", True),
        ("url:above=http://x/a/b/_history/5", "http://x/a/b/_history/5", True),
        ("url:above=http://x/a/b/_history/5", "http://x/a/b/_history/5/c", False),
        ("url:above=http://x/a/b/", "http://x/a/b/", True),
        ("url:above=http://x/a/b/", "http://x/a/b", True),
        ("url:above=http://x/ab", "http://x/a", False),
    ],
)
def test_levels_of_urls(query: str, held: str, found: bool) -> None:
    name, _, asked = query.partition("=")
    assert finds("ValueSet", (name, asked), {"url": held}) == found


@pytest.mark.parametrize(("asked", "found"), [("http://x/A", True), ("http://x/a", False), ("http://x", False)])
def test_uris_are_equal_as_written(asked: str, found: bool) -> None:
    assert finds("ValueSet", ("url", asked), {"url": "http://x/A"}) == found


@pytest.mark.parametrize(
    ("asked", "held", "found"),
    [
        ("0.5", 0.5, True),
        ("0.5", 0.54, True),
        ("0.5", 0.55, False),
        ("0.5", 0.45, True),
        ("0.50", 0.54, False),
        ("ne0.5", 0.54, False),
        ("ne0.5", 0.55, True),
        ("gt0.5", 0.5, False),
        ("gt0.5", 0.501, True),
        ("ge0.5", 0.5, True),
        ("lt0.5", 0.5, False),
        ("le0.5", 0.5, True),
        ("sa0.5", 0.51, True),
        ("eb0.5", 0.5, False),
        ("ap0.5", 0.55, True),
        ("ap0.5", 0.56, False),
        ("5e-1", 0.54, True),
        ("100", 100.4, True),
        ("100", 100.5, False),
        ("1e2", 96, True),  # the specification's own example: 95 to 105
        ("1e2", 105, False),
    ],
)
def test_numbers(asked: str, held: float, found: bool) -> None:
    assert finds("RiskAssessment", ("probability", asked), {"prediction": [{"probabilityDecimal": held}]}) == found
