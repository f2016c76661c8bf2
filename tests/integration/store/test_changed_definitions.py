"""A change of a SearchParameter, once it is acknowledged: nobody answers by what was defined before."""

from __future__ import annotations

import asyncio

import pytest

from fhir_server.document import layout
from fhir_server.model import Change
from fhir_server.search.life import State
from fhir_server.store.current import clock
from fhir_server.store.following import SETTLE_SECONDS
from resources.outcome import BadRequest, Unavailable
from tests.integration.store.changes import commit
from tests.integration.store.processes import Process, create, definition, is_in, patients


async def test_no_former_definition_is_answered_by_once_a_change_is_acknowledged(process: Process) -> None:
    await patients(process, 3)
    other = await Process(process.db).start()
    following = asyncio.create_task(other.follower.run())
    first = await create(process, definition())
    await process.lead(is_in(State.SEARCHABLE))
    await other.follower.look()
    for each in (process, other):
        assert await each.found("Patient", eyes="blue") == {"p0"}
    now = definition(type="token", expression="Patient.gender")
    second = await commit(process.committer, Change("PUT", first.type, first.id, first, now))
    for each in (process, other):  # nobody leads: it is seen by what the resources say
        with pytest.raises(BadRequest, match="not searchable: declared; try again later"):
            await each.found("Patient", eyes="blue")
    await process.lead(is_in(State.SEARCHABLE))
    await commit(process.committer, Change("DELETE", first.type, first.id, second, None))
    for each in (process, other):
        with pytest.raises(BadRequest, match="not a search parameter"):
            await each.found("Patient", eyes="other")
    following.cancel()
    await other.committer.stop()


async def test_a_change_is_acknowledged_although_a_process_does_not_look(process: Process) -> None:
    other = await Process(process.db).start()
    started = clock()
    await create(process, definition())
    assert SETTLE_SECONDS <= clock() - started < 3 * SETTLE_SECONDS
    await process.lead(is_in(State.DECLARED))
    started = clock()
    await create(process, definition("draft", status="draft"))  # nothing is answered otherwise by it
    assert clock() - started < SETTLE_SECONDS
    await other.committer.stop()


async def test_nothing_is_answered_while_a_process_cannot_look_at_what_it_changed(process: Process) -> None:
    facts = {layout.ID: "search parameters"}
    await process.db.meta.update_one(facts, {"$set": {"of another release": 1}}, upsert=True)
    await create(process, definition())
    with pytest.raises(Unavailable, match="lost touch"):
        await process.found("Patient", gender="other")
    await process.db.meta.update_one(facts, {"$unset": {"of another release": 1}})
    await process.follower.look()
    with pytest.raises(BadRequest, match="not searchable: declared"):
        await process.found("Patient", eyes="blue")
    assert await process.found("Patient", gender="other") == set()
