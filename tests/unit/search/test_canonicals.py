"""Canonical urls: a reference and what it leads to have one name in their entries."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.document import entry
from fhir_server.search import canonicals
from fhir_server.search.extract import extract

BASE_URL = "http://here.example/fhir"
LONG = "http://long.example/" + "x" * 150


def names(type_: str, **members: Any) -> set[str]:
    index = extract({"resourceType": type_, "id": "1", **members}, BASE_URL).index
    return set(entry.values(entry.canonical_key(type_), index))


def asked(questionnaire: str) -> set[str]:
    resource = {"resourceType": "QuestionnaireResponse", "id": "1", "questionnaire": questionnaire}
    return set(entry.values("QuestionnaireResponse.questionnaire", extract(resource, BASE_URL).index))


@pytest.mark.parametrize("url", ["http://q", "urn:oid:1.2.3", LONG, "http://else.example/fhir/Questionnaire/1"])
@pytest.mark.parametrize(
    ("version", "reference", "leads"),
    [
        ("2", "", True), ("2", "|2", True), ("2", "|3", False), ("2", "|2.1", False), (None, "", True),
        (None, "|2", False), ("2-Beta", "|2-Beta", True), ("v" * 200, "|" + "v" * 200, True),
    ],
)  # fmt: skip
def test_a_reference_leads_to_its_url_and_the_version_that_it_gives(
    url: str, version: str | None, reference: str, leads: bool
) -> None:
    held = {"url": url} if version is None else {"url": url, "version": version}
    shared = names("Questionnaire", **held) & asked(url + reference)
    assert bool(shared) is leads
    assert all(map(entry.may_be_canonical, shared))


def test_what_has_no_canonical_url_has_no_name() -> None:
    assert not names("Questionnaire", version="2")
    assert not names("Patient")
    assert "Subscription" not in canonicals.NAMED  # its url is that of an endpoint
    assert asked("Questionnaire/1") == {"Questionnaire/1"}
