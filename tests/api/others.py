"""Somebody else, who is answered all the while: for what must not keep others waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import httpx

MOST_WAIT = 1.5
"""Seconds that a small read may take; a loaded machine takes a tenth, and hostile requests took many times that."""


@asynccontextmanager
async def others_served(
    client: httpx.AsyncClient,
    path: str = "Patient/none",
    *,
    statuses: Collection[int] = (200, 404),
    most_wait: float = MOST_WAIT,
    **how: Any,
) -> AsyncIterator[None]:
    """Somebody else asks for `path` all the while, and is answered soon, with one of `statuses`."""
    waits = []

    async def read() -> None:
        while True:
            start = time.perf_counter()
            assert (await client.get(path, **{"timeout": 60, **how})).status_code in statuses
            waits.append(time.perf_counter() - start)
            await asyncio.sleep(0.02)

    reading = asyncio.create_task(read())
    try:
        yield
        await asyncio.sleep(0.1)
        if reading.done():
            reading.result()  # which raises
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert waits
    assert max(waits) < most_wait
