"""Room that requests share: bytes of bodies, rows of pages. Who finds none left waits, in order of arrival.

Rule: a request holds its room until it is answered, and gives it back whatever happens.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from resources.outcome import Unavailable


class Room:
    """`size` units (bytes, rows) for all requests together."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.free = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def has(self, amount: int) -> bool:
        """Whether so much could be taken at once."""
        return not self._waiting and amount <= self.free

    async def take(self, amount: int, patience: float) -> None:
        """Take so much, waiting for it up to `patience` seconds. Raises Unavailable when it is not free by then."""
        if self.has(amount):
            self.free -= amount
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((amount, turn))
        try:
            async with asyncio.timeout(patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give(amount)
            else:
                with contextlib.suppress(ValueError):  # passed over already
                    self._waiting.remove((amount, turn))
                self.give(0)
            if isinstance(error, TimeoutError):
                raise Unavailable("The server has too much to do at the moment.", retry_after=10) from None
            raise

    def give(self, amount: int) -> None:
        """Give so much back, and let in those who can now be."""
        self.free += amount
        while self._waiting and self._waiting[0][0] <= self.free:
            taken, turn = self._waiting.popleft()
            if not turn.done():
                self.free -= taken
                turn.set_result(None)

    @asynccontextmanager
    async def of(self, amount: int, patience: float) -> AsyncIterator[None]:
        """Hold so much, at most everything, as long as the context lasts. Raises Unavailable as `take` does."""
        amount = min(amount, self.size)
        await self.take(amount, patience)
        try:
            yield
        finally:
            self.give(amount)


class Share:
    """What one request holds of a room, which grows as its body comes. Up to `FREE` bytes need none."""

    __slots__ = ("_held", "_room")

    FREE = 1024 * 1024
    STEP = 1024 * 1024

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held = 0

    async def grow(self, size: int, patience: float) -> None:
        """Hold `size` bytes, or all there are. Raises Unavailable where they do not become free in time."""
        if size <= self.FREE or size <= self._held:
            return
        wanted = min(max(size - self._held, self.STEP), self._room.size - self._held)
        if wanted:
            await self._room.take(wanted, patience)
            self._held += wanted

    def fits(self, size: int) -> bool:
        """Whether `grow` would not have to wait."""
        return size <= self.FREE or self._room.has(min(size, self._room.size) - self._held)

    def release(self) -> None:
        """Hold nothing any more."""
        if self._held:
            self._room.give(self._held)
            self._held = 0
