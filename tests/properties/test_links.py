"""Chains and `_has`: what the store finds, whichever way it takes, is what each resource says read one by one."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.access.limits import Access
from fhir_server.document import codec
from fhir_server.model import Version
from fhir_server.search import compile as compiling
from fhir_server.search import cursor, grammar
from fhir_server.search.extract import Extracted, extract
from fhir_server.search.match import matches
from fhir_server.search.query import Query
from fhir_server.search.rewrite import restricted
from fhir_server.search.tree import EVERYTHING, All, Any_, Chain, Equals, Expr, Has, InCompartment, Not
from fhir_server.store import database, grouped, links, reader, schema, totals
from resources import json_codec
from resources.parameters import BASE

Json = dict[str, Any]
BASE_URL = "http://here.example/fhir"
SECRET = b"s" * 32
COUNTS = {
    "Patient": 40, "Practitioner": 8, "Organization": 6, "Encounter": 40, "Observation": 120, "Questionnaire": 20,
    "QuestionnaireResponse": 60, "PlanDefinition": 20,
}  # fmt: skip
LONG = "http://forms.example/" + "long" * 40
ANSWER_TIME = 1_700_000_000_000_000


@dataclass(frozen=True, slots=True)
class Held:
    """A resource and its entries."""

    version: Version
    extracted: Extracted


def corpus(seed: int) -> dict[str, Held]:  # noqa: C901 - one a type
    rng = random.Random(seed)

    def some(type_: str) -> Json:
        return {"reference": f"{type_}/{rng.randrange(COUNTS[type_] + 2)}"}  # some lead to nothing

    def some_url() -> str:
        return rng.choice(["http://q.example/1", "http://q.example/2", "urn:oid:1.2.3", LONG])

    def body(type_: str) -> Json:  # noqa: PLR0911 - one a type
        match type_:
            case "Organization":
                return {"name": rng.choice(["North", "South"]), "partOf": some("Organization")}
            case "Practitioner":
                return {"name": [{"family": rng.choice(["Ng", "Ode"])}], "gender": rng.choice(["male", "female"])}
            case "Patient":
                return {
                    "gender": rng.choice(["male", "female"]),
                    "name": [{"family": rng.choice(["Smith", "Shaw", "Ng"])}],
                    "generalPractitioner": [some(rng.choice(["Practitioner", "Organization"])) for _ in range(2)],
                    "managingOrganization": some("Organization"),
                }
            case "Encounter":
                return {"status": rng.choice(["planned", "finished"]), "class": {"code": "AMB"},
                        "subject": some("Patient")}  # fmt: skip
            case "Questionnaire":
                form = {"status": rng.choice(["draft", "active"]), "title": rng.choice(["Intake", "Pain"])}
                form |= {"url": some_url()} if rng.random() < 0.9 else {}
                return form | ({"version": rng.choice(["1", "2-B"])} if rng.random() < 0.7 else {})
            case "PlanDefinition":
                named = [some_url() + rng.choice(["", "|1"]) for _ in range(rng.randrange(3))]
                return {"status": rng.choice(["draft", "active"]), "url": some_url(), "version": "1",
                        "action": [{"definitionCanonical": each} for each in named]}  # fmt: skip
            case "QuestionnaireResponse":
                asked = some_url() + rng.choice(["", "|1", "|2-B", "|2-b"])
                if rng.random() < 0.2:
                    asked = f"{BASE_URL}/{some('Questionnaire')['reference']}"
                return {"status": "completed", "subject": some("Patient"), "questionnaire": asked}
        held: Json = {"status": rng.choice(["final", "amended"]), "code": {"coding": [{"code": rng.choice("abcd")}]}}
        held["subject"] = some("Patient")
        held["performer"] = [some(rng.choice(["Practitioner", "Organization"])) for _ in range(rng.randrange(3))]
        return held | ({"encounter": some("Encounter")} if rng.random() < 0.7 else {})

    found = {}
    for type_, count in COUNTS.items():
        for number in range(count):
            resource = {"resourceType": type_, "id": str(number), **body(type_)}
            updated = ANSWER_TIME + rng.randrange(60)
            entries = extract(resource, BASE_URL)
            text, compartments = json_codec.encode(resource), tuple(entries.compartments)
            version = Version(type_, str(number), 1, updated, "POST", text, compartments)
            found[version.key] = Held(version, entries)
    return found


def refers(held: Held, reference: str, other: Held) -> bool:
    """Whether a resource refers to another: by its key or, read from the resources themselves, by its url."""
    if f"{reference}|{other.version.key}" in held.extracted.index:
        return True
    if other.version.type not in ("Questionnaire", "PlanDefinition"):
        return False
    resource, named = (json_codec.decode(each.version.text or b"") for each in (held, other))
    values = {
        "QuestionnaireResponse.questionnaire": [resource.get("questionnaire")],
        "PlanDefinition.definition": [action["definitionCanonical"] for action in resource.get("action", ())],
    }
    names = (named["url"], f"{named['url']}|{named.get('version')}") if "url" in named else ()
    return any(value in names for value in values.get(reference, ()))


def naive(tree: Expr, key: str, held: dict[str, Held]) -> bool:
    """The tree read resource by resource, a link by looking at every resource that there is."""
    match tree:
        case All(parts):
            return all(naive(part, key, held) for part in parts)
        case Any_(parts):
            return any(naive(part, key, held) for part in parts)
        case Not(part):
            return not naive(part, key, held)
        case Chain(reference, target, inner):
            return any(
                refers(held[key], reference, held[other]) and naive(inner, other, held)
                for other in held
                if other.startswith(f"{target}/")
            )
        case Has(source, reference, inner):
            return any(
                refers(held[other], reference, held[key]) and naive(inner, other, held)
                for other in held
                if other.startswith(f"{source}/")
            )
    version = held[key].version
    return matches(tree, held[key].extracted, type_=version.type, id_=version.id, updated=version.updated)


OF_PATIENT = [
    ("gender", "male"), ("gender:not", "male"), ("family", "s"), ("general-practitioner.name", "Ng,North"),
    ("general-practitioner:Practitioner.gender", "female"), ("organization.partof.name", "North"),
    ("_has:Observation:patient:code", "a"), ("_has:Observation:subject:performer.name", "Ode,South"),
    ("_has:Encounter:patient:_has:Observation:encounter:code", "b"), ("_has:Encounter:patient:status", "planned"),
    ("_id", "1,2,3,4,5"),
]  # fmt: skip
QUERIES = {
    "Patient": OF_PATIENT,
    "Observation": [
        ("code", "a,b"), ("code", "c"), ("status:not", "final"), ("performer.name", "North"),
        ("encounter.status", "planned"),
        *((f"{head}.{name}", text) for head in ("subject:Patient", "patient", "encounter.patient")
          for name, text in OF_PATIENT if not name.startswith("general")),
        ("patient.general-practitioner.gender", "male"),
        ("subject.name", "North"),
    ],
    "Encounter": [("patient.gender", "male"), ("_has:Observation:encounter:patient.family", "shaw"),
                  ("status", "planned")],
    "Organization": [("_has:Patient:organization:gender", "male"), ("_has:Observation:performer:code", "d"),
                     ("partof.name:exact", "North"), ("_has:Organization:partof:name", "North")],
    "Questionnaire": [("_has:QuestionnaireResponse:questionnaire:patient.gender", "male"), ("status", "draft"),
                      ("_has:QuestionnaireResponse:questionnaire:_id", "1,2,3,4,5,6,7,8"), ("title", "pain"),
                      ("_has:PlanDefinition:definition:status", "active"),
                      ("_has:PlanDefinition:definition:definition:PlanDefinition.status", "draft")],
    "PlanDefinition": [("definition.status", "draft"), ("definition:Questionnaire.title", "pain"),
                       ("_has:PlanDefinition:definition:definition.title", "intake"),
                       ("_has:PlanDefinition:definition:status", "draft")],
    "QuestionnaireResponse": [("questionnaire.title", "pain"), ("questionnaire:Questionnaire.status", "draft"),
                              ("questionnaire._has:PlanDefinition:definition:status", "draft"),
                              ("patient.gender", "male"),
                              ("questionnaire._has:QuestionnaireResponse:questionnaire:patient.family", "s")],
}  # fmt: skip
Pairs = list[tuple[str, str]]


@st.composite
def queries(draw: st.DrawFn) -> tuple[str, Pairs]:
    type_ = draw(st.sampled_from(list(QUERIES)))
    pairs = draw(st.lists(st.sampled_from(QUERIES[type_]), min_size=1, max_size=3, unique=True))
    order = draw(st.sampled_from(["", "_id", "-_lastUpdated", "_lastUpdated"]))
    return type_, [*pairs, ("_sort", order)] if order else pairs


def read(type_: str, pairs: Pairs, count: int = 1000) -> Query:
    return grammar.parse(
        type_, tuple(pairs), parameters=BASE, base_url=BASE_URL, strict=True, default_count=count, max_count=1000,
        now_ms=0,
    )  # fmt: skip


class Limited(Access):
    """A caller who sees women only, and observations and encounters of one patient."""

    def limit(self, type_: str) -> Expr:
        limits: dict[str, Expr] = {
            "Patient": Equals("Patient.gender|female|http://hl7.org/fhir/administrative-gender"),
            "Observation": Not(InCompartment("Patient/1")),
            "Organization": Not(Equals("Organization.name|north|North")),
            "Questionnaire": Not(Equals("Questionnaire.version|1|")),
        }
        return limits.get(type_, EVERYTHING)


CALLERS = [Access.system("tests"), Limited.system("tests")]


class Stored:
    """The corpus, and a database that holds it."""

    def __init__(self, db: database.Database, held: dict[str, Held]) -> None:
        self.db = db
        self.held = held


@pytest.fixture
async def stored(mongo_uri: str, database_name: str) -> AsyncIterator[Stored]:
    db = await database.connect(mongo_uri, database_name)
    await schema.prepare(CALLERS[0], db)
    held = corpus(7)
    await db.resources.insert_many(
        codec.to_document(one.version, json_codec.decode(one.version.text or b""), one.extracted)
        for one in held.values()
    )
    yield Stored(db, held)
    await db.close()


# How many is few, so that each way is taken: few ids, all tested row by row, groups of few.
WAYS = {"ids": {}, "rows": {"MANY": 2, "MANY_REFERRERS": 1, "AT_FIRST": 1}, "mixed": {"MANY": 12, "MANY_REFERRERS": 9}}


@pytest.fixture(params=[*WAYS, "groups"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in WAYS.get(request.param, {}).items():
        monkeypatch.setattr(links, name, value)
    monkeypatch.setattr(links, "BATCH", 7)
    if request.param == "groups":
        monkeypatch.setattr(compiling, "MERGED", 2)
        monkeypatch.setattr(grouped, "FIRST", 2)
        monkeypatch.setattr(grouped, "LARGEST", 5)
    way: str = request.param
    return way


COMMON = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@COMMON
@given(asked=queries(), caller=st.sampled_from(CALLERS))
async def test_links_lead_where_reading_one_by_one_leads(
    stored: Stored, way: str, asked: tuple[str, Pairs], caller: Access
) -> None:
    db, held = stored.db, stored.held
    query = read(*asked)
    tree = restricted(query, caller.limit)
    expected = sorted(key for key in held if naive(tree, key, held))
    page = await reader.search(caller, db, query, secret=SECRET)
    assert sorted(version.key for version in page.versions) == expected, way
    assert await totals.count(caller, db, query) == len(expected)
    conditions = await reader.matching(caller, db, asked[0], query.tree, most=1)
    assert len(conditions) == min(2, len(expected))


@COMMON
@given(asked=queries(), size=st.integers(1, 9))
async def test_pages_of_links_are_the_whole_each_row_once(
    stored: Stored, way: str, asked: tuple[str, Pairs], size: int
) -> None:
    db = stored.db
    caller = CALLERS[0]
    whole = [version.key for version in (await reader.search(caller, db, read(*asked), secret=SECRET)).versions]
    query = read(*asked, count=size)
    paged: list[str] = []
    while True:
        page = await reader.search(caller, db, query, secret=SECRET)
        paged += [version.key for version in page.versions]
        if page.next is None or len(paged) > len(whole):
            break
        query = replace(query, cursor=cursor.seal(page.next, query, SECRET))
    assert sorted(paged) == sorted(whole), way


@pytest.mark.parametrize("way", ["groups"], indirect=True)
async def test_a_long_chain_goes_through_groups(stored: Stored, way: str) -> None:
    query = read("Observation", [("patient.gender", "male")], 9)
    page = await reader.search(CALLERS[0], stored.db, query, secret=SECRET)
    assert page.next is not None, way
    assert page.next.group is not None
