"""Contained resources in the store: seen where what holds them is seen, each once, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fhir_server.access.limits import Access
from fhir_server.document import codec
from fhir_server.model import Version
from fhir_server.search import grammar
from fhir_server.search.extract import complete
from fhir_server.search.tree import EVERYTHING, Equals, Expr, Not
from fhir_server.store import contained, links, schema
from fhir_server.store.database import Database, connect
from resources import json_codec
from resources.outcome import Unprocessable
from resources.parameters import BASE

Json = dict[str, Any]
BASE_URL = "http://here.example/fhir"


class Limited(Access):
    """A caller who sees no Basic with the code `secret`."""

    def limit(self, type_: str) -> Expr:
        return Not(Equals("Basic.code|secret|")) if type_ == "Basic" else EVERYTHING


@pytest.fixture
async def db(mongo_uri: str, database_name: str) -> AsyncIterator[Database]:
    made = await connect(mongo_uri, database_name)
    await schema.prepare(Access.system("tests"), made)
    for number in range(6):
        code = "secret" if number == 2 else "open"
        held = [{"resourceType": "Group", "id": f"g{each}", "type": "person", "actual": True} for each in range(number)]
        body = {
            "resourceType": "Basic",
            "id": str(number),
            "code": {"coding": [{"code": code}]},
            **({"contained": held} if held else {}),
        }
        text = json_codec.encode(body)
        version = Version("Basic", str(number), 1, number, "PUT", text)
        await made.resources.insert_one(codec.to_document(version, body, complete(body, text, BASE_URL, BASE)))
    yield made
    await made.close()


async def found(access: Access, db: Database, size: int, kind: str = "contained") -> list[str]:
    """What is found, page by page: `3#g1`."""
    pairs = (("type", "person"), ("_contained", "true"), ("_containedType", kind))
    query = grammar.parse(
        "Group", pairs, parameters=BASE, base_url=BASE_URL, strict=True, default_count=9, max_count=9, now_ms=0
    )
    hits: list[str] = []
    after = contained.START
    while True:
        page = await contained.search(access, db, query, after, size, base_url=BASE_URL, parameters=BASE)
        assert len(page.hits) <= size
        hits += [f"{hit.container.id}#{hit.contained['id']}" for hit in page.hits]
        if page.next is None:
            return hits
        after = page.next


@pytest.mark.parametrize("size", [1, 2, 4, 100])
async def test_what_holds_it_decides_who_sees_it(db: Database, size: int) -> None:
    everything = [f"{number}#g{each}" for number in range(6) for each in range(number)]
    assert await found(Access.system("tests"), db, size) == everything
    assert await found(Limited.system("tests"), db, size) == [hit for hit in everything if not hit.startswith("2#")]
    assert await found(Limited.system("tests"), db, size, "container") == ["1#g0", "3#g0", "4#g0", "5#g0"]


async def test_too_many_candidates_are_refused(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MOST_WALKED", 2)
    with pytest.raises(Unprocessable, match="too many resources"):
        await found(Access.system("tests"), db, 100)
