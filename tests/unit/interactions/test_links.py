import asyncio
from typing import Any

import pytest

from fhir_server.interactions.bundle_entries import Entry
from fhir_server.interactions.links import Links, with_conditional
from fhir_server.model import FhirRequest, Interaction
from fhir_server.threads import Threads

URN = "urn:uuid:1d4ad6d4-9b0a-4c2f-9d3e-53c6a1f0a001"
THERE = "http://elsewhere.example/fhir"


def entry(body: Any, full_url: str | None = None) -> Entry:
    return Entry(0, full_url, FhirRequest(Interaction.CREATE, "POST", "http://here.example/fhir", "1", body=body))


def linked(reference: str, full_url: str | None = None) -> str:
    links = Links(versions={"Patient/1": 3})
    links.add(URN, "Patient/1")
    links.add(f"{THERE}/Patient/a", "Patient/2")
    body = {"resourceType": "Observation", "subject": {"reference": reference}}
    after: str = links.rewrite(entry(body, full_url)).entry.request.body["subject"]["reference"]
    assert body == {"resourceType": "Observation", "subject": {"reference": reference}}
    return after


@pytest.mark.parametrize(
    ("reference", "after"),
    [
        (URN, "Patient/1"),
        (f"{URN}#part", "Patient/1#part"),
        (f"{URN}/_history/9", "Patient/1/_history/3"),
        (f"{URN}/_history/9#part", "Patient/1/_history/3#part"),
        (f"{THERE}/Patient/a", "Patient/2"),
        (f"{THERE}/Patient/a/_history/4", "Patient/2/_history/1"),
        (f"{THERE}/Patient/ab", f"{THERE}/Patient/ab"),
        ("urn:uuid:unknown", "urn:uuid:unknown"),
        ("Patient/a", "Patient/a"),
        ("#contained", "#contained"),
        ("Patient?identifier=1", "Patient?identifier=1"),
    ],
)
def test_links(reference: str, after: str) -> None:
    assert linked(reference) == after


@pytest.mark.parametrize(
    ("reference", "full_url", "after"),
    [
        ("Patient/a", f"{THERE}/Observation/x", "Patient/2"),
        ("Patient/a#part", f"{THERE}/Observation/x", "Patient/2#part"),
        ("Patient/a", "http://third.example/fhir/Observation/x", "Patient/a"),
        ("Patient/a", "urn:uuid:x", "Patient/a"),
    ],
)
def test_relative_links_belong_to_the_base_of_the_full_url(reference: str, full_url: str, after: str) -> None:
    assert linked(reference, full_url) == after


def test_what_has_no_link_is_shared() -> None:
    made = entry({"resourceType": "Patient", "active": True})
    assert Links().rewrite(made).entry is made


def test_links_in_a_json_patch() -> None:
    links = Links()
    links.add(URN, "Patient/1")
    patch = [{"op": "add", "path": "/subject", "value": {"reference": URN}}]
    after = links.rewrite(entry(patch)).entry.request.body
    assert after == [{"op": "add", "path": "/subject", "value": {"reference": "Patient/1"}}]


def test_conditional_references_are_listed_and_replaced() -> None:
    body = {
        "resourceType": "Observation",
        "subject": {"reference": "Patient?identifier=1"},
        "performer": [{"reference": "Practitioner?identifier=a|b"}, {"reference": "http://x.example/?a=1"}],
        "text": {"status": "generated", "div": '<div><a href="Patient?name=x">all</a></div>'},
    }
    found = Links().rewrite(entry(body))
    assert found.conditional == ("Patient?identifier=1", "Practitioner?identifier=a|b")
    keys = {"Patient?identifier=1": "Patient/1", "Practitioner?identifier=a|b": "Practitioner/2"}
    after = with_conditional(found, keys).body
    assert after["subject"]["reference"] == "Patient/1"
    assert after["performer"][0]["reference"] == "Practitioner/2"
    assert after["text"] == body["text"]


def test_a_pinned_version_that_turns_out_otherwise() -> None:
    links = Links(versions={"Patient/1": 2, "Patient/2": 2})
    links.add(URN, "Patient/1")
    links.rewrite(entry({"resourceType": "Observation", "subject": {"reference": f"{URN}/_history/1"}}))
    assert not links.correct({"Patient/1": 2, "Patient/2": 1})
    assert links.correct({"Patient/1": 1, "Patient/2": 1})
    assert links.versions == {"Patient/1": 1, "Patient/2": 2}
    assert not links.correct({"Patient/1": 1})


async def test_others_run_while_many_entries_are_rewritten() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(tick())
    await Links().rewritten([entry({"resourceType": "Patient"})] * 1000, Threads())
    other.cancel()
    assert ticks >= 9
