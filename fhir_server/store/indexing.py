"""What one server process at a time does for all: lead the search parameters through their lives.

Rule: a step is taken when every process is known to work by the one before. Whatever is done is stored before anything
follows from it, so that another process can go on at any point.
See `fhir_server.search.life` for the states and `reindex` for the work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from fhir_server.access.limits import Access
from fhir_server.search import further, life
from fhir_server.search.life import Life, State
from fhir_server.store import leases, lives, presence, reindex
from fhir_server.store.database import Database
from fhir_server.store.declaring import Definitions
from fhir_server.store.leases import Lease
from fhir_server.store.lives import Stored, Walk
from fhir_server.store.reindex import DisagreementError, ExtractionError, Reindexing
from resources.outcome import FhirError
from resources.parameters import BASE, ParameterSet

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
"""Between two looks at whether there is something to do."""
ACCESS: Final = Access.system("reindex")
_WATCHED: Final = frozenset({State.INDEXING, State.VERIFIED, State.SEARCHABLE})


class Indexer:
    """Leads while it holds the lease. `process` is this process's name; base_url: the server's own, whose references
    count as relative; `clock` gives microseconds since the epoch; `base` are HL7's own parameters."""

    def __init__(
        self, db: Database, process: str, base_url: str, clock: Callable[[], int], base: ParameterSet = BASE
    ) -> None:
        self._db = db
        self._base = base
        self._form = lives.form(base)
        self.lease = Lease("search parameters", process)
        self._base_url = base_url
        self._definitions = Definitions(db)
        self._clock = clock
        self._parameters = base

    async def run(self) -> None:
        """Lead, or wait to, until cancelled."""
        while True:
            again = False
            try:
                again = await leases.take(ACCESS, self._db, self.lease) and await self.advance()
            except FhirError as error:
                logger.warning("search parameters wait: %s", error)
            except Exception as error:  # noqa: BLE001 - the server goes on; what is not indexed is not answered
                logger.error("search parameters wait", extra={"error": type(error).__name__})  # noqa: TRY400
            await asyncio.sleep(0 if again else LOOK_SECONDS)

    async def leave(self) -> None:
        """The end: another process may lead at once."""
        try:
            await leases.release(ACCESS, self._db, self.lease)
        except FhirError as error:
            logger.warning("lease not given back: %s", error)

    async def advance(self) -> bool:
        """Take the steps that can be taken, and reindex a batch; whether there is more to do at once.

        Raises LeaseLost, Unavailable.
        """
        stored = await lives.load(ACCESS, self._db)
        if stored.are_behind:
            await self._reconcile(stored)
            return True
        if broken := await self._broken(stored):
            await self._change(stored, [broken])
            return True
        known = await presence.known_by_all(ACCESS, self._db, self._form)
        if known is None:
            return False
        if await self._settle(stored, known):
            return True
        if any(each.waits_for_all and each.written is not None for each in stored.lives):
            return False  # somebody may still answer it; nothing is reindexed before all know better
        return await self._reindex(stored, known)

    async def _reconcile(self, stored: Stored) -> None:
        """Follow the SearchParameter resources: what is new, changed, or no longer there."""
        changed = life.reconciled(stored.lives, await self._definitions.in_force(ACCESS))
        await self._change(stored, changed, reconciled=stored.facts.definitions)

    async def _broken(self, stored: Stored) -> Life | None:
        """A life whose expression failed on a resource that was written since its reindexing."""
        watched = {
            failure: each
            for each in stored.lives
            if each.state in _WATCHED and not each.pending and each.definition.general
            for failure in _failures(each)
        }
        found = await reindex.failing(ACCESS, self._db, list(watched)) if watched else None
        return life.failed(watched[found[0]], str(ExtractionError(*found))) if found else None

    async def _settle(self, stored: Stored, known: int) -> bool:
        """Take the steps that can be taken, now that all processes know this revision; whether there were any."""
        changed, gone = [], []
        for each in stored.lives:
            after = each if each.waits_for_all and each.revision > known else life.settled(each)
            if after is None:
                gone.append(each.id)
            elif after is not each:
                changed.append(await self._counted(after))
        if changed or gone:
            await self._change(stored, changed, gone)
        return bool(changed or gone)

    async def _counted(self, each: Life) -> Life:
        """With the number of resources, where a reindexing begins."""
        if not each.is_being_reindexed or each.total:
            return each
        return replace(each, total=sum([await reindex.total(ACCESS, self._db, type_) for type_ in each.pending]))

    async def _reindex(self, stored: Stored, known: int) -> bool:
        """One batch of the walk, or its end, or the beginning of another; whether there is more."""
        walk = stored.walk or await self._next_walk(stored, known)
        if walk is None:
            return await self._finish_upgrade(stored)
        if stored.walk and not walk.upgrade and not any(map(walk.is_for, stored.lives)):
            await self._change(stored, [], end_walk=True)  # all that it was for were retired or defined anew
            return True
        written = life.written(stored.lives)
        if written != self._parameters.added:
            self._parameters = ParameterSet(written, beside=self._base)
        work = Reindexing(self._db, self.lease, self._parameters, self._base_url)
        try:
            if await reindex.step(ACCESS, work, walk) is None:
                coming = {
                    each.written.code
                    for each in stored.lives
                    if each.written is not None and walk.type in each.pending and not walk.is_for(each)
                }
                sampled = await reindex.verify(ACCESS, work, walk, coming)
                await self._end_walk(stored, walk, sampled)
        except ExtractionError as error:
            await self._fail(stored, error)
        except DisagreementError as error:
            await self._disagree(stored, walk, error)
        return True

    async def _next_walk(self, stored: Stored, known: int) -> Walk | None:
        ready = [each for each in stored.lives if each.is_being_reindexed and each.revision <= known]
        outdated = stored.facts.outdated(self._form)
        types = sorted({type_ for each in ready for type_ in each.pending}) or outdated
        if not types:
            return None
        type_ = types[0]
        serves = tuple((each.id, each.revision) for each in ready if type_ in each.pending)
        return Walk(type_, serves, type_ in outdated, await reindex.total(ACCESS, self._db, type_))

    async def _end_walk(self, stored: Stored, walk: Walk, sampled: int) -> None:
        """The type is done, for the lives that the walk was for and are still the same."""
        served = [each for each in stored.lives if walk.is_for(each)]
        changed = [life.reindexed(each, walk.type, walk.done, sampled) for each in served]
        facts: dict[str, Any] = {}
        if walk.upgrade:
            facts = {"target": self._form, "done": sorted({*stored.facts.done_in(self._form), walk.type})}
        await self._change(stored, changed, end_walk=True, **facts)

    async def _finish_upgrade(self, stored: Stored) -> bool:
        """All types have entries of this release's form: that is the form of the database from now on."""
        if stored.facts.entries == self._form:
            return False
        await self._change(stored, [], entries=self._form, target=self._form, done=[])
        logger.info("search entries upgraded", extra={"form": self._form})
        return True

    async def _fail(self, stored: Stored, error: ExtractionError) -> None:
        """An expression fails: its parameter does not go on, the others do, from where they are."""
        failed = [life.failed(each, str(error)) for each in stored.lives if error.failure in _failures(each)]
        await self._change(stored, failed)

    async def _disagree(self, stored: Stored, walk: Walk, error: DisagreementError) -> None:
        """What a sample contradicts is not answered; the entries of HL7's own parameters are made once more. What is
        retiring has been removed."""
        logger.error("reindexing of %s not confirmed", walk.type)
        changed = [
            life.failed(each, str(error)) if each.written is not None else life.reindexed(each, walk.type, walk.done, 0)
            for each in stored.lives
            if walk.is_for(each)
        ]
        await self._change(stored, changed, end_walk=True)

    async def _change(
        self, stored: Stored, changed: Sequence[Life], gone: Sequence[str] = (), *, end_walk: bool = False, **facts: Any
    ) -> None:
        await lives.change(
            ACCESS,
            self._db,
            self.lease,
            stored,
            lives=changed,
            gone=gone,
            end_walk=end_walk,
            now=self._clock(),
            **facts,
        )
        for each in changed:
            logger.info("search parameter", extra={"id": each.id, "state": each.state})


def _failures(each: Life) -> list[str]:
    """The entries of resources on which the expression fails by which a parameter is written, if it is."""
    if each.written is None:
        return []
    return [further.failure(f"{type_}.{each.written.code}") for type_ in each.written.types]
