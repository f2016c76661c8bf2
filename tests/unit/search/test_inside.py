"""Chains into the first resource of a Bundle: it is found by what it says itself, and nothing else can be asked."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.search import grammar
from fhir_server.search.extract import extract
from fhir_server.search.match import matches
from resources.outcome import BadRequest
from resources.parameters import BASE

BASE_URL = "http://here.example/fhir"
COMPOSITION = {
    "resourceType": "Composition", "id": "c", "status": "final", "date": "2020-02", "title": "Discharge letter",
    "subject": {"reference": "Patient/1"}, "identifier": {"system": "urn:x", "value": "7"},
}  # fmt: skip


def finds(name: str, text: str, *held: dict[str, Any]) -> bool:
    found = grammar.parse(
        "Bundle", ((name, text),), parameters=BASE, base_url=BASE_URL, strict=True, default_count=20, max_count=100,
        now_ms=0,
    )  # fmt: skip
    bundle = {"resourceType": "Bundle", "id": "1", "type": "document", "entry": [{"resource": each} for each in held]}
    return matches(found.tree, extract(bundle, BASE_URL), type_="Bundle", id_="1", updated=0)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("composition.title", "discharge", True), ("composition.title", "letter", False),
        ("composition:Composition.title:contains", "LETTER", True), ("composition.status", "final", True),
        ("composition.status:not", "final", False), ("composition.status:not", "amended", True),
        ("composition.date", "2020", True), ("composition.date", "gt2021", False), ("composition._id", "c", True),
        ("composition._id", "d", False), ("composition.subject", "Patient/1", True),
        ("composition.type:missing", "true", True), ("composition.title:missing", "true", False),
        ("composition.identifier", "urn:x|7", True), ("composition", "c", True),
    ],
)  # fmt: skip
def test_the_first_resource_is_asked(name: str, text: str, found: bool) -> None:
    assert finds(name, text, COMPOSITION) is found


def test_of_a_message_it_is_the_header() -> None:
    header = {"resourceType": "MessageHeader", "eventCoding": {"code": "adt"}, "source": {"endpoint": "http://x"}}
    assert finds("message.event", "adt", header)
    assert not finds("composition.status:not", "final", header)


def test_other_entries_are_not_asked() -> None:
    assert not finds("composition.status", "final", {"resourceType": "Basic", "code": {"text": "x"}}, COMPOSITION)


@pytest.mark.parametrize(
    "name", ["composition.patient.name", "composition._lastUpdated", "composition._has:List:item:_id"]
)
def test_what_it_does_not_say_itself_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="inside of the Bundle") as refused:
        finds(name, "2020", COMPOSITION)
    assert refused.value.issues[0].code == "not-supported"
