"""Every shape of search runs on its index, looks at few documents, and sorts in memory only where said."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from fhir_server.document import layout
from fhir_server.search import compile as compiling
from fhir_server.search import grammar, ordering
from fhir_server.search.extract import extract
from fhir_server.search.rewrite import restricted
from fhir_server.search.tree import EVERYTHING
from resources.parameters import BASE

Json = dict[str, Any]
BASE_URL = "http://here.example/fhir"
COUNT = 600


def observation(number: int) -> Json:
    return {
        "resourceType": "Observation",
        "id": str(number),
        "status": "final" if number % 2 else "amended",
        "code": {
            "coding": [{"system": "http://loinc.org", "code": str(number % 20), "display": f"Display {number % 20}"}]
        },
        "subject": {"reference": f"Patient/{number % 50}"},
        "effectiveDateTime": f"20{number % 100:02}-01-01T{number % 24:02}:00:00Z",
        "valueQuantity": {"value": number, "unit": "mg"},
    }


def patient(number: int) -> Json:
    return {
        "resourceType": "Patient",
        "id": str(number),
        "identifier": [
            {
                "system": "http://mrn",
                "value": str(number),
                "type": {"text": "Record", "coding": [{"system": "http://type", "code": "MR"}]},
            },
        ],
        "text": {"div": f"<div>Patient word{number}</div>"},
        "name": [{"family": f"F{number:03}"}],
        "birthDate": f"19{number % 100:02}-06-01",
    }


@pytest.fixture(scope="module")
def resources(mongo_uri: str) -> Iterator[Collection[Json]]:
    name = f"test_{uuid.uuid4().hex}"
    with MongoClient[Json](mongo_uri) as client:
        collection = client[name][layout.RESOURCES]
        for index in layout.INDEXES:
            partial: Json = {"partialFilterExpression": index.partial} if index.partial else {}
            collection.create_index(list(index.keys), name=index.name, **partial)
        collection.insert_many(stored(number) for number in range(COUNT))
        yield collection
        client.drop_database(name)


def stored(number: int) -> Json:
    resource = observation(number) if number % 2 else patient(number)
    found = extract(resource, BASE_URL)
    return {
        layout.ID: f"{resource['resourceType']}/{resource['id']}",
        layout.TYPE: resource["resourceType"],
        layout.UPDATED: number,
        layout.INDEX: found.index,
        **({layout.RARE: found.rare} if found.rare else {}),
        layout.RANGES: found.ranges,
        layout.SORT: found.sort,
        layout.COMPARTMENTS: found.compartments,
    }


def stages(plan: Json) -> Iterator[str]:
    yield plan["stage"]
    for inner in (*plan.get("inputStages", ()), *([plan["inputStage"]] if "inputStage" in plan else ())):
        yield from stages(inner)


@pytest.mark.parametrize(
    ("type_", "query", "sorts", "examined"),
    [
        ("Patient", "identifier=http://mrn|8", False, 1),
        ("Patient", "identifier=8", True, 1),
        ("Patient", "_id=8", False, 1),
        ("Patient", "family=f00", True, 5),
        ("Patient", "", False, 11),
        ("Patient", "birthdate=1908-06-01", True, 6),
        ("Patient", "birthdate=ge1908-06-01&_id=8", False, 1),
        ("Patient", "_sort=family", False, 11),
        ("Patient", "_lastUpdated=lt1971&_sort=-_lastUpdated", False, 11),
        ("Observation", "code=http://loinc.org|7", False, 11),
        ("Observation", "code=http://loinc.org|7,http://loinc.org|9", False, 22),
        ("Observation", "patient=Patient/7", False, 11),
        ("Observation", "patient=Patient/7&code=http://loinc.org|7", False, 12),
        ("Observation", "code=http://loinc.org|7&_sort=-date", False, 11),
        ("Observation", "code=http://loinc.org|7&_sort=date", False, 11),
        ("Observation", "_sort=-date", False, 11),
        ("Observation", "date=2007-01-01", False, 6),
        ("Observation", "date=ge2007-01-01&date=le2007-01-02", False, 12),
        ("Observation", "code=http://loinc.org|7&date=ge2007", False, 11),
        ("Observation", "code=http://loinc.org|7&date=ge2007-01-01&date=lt2007-02-01&_sort=-_lastUpdated", True, 11),
        ("Observation", "value-quantity=7||mg", True, 1),
        ("Observation", "value-quantity=ge7||mg&value-quantity=le11||mg", True, 3),
        ("Observation", "code:text=Display 7", True, 31),
        ("Patient", "identifier:of-type=http://type|MR|8", False, 1),
        ("Patient", "identifier:text=record", True, 301),
        ("Patient", "_text=word8", False, 1),
        ("Patient", "_text=word8 patient", False, 1),
        ("Patient", "_text=word8 patient OR word10", False, 3),
        ("Patient", "_text=word8 patient,word10 patient", False, 4),
        ("Patient", "phonetic=f008", False, 1),
        (None, "_text=word8 patient", False, 1),
        ("Observation", "code-value-quantity=7$gt580||mg", True, 1),
        ("Observation", "code-value-quantity=http://loinc.org|7$gt500", True, 5),
        ("Observation", "code-value-quantity=http://loinc.org|$7", True, 1),
        ("Observation", "combo-code-value-quantity=7$587", True, 1),
        ("Observation", "code-value-quantity=7$ge500&code-value-quantity=7$le550", True, 3),
        (None, "", False, 11),
        (None, "_type=Patient,Observation", False, 22),
        (None, "_id=8", False, 1),
    ],
)
def test_a_search_runs_on_its_index(
    resources: Collection[Json], type_: str | None, query: str, sorts: bool, examined: int
) -> None:
    pairs = tuple((name, value) for name, _, value in (pair.partition("=") for pair in query.split("&") if pair))
    asked = grammar.parse(
        type_, pairs, parameters=BASE, base_url=BASE_URL, strict=True, default_count=10, max_count=10, now_ms=0
    )
    plan = compiling.plan(asked, restricted(asked, lambda _type: EVERYTHING), secret=b"s")
    found = resources.find(plan.filter, sort=list(plan.sort), hint=plan.hint, limit=plan.limit).explain()
    used = set(stages(found["queryPlanner"]["winningPlan"]))
    assert "COLLSCAN" not in used
    assert "IXSCAN" in used or "IDHACK" in used
    assert ("SORT" in used) == sorts
    assert found["executionStats"]["totalDocsExamined"] <= examined
    assert found["executionStats"]["nReturned"] > 0


@pytest.mark.parametrize(("asked", "found"), [("gt589", 5), ("lt10", 5), ("ge589||mg", 6), ("le9||mg", 5)])
def test_a_test_of_points_looks_at_those_that_it_finds(resources: Collection[Json], asked: str, found: int) -> None:
    pairs = (("value-quantity", asked),)
    query = grammar.parse(
        "Observation", pairs, parameters=BASE, base_url=BASE_URL, strict=True, default_count=0, max_count=0, now_ms=0
    )
    plan = compiling.unordered(restricted(query, lambda _type: EVERYTHING), 0)
    stats = resources.find(plan.filter, hint=plan.hint).explain()["executionStats"]
    assert stats["nReturned"] == stats["totalDocsExamined"] == found
    assert stats["totalKeysExamined"] <= found + 3


@pytest.mark.parametrize(
    ("type_", "query", "index", "examined"),
    [
        ("Patient", "_sort=-family", "tU", 300),
        ("Patient", "family=f00&_sort=identifier", "iI", 5),
        ("Observation", "patient=Patient/7&_sort=code,-date", "iI", 12),
        ("Observation", "_sort=-patient", "tU", 300),
    ],
)
def test_a_computed_order_narrows_by_an_index_and_sorts_keys_only(
    resources: Collection[Json], type_: str, query: str, index: str, examined: int
) -> None:
    pairs = tuple((name, value) for name, _, value in (pair.partition("=") for pair in query.split("&")))
    asked = grammar.parse(
        type_, pairs, parameters=BASE, base_url=BASE_URL, strict=True, default_count=10, max_count=10, now_ms=0
    )
    plan = compiling.plan(asked, restricted(asked, lambda _type: EVERYTHING), secret=b"s")
    assert plan.computed is not None
    pipeline = ordering.pipeline(plan, plan.limit)
    command = {"aggregate": resources.name, "pipeline": pipeline, "cursor": {}, "hint": plan.hint}
    found = resources.database.command("explain", command, verbosity="executionStats")
    first = found["stages"][0]["$cursor"]
    assert f"'indexName': '{index}'" in str(first["queryPlanner"]["winningPlan"])
    assert 0 < first["executionStats"]["totalDocsExamined"] <= examined
    assert layout.TEXT not in str(first["queryPlanner"]["winningPlan"].get("transformBy", ""))
    (sort,) = [stage for stage in found["stages"] if "$sort" in stage]
    assert sort["totalDataSizeSortedBytesEstimate"] < 1_000_000


def test_a_count_reads_no_document(resources: Collection[Json]) -> None:
    asked = grammar.parse(
        "Observation",
        (("code", "http://loinc.org|7"),),
        parameters=BASE,
        base_url=BASE_URL,
        strict=True,
        default_count=10,
        max_count=10,
        now_ms=0,
    )
    plan = compiling.unordered(restricted(asked, lambda _type: EVERYTHING), 0)
    command = {"count": resources.name, "query": plan.filter, "hint": plan.hint}
    found = resources.database.command("explain", command, verbosity="executionStats")
    assert found["executionStats"]["totalDocsExamined"] == 0
