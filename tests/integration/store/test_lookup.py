"""Shared reads: every question has its own answer, and none is older than the question."""

import asyncio

import pytest

from fhir_server.store import database, lookup
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from fhir_server.store.lookup import Lookup
from resources.outcome import Unavailable
from tests.integration.store.changes import ACCESS, commit, created, deleted, replaced


async def test_what_is_asked_at_once_is_answered_each(
    db: Database, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "MOST_KEYS", 3)
    versions = [await commit(committer, created(f"n{number}")) for number in range(10)]
    versions[4] = await commit(committer, deleted(versions[4]))
    shared = Lookup(db)
    ids = [f"n{number}" for number in range(10)]
    found = await asyncio.gather(*(shared.read(ACCESS, "Patient", id_) for id_ in [*ids, "absent", *ids]))
    assert found == [*versions, None, *versions]


async def test_one_alone(db: Database, committer: Committer) -> None:
    version = await commit(committer, created("a"))
    shared = Lookup(db)
    assert await shared.read(ACCESS, "Patient", "a") == version
    assert await shared.read(ACCESS, "Patient", "b") is None


async def test_a_change_that_was_acknowledged_is_seen_while_older_questions_are_open(
    db: Database, committer: Committer
) -> None:
    shared = Lookup(db)
    version = await commit(committer, created("a"))
    asked = []
    for number in range(20):
        version = await commit(committer, replaced(version, active=bool(number % 2)))
        asked.append((version.version, asyncio.create_task(shared.read(ACCESS, "Patient", "a"))))
        await asyncio.sleep(0)
    for number, task in asked:
        found = await task
        assert found is not None
        assert found.version >= number


async def test_who_goes_away_leaves_the_others_their_answer(db: Database, committer: Committer) -> None:
    version = await commit(committer, created("a"))
    shared = Lookup(db)
    first, second = (asyncio.create_task(shared.read(ACCESS, "Patient", "a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == version


async def test_all_are_told_that_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SELECTION_TIMEOUT_MS", 100)
    away = await database.connect("mongodb://127.0.0.1:9/", "nowhere")
    shared = Lookup(away)
    answers = await asyncio.gather(*(shared.read(ACCESS, "Patient", f"{n}") for n in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    await away.close()
