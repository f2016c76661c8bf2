"""Each server process follows the stored state of the search parameters, and tells the others how far it is.

Rule: what a process tells is true: all it writes from then on, what it had begun included, is by that revision or a
later one. It tells that it lives before it reads the state, so that nobody goes on without it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Final

from fhir_server.access.limits import Access
from fhir_server.search import life
from fhir_server.store import lives, presence
from fhir_server.store.committer import Committer
from fhir_server.store.current import CurrentParameters, clock
from fhir_server.store.database import Database
from resources.outcome import FhirError
from resources.parameters import ParameterSet

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
"""Between two looks at the stored state."""
TELL_SECONDS: Final = 5.0
"""Between two signs of life, where there is nothing new to tell."""

ACCESS: Final = Access.system("search parameters")


class Follower:
    """Keeps `current` as the stored state says; `process` is this process's name among the others."""

    def __init__(self, db: Database, current: CurrentParameters, committer: Committer) -> None:
        self.process = secrets.token_hex(8)
        self._db = db
        self._current = current
        self._committer = committer
        self._form = lives.form(current.base)
        self._told = 0
        self._told_at = -TELL_SECONDS
        self._seen: lives.Stored | None = None

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

    async def look(self) -> None:
        """Take over what is new, and tell. Raises Unavailable, InsufficientStorage."""
        now = clock()
        try:
            if self._seen is None or self._current.is_silent():
                await self._join()
        finally:  # where nothing can be written, searches go on
            self._take_over(await lives.load(ACCESS, self._db, self._seen))
            self._current.looked(now)
        writes = self._committer.writes_by(self._current.written)
        known = self._current.revision if writes else self._told
        if known != self._told or now - self._told_at > TELL_SECONDS:
            await presence.tell(ACCESS, self._db, self.process, known, self._form)
            self._told, self._told_at = known, now
        self._current.heard(self._told_at)

    async def _join(self) -> None:
        """Be reckoned with by the others before anything is read that they could change; begin anew."""
        self._told = 0
        await presence.tell(ACCESS, self._db, self.process, 0, self._form)
        self._current.disown()
        self._seen = None

    def _take_over(self, stored: lives.Stored) -> None:
        if stored == self._seen:
            return
        wanted = life.written(stored.lives)
        written = self._current.written
        if self._seen is None or wanted != written.added:
            written = ParameterSet(wanted, beside=self._current.base)
        progress = {each.id: stored.progress(each) for each in stored.lives}
        outdated = stored.outdated(self._form)
        answered = life.answered(stored.lives, self._current.base, progress, outdated)
        self._current.take_over(written, answered, stored.facts.revision)
        self._seen = stored
