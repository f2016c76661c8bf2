"""Whether this process can answer: for load balancers and people.

Rule: alive is not ready. Alive needs nothing; ready needs a database that answers now.
"""

from __future__ import annotations

import asyncio

from fhir_server.http.door import Door
from resources.outcome import FhirError

PING_SECONDS = 1.0
WAITING = "The database has not been reached yet."


async def unready(door: Door) -> str | None:
    """Why FHIR requests cannot be answered now; None when they can."""
    if door.server is None:
        return WAITING
    try:
        async with asyncio.timeout(PING_SECONDS):
            await door.server.database.ping()
    except TimeoutError:
        return f"The database did not answer within {PING_SECONDS:g} s."
    except FhirError as error:
        return str(error)
    return None
