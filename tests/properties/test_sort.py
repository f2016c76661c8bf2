"""Sorted answers: the store's order is the one of a naive reading of the specification, also page by page."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.access.limits import Access
from fhir_server.document import codec
from fhir_server.model import Version
from fhir_server.search import cursor, grammar
from fhir_server.search.extract import extract
from fhir_server.search.query import Query
from fhir_server.search.tree import EVERYTHING, Equals, Expr
from fhir_server.store import database, links, reader, schema
from resources import json_codec
from resources.parameters import BASE

Json = dict[str, Any]
BASE_URL = "http://here.example/fhir"
SECRET = b"s" * 32
EPOCH = 1_700_000_000_000_000

DATES = ["1950", "1950-02", "1950-02-01", "1950-02-02T10:00:00Z", "1950-02-02T11:00:00+01:00", "1999-12-31"]
DATE_RANKS = dict(zip(DATES, [1, 2, 2, 3, 3, 4], strict=True))
DOSES = {("900", "ug"): 0.9, ("0.5", "g"): 500.0, ("7", "mg"): 7.0, ("500", "mg"): 500.0, ("2", "g"): 2000.0}
NAMES = ["Abel", "abel", "Abe", "Abe Lincoln", "Zoe", "Mia"]
CODES = ["a", "a-b", "a b", "b", "B", "ab"]


def resource(rng: random.Random, number: int) -> Json:
    def some(values: list[Any], most: int) -> list[Any]:
        return [rng.choice(values) for _ in range(rng.randint(0, most))]

    def coding(code: str) -> Json:
        return {"code": code, **({"system": "urn:s"} if rng.random() < 0.5 else {})}

    body: Json = {"resourceType": "Patient" if number % 2 else "Observation", "id": f"{rng.randrange(10**6)}-{number}"}
    body["meta"] = {"tag": [coding(code) for code in some(CODES, 2)]}
    if number % 2:
        body["name"] = [{"family": family} for family in some(NAMES, 3)]
        body["identifier"] = [{"value": code} for code in some(CODES, 2)]
        body["birthDate"] = rng.choice(DATES[:3]) if rng.random() < 0.7 else None
        body["gender"] = rng.choice(["male", "female", None])
        body["generalPractitioner"] = [{"reference": f"Practitioner/{code}"} for code in some(["1", "10", "2"], 2)]
    else:
        body |= {"status": rng.choice(["final", "amended"]), "code": {"coding": [coding(rng.choice(CODES))]}}
        body["effectiveDateTime"] = rng.choice([*DATES, None])
        body["valueString"] = rng.choice([*NAMES, None])
        if body["valueString"] is None and rng.random() < 0.7:
            value, unit = rng.choice(list(DOSES))
            body["valueQuantity"] = {"value": float(value), "system": "http://unitsofmeasure.org", "code": unit}
    return {name: value for name, value in body.items() if value not in (None, [])}


def corpus(seed: int) -> dict[str, tuple[Version, Json]]:
    rng = random.Random(seed)
    bodies = [resource(rng, number) for number in range(70)]
    patients = [f"Patient/{body['id']}" for body in bodies if body["resourceType"] == "Patient"] + ["Patient/none"]
    for body in bodies:
        if body["resourceType"] == "Observation" and rng.random() < 0.8:
            body["subject"] = {"reference": rng.choice(patients)}
    found = {}
    for number, body in enumerate(bodies):
        version = Version(
            body["resourceType"], body["id"], 1, EPOCH + number // 3, "PUT", json_codec.encode(body)
        )
        found[version.key] = (version, body)
    return found


# The naive reading: the values of a parameter in a resource, each in a form that Python orders.


def codes(held: list[Json], name: str) -> list[Any]:
    return [each[name] for each in held]


VALUES: dict[str, Callable[[Json], list[Any]]] = {
    "_id": lambda held: [f"{held['resourceType']}/{held['id']}"],  # over several types, these come first
    "family": lambda held: [each["family"].lower() for each in held.get("name", ())],
    "birthdate": lambda held: [DATE_RANKS[held["birthDate"]]] if "birthDate" in held else [],
    "gender": lambda held: [held["gender"]] if "gender" in held else [],
    "identifier": lambda held: codes(held.get("identifier", []), "value"),
    "general-practitioner": lambda held: codes(held.get("generalPractitioner", []), "reference"),
    "_tag": lambda held: [each["code"].lower() for each in held.get("meta", {}).get("tag", ())],
    "date": lambda held: [DATE_RANKS[held["effectiveDateTime"]]] if "effectiveDateTime" in held else [],
    "status": lambda held: [held["status"]],
    "code": lambda held: [each["code"].lower() for each in held["code"]["coding"]],
    "subject": lambda held: [held["subject"]["reference"]] if "subject" in held else [],
    "value-string": lambda held: [held["valueString"].lower()] if "valueString" in held else [],
    "value-quantity": lambda held: (
        [DOSES[f"{held['valueQuantity']['value']:g}", held["valueQuantity"]["code"]]] if "valueQuantity" in held else []
    ),
}  # fmt: skip
KEYS = {
    "Patient": ["_id", "_tag", "family", "birthdate", "gender", "identifier", "general-practitioner"],
    "Observation": [
        "_tag", "date", "status", "code", "subject", "value-string", "value-quantity", "subject:Patient.family",
        "patient.birthdate", "subject._tag", "patient.general-practitioner",
    ],
    None: ["_id", "_tag"],
}  # fmt: skip


class Limited(Access):
    """A caller who sees women only, and everything else."""

    def limit(self, type_: str) -> Expr:
        is_woman = Equals("Patient.gender|female|http://hl7.org/fhir/administrative-gender")
        return is_woman if type_ == "Patient" else EVERYTHING

    @staticmethod
    def sees(body: Json) -> bool:
        return body["resourceType"] != "Patient" or body.get("gender") == "female"


CALLERS = [Access.system("tests"), Limited.system("tests")]


class Stored:
    """The corpus, and a database that holds it."""

    def __init__(self, db: database.Database, held: dict[str, tuple[Version, Json]]) -> None:
        self.db = db
        self.held = held

    def values(self, key: str, body: Json, caller: Access) -> list[Any]:
        _, dot, rest = key.partition(".")
        if not dot:
            return VALUES[key](body)
        target = self.held.get(body.get("subject", {}).get("reference", ""))
        if target is None or (isinstance(caller, Limited) and not caller.sees(target[1])):
            return []
        return self.values(rest, target[1], caller)

    def place(self, keys: list[str], row: str, caller: Access) -> list[Any]:
        """The sort values of a row: comparable for one key, missing ones first; then the id."""
        version, body = self.held[row]
        found: list[Any] = []
        for key in keys:
            values = self.values(key.removeprefix("-"), body, caller)
            found.append((True, max(values) if key.startswith("-") else min(values)) if values else (False, 0))
        is_total = any(key.removeprefix("-") in ("_id", "_lastUpdated") for key in keys)
        return [*found, *([] if is_total else [version.key])]

    def ordered(self, rows: list[str], keys: list[str], caller: Access) -> list[list[Any]]:
        """The sort values of the rows in the order that the specification asks for."""
        places = [self.place(keys, row, caller) for row in rows]
        directions = [*keys, keys[-1]]
        for number in reversed(range(len(places[0]) if places else 0)):
            places.sort(key=lambda place: place[number], reverse=directions[number].startswith("-"))
        return places


@pytest.fixture
async def stored(mongo_uri: str, database_name: str) -> AsyncIterator[Stored]:
    db = await database.connect(mongo_uri, database_name)
    await schema.prepare(CALLERS[0], db)
    held = corpus(3)
    await db.resources.insert_many(
        codec.to_document(version, body, extract(body, BASE_URL)) for version, body in held.values()
    )
    tombstone = Version("Patient", "none", 2, EPOCH, "DELETE", None)
    await db.resources.insert_one(codec.to_document(tombstone, None, None))
    yield Stored(db, held)
    await db.close()


@st.composite
def queries(draw: st.DrawFn) -> tuple[str | None, list[str], str]:
    type_ = draw(st.sampled_from(["Patient", "Observation", "Observation", None]))
    keys = draw(st.lists(st.sampled_from(KEYS[type_]), min_size=1, max_size=3, unique=True))
    criteria = {"Patient": ["", "gender=male", "_has:Observation:patient:status=final"],
                "Observation": ["", "status=final", "subject:Patient.gender=female"], None: ["", "_tag=a"]}  # fmt: skip
    return type_, [draw(st.sampled_from(["", "-"])) + key for key in keys], draw(st.sampled_from(criteria[type_]))


def read(type_: str | None, keys: list[str], criteria: str, count: int = 1000) -> Query:
    name, _, value = criteria.partition("=")
    pairs = [("_sort", ",".join(keys)), *([(name, value)] if name else [])]
    return grammar.parse(
        type_, tuple(pairs), parameters=BASE, base_url=BASE_URL, strict=True, default_count=count, max_count=1000,
        now_ms=0,
    )  # fmt: skip


@pytest.fixture(params=["ids", "rows"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether links of the criteria lead to few, or are tested row by row."""
    if request.param == "rows":
        monkeypatch.setattr(links, "MANY", 1)
        monkeypatch.setattr(links, "MANY_REFERRERS", 1)
        monkeypatch.setattr(links, "AT_FIRST", 1)
        monkeypatch.setattr(links, "BATCH", 7)
    found: str = request.param
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=queries(), caller=st.sampled_from(CALLERS), size=st.integers(1, 9))
async def test_pages_are_in_the_order_of_the_specification(
    stored: Stored, way: str, asked: tuple[str | None, list[str], str], caller: Access, size: int
) -> None:
    _, keys, _ = asked
    unsorted = replace(read(*asked), sort=())
    expected = [version.key for version in (await reader.search(caller, stored.db, unsorted, secret=SECRET)).versions]

    page = await reader.search(caller, stored.db, read(*asked), secret=SECRET)

    found = [version.key for version in page.versions]
    assert sorted(found) == sorted(expected), way
    in_order = [stored.place(keys, row, caller) for row in found]
    assert in_order == stored.ordered(expected, keys, caller)
    query, paged = read(*asked, count=size), list[str]()
    while len(paged) <= len(found):
        page = await reader.search(caller, stored.db, query, secret=SECRET)
        paged += [version.key for version in page.versions]
        if page.next is None:
            break
        query = replace(query, cursor=cursor.seal(page.next, query, SECRET))
    assert sorted(paged) == sorted(found)
    assert [stored.place(keys, row, caller) for row in paged] == in_order
