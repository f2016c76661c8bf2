"""Commits: durable, whole, exclusive, and nobody fails for a neighbour."""

import asyncio
from itertools import count
from typing import Any

import pytest

from fhir_server.document import layout
from fhir_server.model import Change, Commit, Version
from fhir_server.store import reader
from fhir_server.store.committer import Committer, ConditionChanged, VersionChanged
from fhir_server.store.database import Database
from resources import json_codec
from resources.outcome import PayloadTooLarge, Unavailable
from tests.integration.store.changes import ACCESS, BASE_URL, commit, condition, created, deleted, matching, replaced


async def test_a_new_resource_is_version_one(db: Database, committer: Committer) -> None:
    version = await commit(committer, created("a"))
    assert (version.key, version.version, version.method) == ("Patient/a", 1, "POST")
    assert await reader.read(ACCESS, db, "Patient", "a") == version


async def test_version_and_time_are_stamped_behind_the_id(db: Database) -> None:
    committer = Committer(db, base_url=BASE_URL, clock=lambda: 1_700_000_000_000_000)
    await committer.start()
    version = await commit(committer, created("a", active=True))
    assert version.text == (
        b'{"resourceType":"Patient","id":"a",'
        b'"meta":{"versionId":"1","lastUpdated":"2023-11-14T22:13:20.000000Z"},'
        b'"name":[{"family":"Shaw"}],"active":true}'
    )


async def test_a_given_meta_keeps_its_place_and_its_tags_but_not_its_version(db: Database) -> None:
    committer = Committer(db, base_url=BASE_URL, clock=lambda: 1_700_000_000_000_000)
    await committer.start()
    after = {"resourceType": "Patient", "meta": {"tag": [{"code": "x"}], "versionId": "77"}, "id": "a"}
    version = await commit(committer, Change("PUT", "Patient", "a", None, after))
    assert version.text == (
        b'{"resourceType":"Patient","meta":{"versionId":"1","lastUpdated":"2023-11-14T22:13:20.000000Z",'
        b'"tag":[{"code":"x"}]},"id":"a"}'
    )
    assert after["meta"] == {"tag": [{"code": "x"}], "versionId": "77"}


async def test_times_increase_although_the_clock_stands_or_goes_back(db: Database) -> None:
    clock = count(1_700_000_000_000_000, -1000)
    committer = Committer(db, base_url=BASE_URL, clock=lambda: next(clock))
    await committer.start()
    versions = [await commit(committer, created("a"))]
    for number in range(5):
        versions.append(await commit(committer, replaced(versions[-1], active=bool(number % 2))))
    times = [version.updated for version in versions]
    assert times == sorted(set(times))


async def test_a_version_is_later_than_one_from_a_process_whose_clock_is_ahead(db: Database) -> None:
    ahead = Committer(db, base_url=BASE_URL, clock=lambda: 1_800_000_000_000_000)
    behind = Committer(db, base_url=BASE_URL, clock=lambda: 1_700_000_000_000_000)
    await ahead.start()
    await behind.start()
    first = await commit(ahead, created("a"))
    second = await commit(behind, replaced(first))
    assert second.updated > first.updated


async def test_delete_leaves_a_tombstone_that_cannot_be_found_and_update_brings_back(
    db: Database, committer: Committer
) -> None:
    first = await commit(committer, created("a", identifier=[{"system": "s", "value": "1"}]))
    gone = await commit(committer, deleted(first))
    assert (gone.version, gone.deleted) == (2, True)
    assert await reader.read(ACCESS, db, "Patient", "a") == gone
    assert not await matching(db, "Patient", identifier="s|1")
    back = await commit(committer, replaced(gone))
    assert (back.version, back.deleted) == (3, False)
    stored = [await reader.vread(ACCESS, db, "Patient", "a", number) for number in (1, 2, 3)]
    assert stored == [first, gone, back]


async def test_a_version_that_is_not_current_any_more_cannot_be_replaced(db: Database, committer: Committer) -> None:
    first = await commit(committer, created("a"))
    second = await commit(committer, replaced(first, active=True))
    with pytest.raises(VersionChanged) as caught:
        await commit(committer, replaced(first, active=False))
    assert caught.value.key == "Patient/a"
    assert await reader.read(ACCESS, db, "Patient", "a") == second


async def test_an_id_in_use_cannot_be_created(committer: Committer) -> None:
    await commit(committer, created("a"))
    with pytest.raises(VersionChanged) as caught:
        await commit(committer, created("b"), created("a"))
    assert caught.value.key == "Patient/a"


async def test_changes_of_a_commit_happen_together_or_not_at_all(db: Database, committer: Committer) -> None:
    stale = await commit(committer, created("a"))
    await commit(committer, replaced(stale))
    with pytest.raises(VersionChanged):
        await commit(committer, created("b"), replaced(stale), created("c"))
    assert await reader.read(ACCESS, db, "Patient", "b") is None
    assert await reader.read(ACCESS, db, "Patient", "c") is None
    assert await db.versions.count_documents({}) == 1


async def test_one_of_a_hundred_updates_of_one_version_wins(db: Database, committer: Committer) -> None:
    first = await commit(committer, created("a"))
    outcomes = await asyncio.gather(
        *(commit(committer, replaced(first, active=bool(number % 2))) for number in range(100)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes].count(VersionChanged) == 99
    assert [outcome for outcome in outcomes if isinstance(outcome, Version)] == [
        await reader.read(ACCESS, db, "Patient", "a")
    ]


async def test_nobody_fails_for_a_neighbour(db: Database, committer: Committer) -> None:
    await commit(committer, created("used"))
    outcomes = await asyncio.gather(
        *(commit(committer, created("used" if number == 7 else f"n{number}")) for number in range(40)),
        return_exceptions=True,
    )
    assert [number for number, outcome in enumerate(outcomes) if not isinstance(outcome, Version)] == [7]
    assert await db.resources.count_documents({}) == 40


async def test_two_processes_update_the_same_resources_and_lose_nothing(db: Database) -> None:
    committers = [Committer(db, base_url=BASE_URL) for _ in range(2)]
    for committer in committers:
        await committer.start()
    for number in range(5):
        await commit(committers[0], created(f"p{number}"))

    async def write(committer: Committer, id_: str) -> int:
        won = 0
        for _ in range(10):
            before = await reader.read(ACCESS, db, "Patient", id_)
            assert before is not None
            try:
                await commit(committer, replaced(before))
                won += 1
            except VersionChanged:
                continue
        return won

    won = await asyncio.gather(
        *(write(committer, f"p{number}") for committer in committers for number in range(5) for _ in range(2))
    )
    assert await db.versions.count_documents({}) == sum(won)
    current = [await reader.read(ACCESS, db, "Patient", f"p{number}") for number in range(5)]
    assert sum(version.version - 1 for version in current if version) == sum(won)


async def test_a_hundred_equal_conditional_creates_make_one(db: Database, committer: Committer) -> None:
    criteria: dict[str, Any] = {"identifier": "urn:x|1"}

    async def create(number: int) -> str:
        while True:
            versions = await matching(db, "Patient", **criteria)
            if versions:
                return versions[0].id
            change = created(f"n{number}", identifier=[{"system": "urn:x", "value": "1"}])
            try:
                return (await commit(committer, change, conditions=(condition(None, **criteria),))).id
            except ConditionChanged:
                continue

    ids = await asyncio.gather(*map(create, range(100)))
    assert len(set(ids)) == 1
    assert await db.resources.count_documents({}) == 1


async def test_two_processes_exclude_one_another_by_equal_conditions(db: Database) -> None:
    committers = [Committer(db, base_url=BASE_URL) for _ in range(2)]
    for committer in committers:
        await committer.start()
    wanted = condition(None, identifier="urn:x|1")
    outcomes = await asyncio.gather(
        *(
            commit(
                committers[number % 2],
                created(f"n{number}", identifier=[{"system": "urn:x", "value": "1"}]),
                conditions=(wanted,),
            )
            for number in range(20)
        ),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes].count(ConditionChanged) == 19
    assert await db.resources.count_documents({}) == 1


@pytest.mark.parametrize("found", [None, "other"])
async def test_a_condition_that_finds_something_else_refuses_the_commit(
    db: Database, committer: Committer, found: str | None
) -> None:
    first = await commit(committer, created("a", identifier=[{"system": "urn:x", "value": "1"}]))
    with pytest.raises(ConditionChanged):
        await commit(committer, replaced(first), conditions=(condition(found, identifier="urn:x|1"),))
    await commit(committer, replaced(first), conditions=(condition("a", identifier="urn:x|1"),))
    assert await db.versions.count_documents({}) == 1


async def test_a_caller_that_goes_away_does_not_stop_its_commit(db: Database, committer: Committer) -> None:
    task = asyncio.create_task(commit(committer, created("a")))
    await asyncio.sleep(0)
    task.cancel()
    await committer.stop()
    assert await reader.read(ACCESS, db, "Patient", "a") is not None


async def test_stop_finishes_what_waits_and_takes_no_more(db: Database, committer: Committer) -> None:
    waiting = [asyncio.create_task(commit(committer, created(f"n{number}"))) for number in range(50)]
    await asyncio.sleep(0)
    await committer.stop()
    await asyncio.gather(*waiting)
    with pytest.raises(Unavailable):
        await commit(committer, created("late"))
    assert await db.resources.count_documents({}) == 50


async def test_what_cannot_fit_the_cache_is_refused_before_anything_is_written(db: Database) -> None:
    committer = Committer(db, base_url=BASE_URL, cache_share=0.004)
    await committer.start()
    with pytest.raises(PayloadTooLarge, match="Divide the Bundle"):
        await committer.commit(ACCESS, Commit(tuple(created(f"n{number}") for number in range(3000))))
    assert await db.resources.count_documents({}) == 0
    assert (await commit(committer, created("a"))).version == 1


async def test_a_large_commit_that_fails_late_leaves_nothing(db: Database, committer: Committer) -> None:
    used = await commit(committer, created("n150"))
    with pytest.raises(VersionChanged, match="Patient/n150"):
        await committer.commit(ACCESS, Commit(tuple(created(f"n{number}") for number in range(200))))
    invalid = Change("POST", "Patient", "invalid", None, {"resourceType": "Patient", "id": "invalid", "name": [1]})
    with pytest.raises(AttributeError):  # found out while the first of them are being inserted
        await committer.commit(ACCESS, Commit((*(created(f"n{number}") for number in range(60)), invalid)))
    assert await db.resources.count_documents({}) == 1
    versions = await committer.commit(ACCESS, Commit((replaced(used), *(created(f"n{n}") for n in range(100)))))
    assert [version.key for version in versions] == ["Patient/n150", *(f"Patient/n{n}" for n in range(100))]
    assert await db.resources.count_documents({}) == 101


async def test_large_commits_at_once_are_let_in_one_by_one_and_others_go_on(db: Database) -> None:
    committer = Committer(db, base_url=BASE_URL, cache_share=0.006)
    await committer.start()
    large = [
        asyncio.create_task(committer.commit(ACCESS, Commit(tuple(created(f"b{b}-{n}") for n in range(700)))))
        for b in range(6)
    ]
    small = [await commit(committer, created(f"s{number}")) for number in range(10)]
    assert len(small) == 10
    assert [len(versions) for versions in await asyncio.gather(*large)] == [700] * 6
    assert await db.resources.count_documents({}) == 6 * 700 + 10


async def test_stored_tree_has_exact_decimals(db: Database, committer: Committer) -> None:
    after = json_codec.decode(b'{"resourceType":"Observation","id":"o","valueQuantity":{"value":1.50}}')
    await commit(committer, Change("PUT", "Observation", "o", None, after))
    stored = await db.resources.find_one({})
    assert stored is not None
    assert str(stored[layout.TREE]["valueQuantity"]["value"]) == "1.50"
