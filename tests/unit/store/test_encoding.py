"""Drafts: encoded once, and never heavier than their text lets expect."""

from itertools import product
from string import ascii_letters, digits
from typing import Any

import pytest

from fhir_server.model import Change
from fhir_server.store import admission
from fhir_server.store.encoding import Draft

SHORT = ["".join(pair) for pair in product(ascii_letters + digits, repeat=2)]
CODES = [{"code": code} for code in SHORT]


def draft(type_: str, **members: Any) -> Draft:
    resource = {"resourceType": type_, "id": "1", **members}
    return Draft(Change("POST", type_, "1", None, resource), 1_700_000_000_000_000, "http://fhir.test/fhir")


@pytest.mark.parametrize(
    "dense",
    [
        draft("Patient", name=[{"given": SHORT}]),
        draft("Practitioner", name=[{"given": SHORT}], address=[{"line": SHORT}]),
        draft("Observation", component=[{"code": {"coding": CODES}}], effectiveDateTime="2020"),
        draft("Observation", code={"coding": CODES}, effectiveDateTime="2020"),
    ],
    ids=["Patient", "Practitioner", "component", "code"],
)
def test_entries_in_every_few_bytes_weigh_less_than_the_ceiling(dense: Draft) -> None:
    assert admission.estimate(dense.text_bytes) < dense.encoded().weight < admission.ceiling(dense.text_bytes)


def test_a_retry_sends_the_same_bytes() -> None:
    one = draft("Patient")
    assert one.encoded() is one.encoded()
