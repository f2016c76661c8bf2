"""Turns: one writer at a time for each key, within this process.

Rule: this only spares retries; what keeps writers apart for certain is the version that each names in its transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager


class Turns:
    """Locks by key, in order of arrival; a key takes memory only while somebody has or awaits its turn."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    @asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[None]:
        """Wait for the turn at `key`, and hold it as long as the context lasts."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._users[key] = self._users.get(key, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._locks[key]

    @asynccontextmanager
    async def of_all(self, keys: Collection[str]) -> AsyncIterator[None]:
        """The same for several keys, each once; taken in one order by all, so that nobody waits in a circle."""
        async with AsyncExitStack() as stack:
            for key in sorted(keys):
                await stack.enter_async_context(self.of(key))
            yield

    def are_taken(self, keys: Collection[str]) -> bool:
        """Whether somebody has or awaits the turn at one of the keys."""
        return bool(self._locks) and not self._locks.keys().isdisjoint(keys)
