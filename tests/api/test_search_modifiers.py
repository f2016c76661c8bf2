"""Modifiers over HTTP, from MongoDB: a small hospital counted by hand."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.writing import put_at

Json = dict[str, Any]
LOINC = "http://loinc.org"
PETS = "http://test.example/pets"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
CANONICAL = "http://acme.example/fhir/Questionnaire/intake"


def observation(id_: str, *codings: Json, text: str | None = None, **members: Any) -> Json:
    code: Json = {"coding": list(codings)} if codings else {}
    if text is not None:
        code["text"] = text
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": code, **members}


def place(id_: str, parent: str | None = None) -> Json:
    part_of = {"partOf": {"reference": f"Location/{parent}"}} if parent else {}
    return {"resourceType": "Location", "id": id_, "name": id_, **part_of}


def encounter(id_: str, location: str) -> Json:
    return {
        "resourceType": "Encounter",
        "id": id_,
        "status": "finished",
        "class": {"code": "AMB"},
        "location": [{"location": {"reference": f"Location/{location}"}}],
    }


STORED: list[Json] = [
    observation("pug", {"system": PETS, "code": "pug", "display": "Pug (small)"}, text="Möps"),
    observation("dog", {"system": PETS, "code": "DOG", "display": "Dog"}),
    observation("cat", {"system": PETS, "code": "cat", "display": "Cat"}),
    observation("other-dog", {"system": "http://other.example", "code": "dog"}),
    observation("words", text="Pugnacious"),
    {
        "resourceType": "CodeSystem", "id": "pets", "url": PETS, "status": "active", "content": "complete",
        "hierarchyMeaning": "is-a", "concept": [{"code": "dog", "concept": [{"code": "pug"}]}, {"code": "cat"}],
    },
    {
        "resourceType": "ValueSet", "id": "dogs", "url": "http://test.example/dogs", "version": "1",
        "status": "active", "compose": {"include": [
            {"system": PETS, "filter": [{"property": "concept", "op": "is-a", "value": "dog"}]}]},
    },
    {"resourceType": "ValueSet", "id": "nameless", "status": "active"},
    {
        "resourceType": "ValueSet", "id": "endless", "url": "http://test.example/endless", "status": "active",
        "compose": {"include": [{"system": LOINC}]},
    },
    {
        "resourceType": "Patient", "id": "mr", "gender": "male",
        "identifier": [{"system": "http://mrn", "value": "12345", "type": {
            "coding": [{"system": V2, "code": "MR"}], "text": "Medical record"}}],
    },
    {
        "resourceType": "Patient", "id": "ss",
        "identifier": [{"value": "12345", "type": {"coding": [{"system": V2, "code": "SS"}]}}, {"value": "MR"}],
    },
    place("campus"), place("wing", "campus"), place("ward", "wing"), place("bed", "ward"), place("elsewhere"),
    place("circle-a", "circle-b"), place("circle-b", "circle-a"),
    encounter("in-bed", "bed"), encounter("in-wing", "wing"), encounter("on-campus", "campus"),
    encounter("away", "elsewhere"), encounter("round", "circle-a"),
    {"resourceType": "ValueSet", "id": "vs-1", "url": "http://acme.example/fhir/ValueSet/1", "status": "active"},
    {"resourceType": "ValueSet", "id": "vs-2", "url": "http://acme.example/fhir/ValueSet/1/2", "status": "active"},
    {"resourceType": "ValueSet", "id": "vs-10", "url": "http://acme.example/fhir/ValueSet/10", "status": "active"},
    {"resourceType": "ValueSet", "id": "vs-root", "url": "http://acme.example/", "status": "active"},
    *(
        {"resourceType": "QuestionnaireResponse", "id": f"q-{version or 'any'}", "status": "completed",
         "questionnaire": f"{CANONICAL}|{version}" if version else CANONICAL}
        for version in ("", "1", "1.2", "10")
    ),
    *(
        {"resourceType": "DocumentReference", "id": id_, "status": "current",
         "content": [{"attachment": {"contentType": type_}}]}
        for id_, type_ in (("xml", "text/xml"), ("utf-8", "text/XML; charset=UTF-8"), ("fhir", "text/xml+fhir"))
    ),
    {
        "resourceType": "Basic", "id": "profiled", "code": {"text": "x"},
        "meta": {"profile": ["http://acme.example/fhir/StructureDefinition/b|2.0"]},
    },
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _stored(server_url: str) -> None:
    put_at(server_url, *STORED)


async def found(client: httpx.AsyncClient, type_: str, query: Json) -> set[str]:
    answer = await client.get(type_, params=query)
    assert answer.status_code == 200, answer.text
    return {entry["resource"]["id"] for entry in answer.json().get("entry", ())}


async def refused(client: httpx.AsyncClient, type_: str, query: Json, status: int = 400) -> str:
    answer = await client.get(type_, params=query)
    assert answer.status_code == status, answer.text
    (issue,) = answer.json()["issue"]
    return str(issue["diagnostics"])


@pytest.mark.parametrize(
    ("name", "asked", "ids"),
    [
        # words of codes begin so, folded
        ("code:text", "pug", {"pug", "words"}),
        ("code:text", "PUG small", {"pug"}),
        ("code:text", "small", set()),
        ("code:text", "mops", {"pug"}),
        ("code:text", "mops,cat", {"pug", "cat"}),
        # value sets
        ("code:in", "http://test.example/dogs", {"pug", "dog"}),
        ("code:in", "http://test.example/dogs|1", {"pug", "dog"}),
        ("code:in", "ValueSet/dogs", {"pug", "dog"}),
        ("code:not-in", "ValueSet/dogs", {"cat", "other-dog", "words"}),
        ("status:in", "http://hl7.org/fhir/ValueSet/observation-status", {"pug", "dog", "cat", "other-dog", "words"}),
        ("status:not-in", "http://hl7.org/fhir/ValueSet/observation-status", set()),
        # hierarchies
        ("code:below", f"{PETS}|dog", {"pug", "dog"}),
        ("code:below", f"{PETS}|pug", {"pug"}),
        ("code:above", f"{PETS}|pug", {"pug", "dog"}),
        ("code:above", f"{PETS}|cat", {"cat"}),
        ("code:below", f"{PETS}|dog,{PETS}|cat", {"pug", "dog", "cat"}),
    ],
)
async def test_codes(client: httpx.AsyncClient, name: str, asked: str, ids: set[str]) -> None:
    assert await found(client, "Observation", {name: asked}) == ids


async def test_a_value_set_by_its_address_here(client: httpx.AsyncClient, server_url: str) -> None:
    assert await found(client, "Observation", {"code:in": f"{server_url}/ValueSet/dogs"}) == {"pug", "dog"}


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("code:in", "http://test.example/none", "neither stored on this server nor one of HL7's"),
        ("code:in", "ValueSet/none", "is not on this server"),
        ("code:in", "ValueSet/nameless", "has no url"),
        ("code:in", "http://test.example/endless", LOINC),
        ("code:below", f"{PETS}|horse", "horse"),
        ("code:below", "http://unknown.example|a", "http://unknown.example"),
        ("code:above", "dog", "[system]|[code]"),
        ("code:of-type", "a|b|c", "it takes above, below, in, missing, not, not-in, text"),
    ],
)
async def test_codes_that_cannot_be_told_are_refused(
    client: httpx.AsyncClient, name: str, asked: str, said: str
) -> None:
    diagnostics = await refused(client, "Observation", {name: asked})
    assert "Search parameter code" in diagnostics
    assert said in diagnostics


@pytest.mark.parametrize(
    ("name", "asked", "ids"),
    [
        ("identifier:of-type", f"{V2}|MR|12345", {"mr"}),
        ("identifier:of-type", f"{V2}|mr|12345", {"mr"}),
        ("identifier:of-type", f"{V2}|SS|12345", {"ss"}),
        ("identifier:of-type", f"{V2}|MR|1234", set()),
        ("identifier:text", "medical", {"mr"}),
        ("gender:in", "http://hl7.org/fhir/ValueSet/administrative-gender", {"mr"}),
        ("gender:not-in", "http://hl7.org/fhir/ValueSet/administrative-gender", {"ss"}),
    ],
)
async def test_identifiers_and_bound_codes(client: httpx.AsyncClient, name: str, asked: str, ids: set[str]) -> None:
    assert await found(client, "Patient", {name: asked}) == ids


@pytest.mark.parametrize(
    ("type_", "name", "asked", "ids"),
    [
        ("Encounter", "location:below", "wing", {"in-bed", "in-wing"}),
        ("Encounter", "location:below", "Location/campus", {"in-bed", "in-wing", "on-campus"}),
        ("Encounter", "location:above", "bed", {"in-bed", "in-wing", "on-campus"}),
        ("Encounter", "location:above", "wing", {"in-wing", "on-campus"}),
        ("Encounter", "location:below", "circle-b", {"round"}),
        ("Encounter", "location:above", "circle-b", {"round"}),
        ("Encounter", "location:below", "nowhere", set()),
        ("Location", "partof:below", "campus", {"wing", "ward", "bed"}),
        ("Location", "partof:above", "ward", {"wing", "ward", "bed"}),
        ("Location", "_has:Encounter:location:location:below", "wing", {"bed", "wing"}),
        ("Encounter", "location.partof:below", "wing", {"in-bed"}),
    ],
)
async def test_places(client: httpx.AsyncClient, type_: str, name: str, asked: str, ids: set[str]) -> None:
    assert await found(client, type_, {name: asked}) == ids


@pytest.mark.parametrize(
    ("type_", "name", "asked", "ids"),
    [
        ("ValueSet", "url:below", "http://acme.example/fhir/ValueSet/1", {"vs-1", "vs-2"}),
        ("ValueSet", "url:below", "http://acme.example/fhir/", {"vs-1", "vs-2", "vs-10"}),
        ("ValueSet", "url:below", "http://acme.example", {"vs-1", "vs-2", "vs-10", "vs-root"}),
        ("ValueSet", "url:above", "http://acme.example/fhir/ValueSet/1/2", {"vs-1", "vs-2", "vs-root"}),
        ("ValueSet", "url:above", "http://acme.example/fhir/ValueSet/10", {"vs-10", "vs-root"}),
        ("QuestionnaireResponse", "questionnaire:below", CANONICAL, {"q-any", "q-1", "q-1.2", "q-10"}),
        ("QuestionnaireResponse", "questionnaire:below", f"{CANONICAL}|1", {"q-1", "q-1.2"}),
        ("QuestionnaireResponse", "questionnaire:below", "http://acme.example/fhir", set()),  # versions only
        ("DocumentReference", "contenttype", "text/xml", {"xml"}),
        ("DocumentReference", "contenttype:below", "text/xml", {"xml", "utf-8"}),
        ("DocumentReference", "contenttype:below", "text", {"xml", "utf-8", "fhir"}),
        ("QuestionnaireResponse", "questionnaire", f"{CANONICAL}|1", {"q-1"}),
        ("Basic", "_profile", "http://acme.example/fhir/StructureDefinition/b", {"profiled"}),
        ("Basic", "_profile", "http://acme.example/fhir/StructureDefinition/b|2.0", {"profiled"}),
        ("Basic", "_profile:below", "http://acme.example/fhir", {"profiled"}),
        ("Basic", "_profile:below", "http://acme.example/fhir/StructureDefinition/b|2", {"profiled"}),
        ("Basic", "_profile:below", "http://acme.example/fhir/StructureDefinition/b|1", set()),
        ("Basic", "_profile:above", "http://acme.example/fhir/StructureDefinition/b/c", {"profiled"}),
    ],
)
async def test_urls(client: httpx.AsyncClient, type_: str, name: str, asked: str, ids: set[str]) -> None:
    assert await found(client, type_, {name: asked}) == ids


async def test_a_conditional_interaction_takes_them_too(client: httpx.AsyncClient) -> None:
    new = observation("ignored", {"system": PETS, "code": "cat"})
    answer = await client.post("Observation", json=new, headers={"If-None-Exist": f"code:below={PETS}|cat"})
    assert answer.status_code == 200
    assert "Observation/cat/" in answer.headers["Content-Location"]


async def test_value_sets_count_over_all_types(client: httpx.AsyncClient) -> None:
    everywhere = {"_tag:in": "http://hl7.org/fhir/ValueSet/administrative-gender"}
    assert await found(client, "", everywhere) == set()
    large = {"_tag:in": "http://hl7.org/fhir/ValueSet/languages"}
    assert await found(client, "", large) == set()
    assert "search one type" in await refused(client, "", {"_tag:in": "http://hl7.org/fhir/ValueSet/all-types"})
