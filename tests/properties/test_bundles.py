"""Whatever is posted as a Bundle is answered by entries or refused with a reason; never a fault of ours."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.interactions import bundle_entries
from fhir_server.interactions.bundle_entries import Entry, Refused
from fhir_server.interactions.links import Links
from fhir_server.model import FhirRequest, Interaction
from fhir_server.threads import Threads
from resources import validation
from resources.outcome import BadRequest

BASE = "http://here.example/fhir"
URNS = [f"urn:uuid:0000000{number}-0000-4000-8000-000000000000" for number in range(4)]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]) | anything
urls = st.sampled_from(
    ["Patient", "Patient/1", "Patient?identifier=1", f"{BASE}/Patient/1", "$x", "", "/", "//", "a:b"]
)
resources = st.fixed_dictionaries({"resourceType": st.sampled_from(["Patient", "Binary", "Parameters"]) | anything})
requests = st.fixed_dictionaries(
    {"method": methods, "url": urls | st.text(max_size=20) | anything},
    optional=dict.fromkeys(("ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince", "other"), anything),
)
entries = st.fixed_dictionaries(
    {},
    optional={
        "request": requests | anything,
        "resource": resources | anything,
        "fullUrl": st.sampled_from(URNS) | anything,
        "other": anything,
    },
)


def outer(raw: Any) -> FhirRequest:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": raw}
    return FhirRequest(Interaction.BUNDLE, "POST", BASE, "1", body=bundle)


@settings(max_examples=150, deadline=None)
@given(st.lists(entries | anything, max_size=6) | anything)
def test_every_entry_is_understood_or_refused_with_its_place(raw: Any) -> None:
    if not isinstance(raw, list):
        with pytest.raises(BadRequest):
            asyncio.run(bundle_entries.parse(outer(raw), Threads()))
        return
    found = asyncio.run(bundle_entries.parse(outer(raw), Threads()))
    assert [item.position for item in found] == list(range(len(raw)))
    for item in found:
        if isinstance(item, Refused):
            assert 400 <= item.error.status < 500
            assert all(
                (issue.expression or "").startswith(f"Bundle.entry[{item.position}]") for issue in item.error.issues
            )


def observation(subjects: list[str]) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "focus": [{"reference": subject} for subject in subjects],
    }  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(URNS), min_size=1, max_size=6), st.sets(st.sampled_from(URNS)))
def test_links_to_entries_are_replaced_and_no_others(subjects: list[str], known: set[str]) -> None:
    links = Links()
    for urn in known:
        links.add(urn, f"Patient/{urn[9:]}")
    body = observation(subjects)
    request = FhirRequest(Interaction.CREATE, "POST", BASE, "1", "Observation", body=body)
    after = links.rewrite(Entry(0, None, request)).entry.request.body
    assert [each["reference"] for each in after["focus"]] == [
        f"Patient/{urn[9:]}" if urn in known else urn for urn in subjects
    ]
    assert body == observation(subjects)
    assert not validation.validate(after)
