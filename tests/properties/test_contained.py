"""Contained resources: whatever one of them satisfies, the index leads to the resource that holds it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.document import entry
from fhir_server.search import contained, grammar
from fhir_server.search.extract import complete, extract
from fhir_server.search.match import matches
from resources import json_codec
from resources.parameters import BASE

Json = dict[str, Any]
BASE_URL = "http://here.example/fhir"

NAMES, CODES, DATES = ["Ann", "anna", "Bo"], ["a", "b", "a|b"], ["2020", "2020-02-03", "2021"]

patients = st.fixed_dictionaries(
    {"resourceType": st.just("Patient"), "id": st.sampled_from(["1", "2", "3"])},
    optional={
        "name": st.lists(st.fixed_dictionaries({"family": st.sampled_from(NAMES)}), min_size=1, max_size=2),
        "birthDate": st.sampled_from(DATES),
        "gender": st.sampled_from(["male", "female"]),
        "identifier": st.lists(
            st.fixed_dictionaries({"value": st.sampled_from(CODES)}, optional={"system": st.just("urn:s")}), min_size=1
        ),
        "managingOrganization": st.fixed_dictionaries({"reference": st.sampled_from(["Organization/1", "#o"])}),
    },
)
ranges = st.builds(str.__add__, st.sampled_from(["", "ne", "gt", "le", "sa", "eb", "ap"]), st.sampled_from(DATES))
codes = st.sampled_from(["a", "b", "a\\|b", "urn:s|a", "|b", "urn:s|"])
pairs = st.one_of(
    st.tuples(st.sampled_from(["family", "name", "family:exact", "family:contains"]), st.sampled_from(["a", "Ann"])),
    st.tuples(st.just("birthdate"), st.lists(ranges, min_size=1, max_size=2).map(",".join)),
    st.tuples(st.sampled_from(["identifier", "identifier:not"]), st.lists(codes, min_size=1, max_size=2).map(",".join)),
    st.tuples(st.just("gender"), st.sampled_from(["male", "male,female"])),
    st.tuples(st.just("organization"), st.sampled_from(["1", "Organization/1", "2"])),
    st.tuples(st.sampled_from(["family:missing", "birthdate:missing"]), st.sampled_from(["true", "false"])),
    st.tuples(st.just("_id"), st.sampled_from(["1", "2", "1,3", "9"])),
)


@settings(max_examples=300, deadline=None)
@given(held=st.lists(patients, max_size=3, unique_by=lambda one: str(one["id"])), asked=st.lists(pairs, max_size=3))
def test_what_is_found_in_it_leads_to_the_container(held: list[Json], asked: list[tuple[str, str]]) -> None:
    container = {"resourceType": "Basic", "id": "x", "code": {"text": "x"}, "contained": held}
    query = grammar.parse(
        "Patient", (*asked, ("_contained", "true")), parameters=BASE, base_url=BASE_URL, strict=True,
        default_count=10, max_count=10, now_ms=0,
    )  # fmt: skip
    stored = complete(container, json_codec.encode(container), BASE_URL, BASE)
    assert all(entry.is_rare(text) for text in stored.rare)
    assert not any("Patient" in text for text in stored.index if not text.startswith(entry.UNCOVERED))
    found = [
        one for one in held
        if matches(query.tree, extract(one, BASE_URL), type_="Patient", id_=one["id"], updated=0)
    ]  # fmt: skip
    leads = matches(contained.candidates(query.tree, "Patient"), stored, type_="Basic", id_="x", updated=0)
    assert leads >= bool(found)
    assert leads <= bool(held)
    plain = extract(container, BASE_URL)
    assert not matches(contained.candidates(query.tree, "Patient"), plain, type_="Basic", id_="x", updated=0)
