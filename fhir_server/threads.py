"""Threads for work that would hold the event loop: what large bodies ask for in some, large answers in others.

Rule: hostile bodies may fill the first kind, and whoever waits for an answer to be written does not notice. Both are
few, and a request has one piece of work in them at a time, so that all requests get their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

HEAVY_BYTES: Final = 256 * 1024
"""Size of a resource, as text, from which it is validated, changed and encoded in a thread: below, a few hundredths of
a second."""
AT_ONCE: Final = 2
"""Threads of each kind: more would only fight for Python's one interpreter lock."""


class Threads:
    """Both kinds, until `close`."""

    def __init__(self) -> None:
        self._heavy = ThreadPoolExecutor(AT_ONCE, "heavy")
        self._rendering = ThreadPoolExecutor(AT_ONCE, "rendering")

    async def heavy(self, work: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
        """What large bodies ask for: decode, validate, patch, encode."""
        return await asyncio.get_running_loop().run_in_executor(self._heavy, partial(work, *arguments, **named))

    async def rendering(self, work: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
        """Large answers on their way out: XML, compression."""
        return await asyncio.get_running_loop().run_in_executor(self._rendering, partial(work, *arguments, **named))

    async def sized(self, size: int, work: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
        """At once for a text of few bytes, else as `heavy`."""
        if size < HEAVY_BYTES:
            return work(*arguments, **named)
        return await self.heavy(work, *arguments, **named)

    def close(self) -> None:
        """End the threads when they have done what they are at."""
        for pool in (self._heavy, self._rendering):
            pool.shutdown(wait=True, cancel_futures=True)
