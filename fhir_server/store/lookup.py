"""Reads of what writes are about to replace: all that is asked for while one query is under way shares the next.

Rule: nobody waits for company, a read that is alone is a plain read; no answer is older than its question.
"""

from __future__ import annotations

import asyncio
from typing import Final

from fhir_server.access.limits import Access
from fhir_server.model import Version
from fhir_server.store import reader
from fhir_server.store.database import Database

MOST_KEYS: Final = 64
"""Keys in one query."""


class _Batch:
    """Keys that are asked for together, and the task that answers."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.task: asyncio.Task[dict[str, Version]]


class Lookup:
    """Shares queries for current versions among the writes of this process; one is under way at a time."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._turn = asyncio.Lock()
        self._next: _Batch | None = None
        """Takes keys until its turn comes."""

    async def read(self, access: Access, type_: str, id_: str) -> Version | None:
        """As `reader.read`: the current version, a tombstone included. Raises Unavailable."""
        key = f"{type_}/{id_}"
        batch = self._next
        if batch is None or len(batch.keys) == MOST_KEYS:
            batch = self._next = _Batch()
            batch.task = asyncio.create_task(self._answer(batch))
        batch.keys.append(key)
        found = await asyncio.shield(batch.task)  # who goes away does not take the others' answer along
        return found.get(key)

    async def _answer(self, batch: _Batch) -> dict[str, Version]:
        async with self._turn:
            if self._next is batch:
                self._next = None
            access = Access.system("versions to be replaced")
            if len(batch.keys) > 1:
                return await reader.read_many(access, self._db, batch.keys)
            [key] = batch.keys
            type_, _, id_ = key.partition("/")
            version = await reader.read(access, self._db, type_, id_)
            return {} if version is None else {key: version}
