"""Reads and histories, and that an index answers each of them."""

import asyncio
from typing import Any

import pytest

from fhir_server.document import layout
from fhir_server.model import Change, Version
from fhir_server.store import reader, totals
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from fhir_server.store.reader import HistoryPoint
from tests.integration.store.changes import ACCESS, commit, created, deleted, query, replaced


async def some_history(committer: Committer) -> list[Version]:
    """Three patients and a device with histories, newest first."""
    versions = []
    for id_ in ("a", "b", "c"):
        first = await commit(committer, created(id_))
        second = await commit(committer, replaced(first, active=True))
        third = await commit(committer, deleted(second))
        versions += [first, second, third, await commit(committer, replaced(third))]
    versions.append(await commit(committer, Change("PUT", "Device", "d", None, {"resourceType": "Device", "id": "d"})))
    return sorted(versions, key=lambda version: -version.updated)


async def all_pages(db: Database, count: int, **asked: Any) -> list[Version]:
    versions: list[Version] = []
    before: HistoryPoint | None = None
    while True:
        page = await reader.history(ACCESS, db, before=before, count=count, **asked)
        assert len(page.versions) <= count
        versions += page.versions
        if page.more is None:
            return versions
        before = page.more


async def test_nothing_is_there_that_was_not_written(db: Database) -> None:
    assert await reader.read(ACCESS, db, "Patient", "a") is None
    assert await reader.vread(ACCESS, db, "Patient", "a", 1) is None
    assert await reader.history(ACCESS, db, type="Patient", id="a", count=5) == reader.HistoryPage((), None, 0)


async def test_every_version_can_be_read(db: Database, committer: Committer) -> None:
    for version in await some_history(committer):
        assert await reader.vread(ACCESS, db, version.type, version.id, version.version) == version
    assert await reader.vread(ACCESS, db, "Patient", "a", 5) is None
    assert await reader.vread(ACCESS, db, "Patient", "a", 0) is None


@pytest.mark.parametrize("count", [1, 2, 3, 100])
async def test_history_pages_hold_every_version_once_newest_first(
    db: Database, committer: Committer, count: int
) -> None:
    versions = await some_history(committer)
    assert await all_pages(db, count) == versions
    assert await all_pages(db, count, type="Patient") == [v for v in versions if v.type == "Patient"]
    assert await all_pages(db, count, type="Patient", id="b") == [v for v in versions if v.id == "b"]


async def test_versions_of_the_same_microsecond_are_not_lost_between_pages(db: Database, committer: Committer) -> None:
    for number in range(9):
        await commit(committer, created(f"n{number}"))
    await db.resources.update_many({}, {"$set": {layout.UPDATED: 5}})
    found = await all_pages(db, 2, type="Patient")
    assert [version.id for version in found] == [f"n{number}" for number in range(9)]


async def test_history_while_versions_are_written_loses_and_repeats_none(db: Database, committer: Committer) -> None:
    version = await commit(committer, created("a"))
    known = {1}

    async def keep_writing() -> None:
        nonlocal version
        for _ in range(60):
            version = await commit(committer, replaced(version))
            known.add(version.version)

    writing = asyncio.create_task(keep_writing())
    while not writing.done():
        complete = max(known)
        page = await reader.history(ACCESS, db, type="Patient", id="a", count=100)
        numbers = [found.version for found in page.versions]
        assert numbers == sorted(set(numbers), reverse=True)
        assert set(range(1, complete)) <= set(numbers)
    await writing


async def test_total_is_that_of_the_instance(db: Database, committer: Committer) -> None:
    await some_history(committer)
    assert (await reader.history(ACCESS, db, type="Patient", id="a", count=2)).total == 4
    assert (await reader.history(ACCESS, db, type="Patient", count=2)).total is None


async def test_since_is_inclusive(db: Database, committer: Committer) -> None:
    versions = await some_history(committer)
    since = versions[4].updated
    assert await all_pages(db, 3, since_us=since) == versions[:5]
    assert await all_pages(db, 3, since_us=since + 1) == versions[:4]


async def test_at_gives_what_was_current_in_the_interval(db: Database, committer: Committer) -> None:
    await some_history(committer)
    fourth, third, second, first = await all_pages(db, 10, type="Patient", id="a")

    async def current(low: int, high: int) -> list[Version]:
        return await all_pages(db, 2, type="Patient", id="a", at=(low, high))

    assert await current(0, first.updated - 1) == []
    assert await current(second.updated, third.updated - 1) == [second]
    assert await current(second.updated - 1, second.updated) == [second, first]
    assert await current(fourth.updated + 1, fourth.updated + 2) == [fourth]
    assert await current(0, fourth.updated) == [fourth, third, second, first]


async def test_a_search_gives_its_rows_and_the_position_of_the_next_page(db: Database, committer: Committer) -> None:
    for number in range(4):
        await commit(committer, created(f"n{number}", identifier=[{"system": "s", "value": "1"}]))
    asked = query("Patient", identifier="s|1", _count="2")
    page = await reader.search(ACCESS, db, asked, secret=b"s")
    assert len(page.versions) == 2
    assert page.next is not None
    assert await totals.count(ACCESS, db, asked) == 4
    assert await totals.count(ACCESS, db, query("Patient", identifier="s|2")) == 0


@pytest.mark.parametrize(
    ("asked", "index"),
    [({"type": "Patient", "id": "a"}, "kU"), ({"type": "Patient"}, "tU"), ({}, "U")],
    ids=["instance", "type", "system"],
)
async def test_history_examines_what_it_gives_and_sorts_nothing(
    db: Database, committer: Committer, asked: dict[str, str], index: str
) -> None:
    version = await commit(committer, created("a"))
    for _ in range(30):
        version = await commit(committer, replaced(version))
    await db.database.command("profile", 2)
    await reader.history(ACCESS, db, count=5, **asked, before=HistoryPoint(version.updated, "Patient/a"))  # type: ignore[arg-type]
    await db.database.command("profile", 0)
    profiled = await db.database["system.profile"].find_one({"ns": db.versions.full_name, "op": "query"})
    assert profiled is not None
    assert profiled["planSummary"].startswith("IXSCAN")
    assert profiled["command"]["hint"] == index
    assert profiled["docsExamined"] <= 6
    assert "hasSortStage" not in profiled
