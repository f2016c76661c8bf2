"""Doing a write anew when another one came first.

Rule: nobody fails for being second. An attempt begins with reading what is there now; between two, writers wait longer
each time and unequally long, so that they do not meet again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fhir_server.store.committer import ConditionChanged, VersionChanged
from resources.outcome import Conflict

Made = TypeVar("Made")


async def until_undisturbed(
    attempt: Callable[[], Awaitable[Made]], what: str, *, tries: int, first_pause: float
) -> Made:
    """What `attempt` returns, as soon as no other write overtakes it; it is tried `tries` times.

    The first pause is of half to all of `first_pause` seconds, each further one twice as long. Raises what `attempt`
    raises, and Conflict, which names `what` others keep changing, when it was overtaken every time.
    """
    pause = first_pause
    while True:
        tries -= 1
        try:
            return await attempt()
        except (VersionChanged, ConditionChanged) as overtaken:
            if not tries:
                raise Conflict(
                    f"Others keep changing {what} at the same time. Nothing was written; try again."
                ) from overtaken
        await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - spreads the retries, guards nothing
        pause *= 2
