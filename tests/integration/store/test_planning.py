"""What is remembered of the stored resources chooses how a search is run, and changes nothing of what it finds."""

from __future__ import annotations

import pytest

from fhir_server.model import Change
from fhir_server.store import frequent, planning, reader
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from tests.integration.store.changes import ACCESS, commit, query

SECRET = b"s" * 32
ASKED = {"gender": "female", "_sort": "-_lastUpdated"}


async def women(committer: Committer, count: int) -> list[str]:
    for number in range(count):
        body = {"resourceType": "Patient", "id": f"p{number}", "gender": "female" if number % 2 else "male"}
        await commit(committer, Change("PUT", "Patient", f"p{number}", None, body))
    return [f"p{number}" for number in reversed(range(count)) if number % 2]


async def hint(db: Database) -> object:
    return (await planning.plan(ACCESS, db, query("Patient", **ASKED), secret=SECRET)).hint


async def found(db: Database) -> list[str]:
    page = await reader.search(ACCESS, db, query("Patient", **ASKED), secret=SECRET)
    return [version.id for version in page.versions]


async def test_what_was_frequent_is_not_counted_again_for_a_while(
    db: Database, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await women(committer, 10)
    assert (await hint(db), await found(db)) == ("iI", expected)
    monkeypatch.setattr(frequent, "FREQUENT", 4)
    assert (await hint(db), await found(db)) == ("tU", expected)
    monkeypatch.setattr(frequent, "FREQUENT", 5)  # were it counted again, it would not be frequent any more
    assert (await hint(db), await found(db)) == ("tU", expected)
    db.frequent.update(dict.fromkeys(db.frequent, 0.0))  # the while is over
    assert (await hint(db), await found(db)) == ("iI", expected)


async def test_a_code_without_its_system_needs_no_look_where_its_entries_give_no_order(
    db: Database, committer: Committer
) -> None:
    for number, system in enumerate(("http://a.example", "http://b.example")):
        coding = [{"system": system, "code": "x"}]
        body = {"resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"coding": coding}}
        await commit(committer, Change("PUT", "Observation", f"o{number}", None, body))
    for sort, looked in (("-_lastUpdated", False), ("_id", True)):
        page = await reader.search(ACCESS, db, query("Observation", code="x", _sort=sort), secret=SECRET)
        assert {version.id for version in page.versions} == {"o0", "o1"}
        assert bool(db.systems) is looked
