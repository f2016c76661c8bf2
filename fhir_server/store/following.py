"""Each server process follows the stored state of the search parameters, and tells the others how far it is.

Rule: what a process tells is true: all it writes from then on, what it had begun included, is by that revision or a
later one. It tells that it lives before it reads the state, so that nobody goes on without it. What the lives do not
follow yet is foreseen: no definition is answered by after one has seen that it changed.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from typing import Final

from fhir_server.access.limits import Access
from fhir_server.search import declarations, life
from fhir_server.search.life import Life
from fhir_server.store import lives, presence
from fhir_server.store.committer import Committer
from fhir_server.store.current import CurrentParameters, clock
from fhir_server.store.database import Database
from fhir_server.store.declaring import Definitions
from resources.outcome import FhirError
from resources.parameters import ParameterSet

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
"""Between two looks at the stored state."""
TELL_SECONDS: Final = 5.0
"""Between two signs of life, where there is nothing new to tell."""
SETTLE_SECONDS: Final = 2.0
"""A change of definitions is acknowledged when all processes have seen it, or after so long."""
ASK_SECONDS: Final = 0.05
"""Between two looks at whether they have."""

ACCESS: Final = Access.system("search parameters")
_NOTHING: Final = (0, -1)


class Follower:
    """Keeps `current` as the stored state says; `process` is this process's name among the others."""

    def __init__(self, db: Database, current: CurrentParameters, committer: Committer) -> None:
        self.process = secrets.token_hex(8)
        self._db = db
        self._current = current
        self._committer = committer
        self._form = lives.form(current.base)
        self._told = _NOTHING
        self._told_at = -TELL_SECONDS
        self._seen: lives.Stored | None = None
        self._definitions = Definitions(db)
        self._changed: tuple[Life, ...] = ()
        self._looking = asyncio.Lock()
        committer.settle_by(declarations.TYPE, self.settle)

    async def run(self) -> None:
        """Follow until cancelled, through outages of the database."""
        while True:
            try:
                await self.look()
            except FhirError as error:
                logger.warning("search parameters not looked at: %s", error)
            except Exception as error:  # noqa: BLE001 - the server goes on; it will be silent, and say so
                logger.error("search parameters not looked at", extra={"error": type(error).__name__})  # noqa: TRY400
            await asyncio.sleep(LOOK_SECONDS)

    async def leave(self) -> None:
        """The end: this process writes no more."""
        try:
            await presence.leave(ACCESS, self._db, self.process)
        except FhirError as error:
            logger.warning("leaving untold: %s", error)

    async def settle(self) -> None:
        """Definitions were changed: answer by none that was before, and wait until the others do not either, for a
        while. Where this cannot look, nothing is answered until it can."""
        try:
            await self.look()
            if not await self._is_settled():
                logger.warning("search parameters changed, and a process has not looked yet")
        except Exception as error:  # noqa: BLE001 - the change is made, and is to be acknowledged
            self._current.doubt()
            logger.error("search parameters not looked at", extra={"error": type(error).__name__})  # noqa: TRY400

    async def _is_settled(self) -> bool:
        """Whether no process answers by former definitions, after SETTLE_SECONDS at most. Raises Unavailable."""
        stored = self._seen
        if stored is None or (stored.are_behind and not self._changed):
            return True  # they say nothing new, such as drafts
        until = clock() + SETTLE_SECONDS
        while not await presence.is_answered_by_all(ACCESS, self._db, stored.facts.definitions):
            if clock() > until:
                return False
            await asyncio.sleep(ASK_SECONDS)
        return True

    async def look(self) -> None:
        """Take over what is new, and tell. Raises Unavailable, InsufficientStorage."""
        async with self._looking:  # what was read earlier is not taken over later
            await self._look()

    async def _look(self) -> None:
        now = clock()
        try:
            if self._seen is None or self._current.is_silent():
                await self._join()
        finally:  # where nothing can be written, searches go on
            stored = await lives.load(ACCESS, self._db, self._seen)
            self._take_over(stored, await self._lives(stored))
            self._current.looked(now)
        writes = self._committer.writes_by(self._current.written)
        known = self._current.revision if writes else self._told[0], stored.facts.definitions
        if known != self._told or now - self._told_at > TELL_SECONDS:
            await presence.tell(ACCESS, self._db, self.process, *known, self._form)
            self._told, self._told_at = known, now
        self._current.heard(self._told_at)

    async def _join(self) -> None:
        """Be reckoned with by the others before anything is read that they could change; begin anew."""
        self._told = _NOTHING
        await presence.tell(ACCESS, self._db, self.process, *_NOTHING, self._form)
        self._current.disown()
        self._seen = None

    async def _lives(self, stored: lives.Stored) -> tuple[Life, ...]:
        """The lives as they will be once they follow the resources. Raises Unavailable."""
        if not stored.are_behind:
            return stored.lives
        self._changed = life.reconciled(stored.lives, await self._definitions.in_force(ACCESS))
        return tuple({each.id: each for each in (*stored.lives, *self._changed)}.values())

    def _take_over(self, stored: lives.Stored, foreseen: Sequence[Life]) -> None:
        if stored == self._seen:
            return
        wanted = life.written(stored.lives)  # what is foreseen is written as it was
        written = self._current.written
        if self._seen is None or wanted != written.added:
            written = ParameterSet(wanted, beside=self._current.base)
        progress = {each.id: stored.progress(each) for each in foreseen}
        outdated = stored.outdated(self._form)
        answered = life.answered(foreseen, self._current.base, progress, outdated)
        self._current.take_over(written, answered, stored.facts.revision)
        self._seen = stored
