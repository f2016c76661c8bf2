from copy import deepcopy
from typing import Any

import pytest

from resources import references
from resources.references import Reference

BASE = "http://here.example/fhir"
Json = dict[str, Any]


def nowhere(_: str) -> str | None:
    return None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient/1", Reference("Patient", "1")),
        ("Patient/1/_history/2", Reference("Patient", "1", "2")),
        (f"{BASE}/Patient/1", Reference("Patient", "1")),
        (f"{BASE}/Patient/1/_history/2", Reference("Patient", "1", "2")),
        ("https://there.example/r4/Patient/1", Reference("Patient", "1", base="https://there.example/r4")),
        (f"{BASE}x/Patient/1", Reference("Patient", "1", base=f"{BASE}x")),
        ("http://a.example/Patient/Patient/1", Reference("Patient", "1", base="http://a.example/Patient")),
        ("urn:uuid:05efabf0-4be2", Reference(urn="urn:uuid:05efabf0-4be2")),
        ("urn:oid:1.2.3", Reference(urn="urn:oid:1.2.3")),
        ("#p1", Reference(fragment="p1")),
        ("#", Reference(fragment="")),
        ("Patient/1#p1", Reference("Patient", "1", fragment="p1")),
        ("http://x.example/q|1.2", Reference(uri="http://x.example/q", version="1.2")),
        (f"{BASE}/metadata", Reference(uri=f"{BASE}/metadata")),
        ("Patient?identifier=a|b&active=true", Reference("Patient", criteria="identifier=a|b&active=true")),
        (f"{BASE}/Patient?identifier=a", Reference("Patient", criteria="identifier=a")),
    ],
)
def test_parse(text: str, expected: Reference) -> None:
    assert references.parse(text, BASE) == expected


@pytest.mark.parametrize(
    "text",
    ["", "Patient", "Patient/", "/Patient/1", "patient/1", "Unheard/1", "Patient/a b", "Patient/" + "a" * 65,
     "Patient/1/", "Patient/1/_history/", "Unheard?a=b", "Patient?", "Patient/\u0661", "Patient/1\n",
     "http://a b.example/Patient/1"],
)  # fmt: skip
def test_what_is_no_reference_is_none(text: str) -> None:
    assert references.parse(text, BASE) is None


def test_local_references_have_a_key() -> None:
    assert [references.parse(text, BASE) for text in ("Patient/1/_history/2", "#a")] == [
        Reference("Patient", "1", "2"), Reference(fragment="a"),
    ]  # fmt: skip
    assert Reference("Patient", "1", "2").key == "Patient/1"
    assert Reference("Patient", "1", base="http://there.example").key is None
    assert Reference(fragment="a").key is None


OBSERVATION: Json = {
    "resourceType": "Observation",
    "subject": {"reference": "urn:uuid:p", "_reference": {"extension": [{"url": "u", "valueUri": "urn:uuid:p"}]}},
    "performer": [{"reference": "Practitioner/1"}, {"display": "nobody"}],
    "extension": [{"url": "urn:uuid:p", "valueReference": {"reference": "urn:uuid:e"}}],
    "_status": {"extension": [{"url": "u", "valueReference": {"reference": "urn:uuid:s"}}]},
    "contained": [{"resourceType": "Patient", "managingOrganization": {"reference": "urn:uuid:o"}}],
    "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:p"}],
    "note": [{"text": "urn:uuid:p"}],
}


def test_references_are_found_wherever_they_stand() -> None:
    found = [value for _, _, value in references.references_in(OBSERVATION)]
    assert found == ["urn:uuid:p", "Practitioner/1", "urn:uuid:e", "urn:uuid:s", "urn:uuid:o"]


def test_found_references_can_be_set() -> None:
    observation = deepcopy(OBSERVATION)
    for holder, name, value in references.references_in(observation):
        holder[name] = f"{value}!"
    assert observation["contained"][0]["managingOrganization"] == {"reference": "urn:uuid:o!"}


def test_resources_of_entries_are_their_own() -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": OBSERVATION}]}
    assert list(references.references_in(bundle)) == []


def test_members_called_reference_that_are_none_are_left_out() -> None:
    issue = {"resourceType": "DetectedIssue", "reference": "http://x.example", "patient": {"reference": "Patient/1"}}
    assert [value for _, _, value in references.references_in(issue)] == ["Patient/1"]


def test_rewrite_reaches_references_and_uris_and_no_other_text() -> None:
    before = deepcopy(OBSERVATION)
    new = references.rewrite(OBSERVATION, {"urn:uuid:p": "Patient/7", "urn:uuid:o": "Organization/8"}.get)
    assert before == OBSERVATION
    assert new["subject"]["reference"] == "Patient/7"
    assert new["subject"]["_reference"]["extension"][0]["valueUri"] == "Patient/7"
    assert new["extension"][0]["url"] == "Patient/7"
    assert new["extension"][0]["valueReference"]["reference"] == "urn:uuid:e"
    assert new["contained"][0]["managingOrganization"]["reference"] == "Organization/8"
    assert new["identifier"] == OBSERVATION["identifier"]
    assert new["note"] == OBSERVATION["note"]


def test_rewrite_shares_what_does_not_change() -> None:
    assert references.rewrite(OBSERVATION, nowhere) is OBSERVATION
    assert references.rewrite(OBSERVATION, {"urn:uuid:p": "x"}.get)["performer"] is OBSERVATION["performer"]


def test_rewrite_goes_into_entries() -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:p", "resource": OBSERVATION}]}
    entry = references.rewrite(bundle, {"urn:uuid:p": "Patient/7"}.get)["entry"][0]
    assert (entry["fullUrl"], entry["resource"]["subject"]["reference"]) == ("Patient/7", "Patient/7")


def test_rewrite_goes_into_lists_of_uris_with_nulls() -> None:
    plan: Json = {"resourceType": "CarePlan", "instantiatesUri": [None, "urn:uuid:p"]}
    plan["_instantiatesUri"] = [{"id": "a"}, None]
    assert references.rewrite(plan, {"urn:uuid:p": "x"}.get)["instantiatesUri"] == [None, "x"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<a href="urn:uuid:p">x</a>', '<a href="Patient/7?a=1&amp;b=2">x</a>'),
        ("<a class='b' href = 'urn:uuid:p'>x</a>", "<a class='b' href = 'Patient/7?a=1&amp;b=2'>x</a>"),
        ('<img alt="y" src="urn:uuid:p"/>', '<img alt="y" src="Patient/7?a=1&amp;b=2"/>'),
        ('<a href="urn:uuid:other">x</a>', '<a href="urn:uuid:other">x</a>'),
        ('<a href="a&amp;b">x</a>', '<a href="ampersand">x</a>'),
        ("urn:uuid:p", "urn:uuid:p"),
    ],
)
def test_links_in_narrative_are_rewritten(before: str, after: str) -> None:
    def div(inner: str) -> Json:
        text = f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'
        return {"resourceType": "Patient", "text": {"status": "generated", "div": text}}

    mapping = {"urn:uuid:p": "Patient/7?a=1&b=2", "a&b": "ampersand"}
    assert references.rewrite(div(before), mapping.get) == div(after)


@pytest.mark.parametrize(
    "resource", [{}, {"resourceType": 1}, {"resourceType": "Patient", "link": [None, 1, "x"], "text": []}]
)
def test_what_is_no_resource_is_left_alone(resource: Json) -> None:
    assert references.rewrite(resource, nowhere) is resource
    assert list(references.references_in(resource)) == []
