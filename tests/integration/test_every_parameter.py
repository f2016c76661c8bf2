"""Every search parameter of every type is answered from an index, and finds what it is there to find.

The resources are made from the definitions: one with a value at each place where a parameter looks, among noise with
values at all of them.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.access.limits import Access
from fhir_server.document import codec, layout
from fhir_server.model import Version
from fhir_server.search import grammar
from fhir_server.search.extract import extract
from fhir_server.store import database, schema
from fhir_server.store.database import Database
from fhir_server.store.explaining import explain
from resources import instants, json_codec
from resources.parameters import BASE
from resources.registry import RESOURCE_TYPES
from tests.integration.generated import Maker, merged

Json = dict[str, Any]
BASE_URL = "http://here.example/fhir"
ACCESS = Access.system("tests")
SECRET = b"s" * 32
SOUGHT_FROM = 1_000_000
NOISE = {"Observation": 400, "Patient": 400}
LESS_NOISE = 80
"""Resources of each type that are not sought, besides those that are sought by other parameters: enough that one in
three of what is looked at is found by no other way than an index. All types share the indexes."""
STARTED = 1_700_000_000_000_000

NOT_ANSWERED = {
    "_content": "switched off by default: it costs every write (tests/api/test_search_words.py has it on)",
    "_query": "names a query of the server's own, of which there is none",
}


@pytest.fixture(scope="module")
def prepared(mongo_uri: str) -> Iterator[str]:
    """The name of a database with its indexes; each test adds its type."""
    name = f"test_{uuid.uuid4().hex}"

    async def prepare() -> None:
        db = await database.connect(mongo_uri, name)
        await schema.prepare(ACCESS, db)
        await db.close()

    asyncio.run(prepare())
    yield name
    with MongoClient[Json](mongo_uri) as client:
        client.drop_database(name)


def noise(type_: str, number: int) -> Json:
    """A resource with values of all parameters, of those that exclude each other another one for each number."""
    parameters = BASE.searchable(type_)
    start = number % len(parameters)
    held: Json = {"resourceType": type_}
    for place, parameter in enumerate(parameters[start:] + parameters[:start]):
        made = list(Maker(type_, parameter, number * 50 + place).resources())
        held = without_second_choices(merged(held, made[number % len(made)][0])) if made else held
    return held


def without_second_choices(resource: Json) -> Json:
    """An array grows by each parameter that looks into it; two values of each are enough."""
    return {name: value[:2] if isinstance(value, list) else value for name, value in resource.items()}


def stored(number: int, resource: Json) -> Any:
    id_ = f"r{number}"
    resource = {**resource, "id": id_}
    extracted = extract(resource, BASE_URL)
    text = json_codec.encode(resource)
    version = Version(resource["resourceType"], id_, 1, STARTED + number, "POST", text, tuple(extracted.compartments))
    return codec.to_document(version, None, extracted)


async def filled(db: Database, type_: str) -> list[tuple[str, str]]:
    """Insert the resources of a type; what to ask for: name and value."""
    count = NOISE.get(type_, LESS_NOISE)
    documents = [stored(number, noise(type_, number)) for number in range(count)]
    asked: list[tuple[str, str]] = []
    for parameter in BASE.searchable(type_):
        for resource, text in Maker(type_, parameter, SOUGHT_FROM + len(asked)).resources():
            number = count + len(asked)
            own = {"_id": f"r{number}", "_lastUpdated": instants.instant_text(STARTED + number)}
            asked.append((parameter.code, own.get(parameter.code, text)))
            documents.append(stored(number, resource))
    await db.resources.insert_many(documents)
    return asked


@pytest.mark.parametrize("type_", sorted(RESOURCE_TYPES))
async def test_each_parameter_looks_at_what_it_finds(mongo_uri: str, prepared: str, type_: str) -> None:
    db = await database.connect(mongo_uri, prepared)
    try:
        asked = await filled(db, type_)
        assert {code for code, _ in asked} == {parameter.code for parameter in BASE.searchable(type_)}
        for name, text in asked:
            await check(db, type_, name, text)
    finally:
        await db.close()


async def check(db: Database, type_: str, name: str, text: str) -> None:
    query = grammar.parse(
        type_, ((name, text),), parameters=BASE, base_url=BASE_URL, strict=True, default_count=500, max_count=500,
        now_ms=0,
    )  # fmt: skip
    found = await explain(ACCESS, db, query, secret=SECRET)
    rows = sum(run.rows for run in found.runs)
    assert rows >= 1, f"{type_}?{name}={text} finds nothing"
    assert not found.tested
    for run in found.runs:
        assert run.index in INDEXES, f"{type_}?{name}={text}: {run}"
    assert sum(run.documents for run in found.runs) <= 3 * rows, f"{type_}?{name}={text}: {found.runs}"
    assert sum(run.keys for run in found.runs) <= 3 * rows + 3, f"{type_}?{name}={text}: {found.runs}"


INDEXES = {layout.BY_ID, *(index.name for index in layout.INDEXES)}


def test_what_is_not_answered_has_a_reason() -> None:
    known = {code for type_ in RESOURCE_TYPES for code in BASE.for_type(type_)}
    answered = {parameter.code for type_ in RESOURCE_TYPES for parameter in BASE.searchable(type_)}
    assert known - answered <= set(NOT_ANSWERED)
