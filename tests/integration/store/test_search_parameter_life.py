"""The life of search parameters, led step by step, with other processes that are slow, stopped or killed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fhir_server.document import layout
from fhir_server.model import Change, Version
from fhir_server.search.life import Life, State
from fhir_server.store import leases, lives, presence, reader, reindex
from fhir_server.store.committer import now_us
from fhir_server.store.current import SILENT_SECONDS, clock
from fhir_server.store.database import Database
from fhir_server.store.indexing import Indexer
from fhir_server.store.leases import LeaseLost
from fhir_server.store.lives import Walk
from fhir_server.store.reindex import DisagreementError, Reindexing
from fhir_server.store.schema import SchemaTooNew
from resources import json_codec
from resources.outcome import BadRequest, Conflict, Unavailable, Unprocessable
from resources.parameters import BASE
from tests.integration.store.changes import ACCESS, BASE_URL, commit
from tests.integration.store.processes import (
    COLOURS,
    Process,
    create,
    definition,
    is_in,
    patient,
    patients,
)


def life_of(stored: lives.Stored, id_: str = "eyes") -> Life:
    return next(life for life in stored.lives if life.id == id_)


def walked(stored: lives.Stored) -> bool:
    return stored.walk is not None and stored.walk.done > 0


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def let_lease_expire(db: Database, process: Process) -> None:
    await db.meta.update_one({layout.ID: process.indexer.lease.id}, {"$set": {"until": LONG_AGO}})


async def let_go(db: Database, process: Process) -> None:
    """As if nothing had been heard of a process for long."""
    await db.workers.update_one({layout.ID: process.follower.process}, {"$set": {"heard": LONG_AGO}})


async def test_it_finds_what_was_there_and_what_comes_and_nothing_else_changes(process: Process) -> None:
    before = await patients(process, 5)
    await create(process, definition())
    with pytest.raises(BadRequest, match="not searchable: declared; try again later"):
        await process.found("Patient", eyes="blue")
    await process.lead(is_in(State.INDEXING))
    with pytest.raises(BadRequest, match=r"indexing \(0%\); try again later"):
        await process.found("Patient", eyes="blue")
    await create(process, patient(9, "blue"))
    stored = await process.lead(is_in(State.SEARCHABLE))
    assert await process.found("Patient", eyes="blue") == {"p0", "p3", "p9"}
    assert (life_of(stored).done, life_of(stored).sampled) == (6, 6)
    after = await reader.read_many(ACCESS, process.db, [version.key for version in before])
    assert [after[version.key] for version in before] == before


async def test_another_process_goes_on_where_one_was_killed(process: Process) -> None:
    await patients(process, 2 * reindex.BATCH + 50)
    await create(process, definition())
    stored = await process.lead(walked)
    assert stored.walk is not None
    assert stored.walk.done == reindex.BATCH
    await process.committer.stop()  # and nothing more is heard of it
    other = await Process(process.db).start()
    assert not await leases.take(ACCESS, process.db, other.indexer.lease)
    await let_go(process.db, process)
    await let_lease_expire(process.db, process)
    assert await leases.take(ACCESS, process.db, other.indexer.lease)
    with pytest.raises(LeaseLost):
        await reindex.step(ACCESS, work(process), stored.walk)  # it lives after all
    assert (await lives.load(ACCESS, process.db)).walk == stored.walk
    await other.step()
    resumed = (await lives.load(ACCESS, process.db)).walk
    assert resumed is not None
    assert resumed.done == 2 * reindex.BATCH
    stored = await other.lead(is_in(State.SEARCHABLE))
    assert life_of(stored).done == 2 * reindex.BATCH + 50
    assert len(await other.found("Patient", eyes="blue,brown,green")) == 2 * reindex.BATCH + 50
    await other.committer.stop()


async def test_the_lease_of_a_killed_process_is_taken_although_its_transaction_is_still_open(process: Process) -> None:
    other = Indexer(process.db, "another process", BASE_URL, now_us)
    assert await leases.take(ACCESS, process.db, process.indexer.lease)
    await let_lease_expire(process.db, process)
    async with process.db.client.start_session() as session:
        await session.start_transaction()
        await leases.confirm(ACCESS, process.db, process.indexer.lease, session)
        async with asyncio.timeout(30):  # MongoDB itself would end it after a minute, or many
            assert await leases.take(ACCESS, process.db, other.lease)


def work(process: Process) -> Reindexing:
    return Reindexing(process.db, process.indexer.lease, process.current.written, BASE_URL)


async def test_writes_while_it_is_indexed_are_neither_lost_nor_missed(process: Process) -> None:
    current = {version.id: version for version in await patients(process, 150)}
    other = await Process(process.db).start()
    writing = asyncio.create_task(keep_writing(other, current))
    following = asyncio.create_task(other.follower.run())
    await create(process, definition())
    await process.lead(is_in(State.SEARCHABLE))
    writing.cancel()
    following.cancel()
    await asyncio.gather(writing, following, return_exceptions=True)
    await other.committer.stop()
    wanted: dict[str, set[str]] = {colour: set() for colour in COLOURS}
    for key, version in (await reader.read_many(ACCESS, process.db, [v.key for v in current.values()])).items():
        assert version.version >= current[version.id].version, key
        colour = json_codec.decode(version.text or b"")["extension"][0]["valueCode"]
        wanted[colour].add(version.id)
    assert {colour: await process.found("Patient", eyes=colour) for colour in COLOURS} == wanted


async def keep_writing(process: Process, current: dict[str, Version]) -> None:
    number = 0
    while True:
        number += 1
        before = current[f"p{number * 7 % 150}"]
        after = patient(int(before.id[1:]), COLOURS[number % 3])
        current[before.id] = await commit(process.committer, Change("PUT", "Patient", before.id, before, after))


async def test_all_processes_must_know_before_a_step_is_taken(process: Process) -> None:
    other = await Process(process.db).start()
    await create(process, definition())
    await process.lead(is_in(State.DECLARED))
    for _ in range(5):
        await process.step()
    assert is_in(State.DECLARED)(await lives.load(ACCESS, process.db))
    await other.follower.look()
    for _ in range(5):
        await process.step()
    stored = await lives.load(ACCESS, process.db)
    assert is_in(State.INDEXING)(stored)  # but the other does not write it yet
    assert stored.walk is None
    await let_go(process.db, other)
    await process.lead(is_in(State.SEARCHABLE))
    await other.committer.stop()


async def test_a_process_that_was_silent_writes_and_searches_no_more_until_it_has_found_back(process: Process) -> None:
    process.current.heard(clock() - SILENT_SECONDS - 1)
    process.current.looked(clock() - SILENT_SECONDS - 1)
    with pytest.raises(Unavailable):
        await create(process, patient(1, "blue"))
    with pytest.raises(Unavailable):
        await process.found("Patient", _id="p1")
    assert await reader.read(ACCESS, process.db, "Patient", "p1") is None
    before = process.current.written
    await process.follower.look()
    with pytest.raises(Unavailable):
        process.current.check(before)  # what it had begun cannot be committed any more
    await create(process, patient(1, "blue"))
    assert await process.found("Patient", _id="p1") == {"p1"}


async def test_what_it_had_begun_keeps_a_process_from_telling_that_it_follows(process: Process) -> None:
    await create(process, definition())
    await process.lead(is_in(State.DECLARED))
    begun = process.current.written
    process.committer._under[begun] += 1
    stored = await lives.load(ACCESS, process.db)
    await process.step()
    await process.step()
    await process.step()
    assert await presence.known_by_all(ACCESS, process.db, lives.form(BASE)) == stored.facts.revision
    assert (await lives.load(ACCESS, process.db)).walk is None
    process.committer._under[begun] -= 1
    await process.lead(is_in(State.SEARCHABLE))


async def test_another_definition_goes_through_the_life_again(process: Process) -> None:
    await patients(process, 4)
    first = await create(process, definition())
    await process.lead(is_in(State.SEARCHABLE))
    changed = definition(expression="Patient.gender")
    second = await commit(process.committer, Change("PUT", "SearchParameter", "eyes", first, changed))
    await process.lead(is_in(State.DECLARED))
    with pytest.raises(BadRequest, match="not searchable"):
        await process.found("Patient", eyes="other")
    await process.lead(is_in(State.SEARCHABLE))
    assert await process.found("Patient", eyes="other") == {"p0", "p1", "p2", "p3"}
    assert await process.found("Patient", eyes="blue") == set()
    await commit(process.committer, Change("DELETE", "SearchParameter", "eyes", second, None))
    await process.lead(is_in(State.RETIRING))
    with pytest.raises(BadRequest, match="not a search parameter"):
        await process.found("Patient", eyes="other")
    await process.lead(lambda stored: not stored.lives)
    left = await process.db.resources.count_documents({layout.INDEX: {"$regex": r"^Patient\.eyes"}})
    assert left == 0


async def test_one_that_comes_while_another_is_indexed_waits_for_its_own_walk(process: Process) -> None:
    await patients(process, reindex.BATCH + 50)
    await create(process, definition())
    await process.lead(walked)
    await create(process, definition("sex", expression="Patient.gender"))
    stored = await process.lead(is_in(State.SEARCHABLE))
    assert is_in(State.INDEXING, "sex")(stored)
    await process.lead(is_in(State.SEARCHABLE, "sex"))
    assert len(await process.found("Patient", eyes="blue")) == 50
    assert len(await process.found("Patient", sex="other")) == reindex.BATCH + 50


@pytest.mark.parametrize("another", [True, False])
async def test_one_that_is_retired_while_it_is_indexed_is_gone_with_its_entries(
    process: Process, another: bool
) -> None:
    await patients(process, reindex.BATCH + 50)
    version = await create(process, definition())
    await process.lead(walked)
    if another:
        await create(process, definition("sex", expression="Patient.gender"))
        await process.lead(is_in(State.INDEXING, "sex"))
    await commit(process.committer, Change("DELETE", "SearchParameter", "eyes", version, None))
    await process.lead(is_in(State.RETIRING))
    await process.lead(lambda stored: all(life.id != "eyes" for life in stored.lives))
    left = await process.db.resources.count_documents({layout.INDEX: {"$regex": r"^Patient\.eyes"}})
    assert left == 0
    if another:
        await process.lead(is_in(State.SEARCHABLE, "sex"))
    await create(process, definition("again", code="eyes"))


async def test_a_sample_that_disagrees_does_not_keep_what_is_retired(process: Process) -> None:
    await patients(process, 3)
    version = await create(process, definition())
    await process.lead(is_in(State.SEARCHABLE))
    await commit(process.committer, Change("DELETE", "SearchParameter", "eyes", version, None))
    stored = await process.lead(walked)
    assert stored.walk is not None
    await process.db.resources.update_one({layout.ID: "Patient/p1"}, {"$pull": {layout.INDEX: {"$regex": "gender"}}})
    await process.lead(lambda stored: not stored.lives)


async def test_after_an_upgrade_all_is_made_anew_while_reads_go_on(process: Process) -> None:
    before = await patients(process, 3)
    old = {layout.INDEX: ["Patient.gender|an older form"], layout.RANGES: [], layout.SORT: {}}
    await process.db.resources.update_many({layout.TYPE: "Patient"}, {"$set": old})
    await process.db.meta.delete_one({layout.ID: "search parameters"})  # as before there was such a thing
    upgraded = await Process(process.db).start()
    with pytest.raises(Unavailable, match="Patient waiting"):
        await upgraded.found("Patient", gender="other")
    with pytest.raises(Unavailable):
        await upgraded.found("Observation", **{"subject:Patient.gender": "other"})
    assert await reader.read(ACCESS, upgraded.db, "Patient", "p0") == before[0]
    await process.follower.look()
    await upgraded.lead(lambda stored: "Patient" not in stored.outdated(lives.form(BASE)))
    assert await upgraded.found("Patient", gender="other") == {"p0", "p1", "p2"}
    stored = await upgraded.lead(lambda stored: not stored.outdated(lives.form(BASE)))
    assert stored.walk is None
    await upgraded.lead(lambda stored: stored.facts.entries == lives.form(BASE))
    after = await reader.read_many(ACCESS, upgraded.db, [version.key for version in before])
    assert [after[version.key] for version in before] == before
    await upgraded.committer.stop()


async def test_nothing_is_made_anew_while_a_process_of_another_release_writes(process: Process) -> None:
    await presence.tell(ACCESS, process.db, "another release", 1_000, 1_000, "1")
    await create(process, definition())
    await process.lead(is_in(State.DECLARED))
    for _ in range(5):
        await process.step()
    assert is_in(State.DECLARED)(await lives.load(ACCESS, process.db))


async def test_the_database_of_a_newer_release_is_left_alone(process: Process) -> None:
    await process.db.meta.update_one({layout.ID: "search parameters"}, {"$set": {"target": "1000"}})
    with pytest.raises(SchemaTooNew):
        await lives.prepare(ACCESS, process.db, lives.form(BASE))


async def test_a_sample_that_disagrees_is_told(process: Process) -> None:
    versions = await patients(process, 3)
    walk = Walk("Patient", (), upgrade=False, total=3, done=3, sample=tuple(version.key for version in versions))
    assert await reindex.verify(ACCESS, work(process), walk) == 3
    await process.db.resources.update_one({layout.ID: "Patient/p1"}, {"$pull": {layout.INDEX: {"$regex": "gender"}}})
    with pytest.raises(DisagreementError, match=r"1 of 3 resources of Patient .* such as Patient/p1"):
        await reindex.verify(ACCESS, work(process), walk)
    # Also if it is not in the sample, when it was written last: by a process that made other entries.
    with pytest.raises(DisagreementError):
        await reindex.verify(ACCESS, work(process), replace(walk, sample=()))


async def test_of_two_with_the_same_name_the_second_is_refused_also_at_once(process: Process) -> None:
    together = [create(process, definition(id_, code="eyes")) for id_ in ("a", "b")]
    results = await asyncio.gather(*together, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Version"]
    with pytest.raises(Conflict, match="is defined by SearchParameter/"):
        await create(process, definition("c", code="eyes", base=["Person", "Patient"], expression="Patient.gender"))
    with pytest.raises(Unprocessable, match="HL7's own"):
        await create(process, definition("d", code="gender"))
    await create(process, definition("e", code="eyes", base=["Person"], expression="Person.gender"))
