"""One transaction of MongoDB, retried where that is safe, and never wrong about whether it was committed.

Rule: an error before `commitTransaction` was sent means that nothing was written. After it, only an answer to
`commitTransaction` tells, and it may be asked again: the server remembers, also across its own restart.
See https://www.mongodb.com/docs/manual/core/transactions-in-applications/.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern

from fhir_server.store.abandoned import end_abandoned
from fhir_server.store.database import DURABLE, Database, code_of, is_disk_full
from resources.outcome import Unavailable

PATIENCE_SECONDS: Final = 8.0
"""How long a transaction is tried again before the caller is told."""
FIRST_PAUSE_SECONDS: Final = 0.002
LONGEST_PAUSE_SECONDS: Final = 0.5

BLOCKED_SECONDS: Final = 2.0
"""After write conflicts for so long, we look whether a killed process has left a transaction open."""

Work = Callable[[AsyncClientSession], Awaitable[None]]

_SNAPSHOT: Final = ReadConcern("snapshot")
_WRITE_CONFLICT: Final = 112


class CommitUnknown(Unavailable):
    """The database went away between the commit and its answer and did not come back in time."""

    def __init__(self) -> None:
        super().__init__(
            "The database was lost while the change was being committed: it may have been stored or not. "
            "Read what was to be changed before you send it again."
        )


async def run(db: Database, work: Work, *, patience: float = PATIENCE_SECONDS, retry_conflicts: bool = True) -> None:
    """Do `work` (which writes through the session it is given) in one transaction; durable on return.

    Transient errors are retried for `patience` seconds, write conflicts only with `retry_conflicts`. Raises what
    `work` raises, the driver's error when nothing was written, CommitUnknown when that cannot be told.
    """
    started = time.monotonic()
    deadline = started + patience
    pause = FIRST_PAUSE_SECONDS
    async with db.client.start_session(causal_consistency=False) as session:
        while True:
            try:
                await session.start_transaction(_SNAPSHOT, DURABLE)
                await work(session)
                await _commit(session, deadline)
            except PyMongoError as error:
                if session.in_transaction:
                    await session.abort_transaction()
                if not _worth_another_try(error, retry_conflicts) or time.monotonic() > deadline:
                    raise
                if is_write_conflict(error) and time.monotonic() > started + BLOCKED_SECONDS:
                    await end_abandoned(db)
            except BaseException:
                if session.in_transaction:
                    await session.abort_transaction()
                raise
            else:
                return
            await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - spreads the retries, guards nothing
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def is_write_conflict(error: PyMongoError) -> bool:
    """Whether another transaction holds or changed what this one wanted to write."""
    return code_of(error) == _WRITE_CONFLICT


async def _commit(session: AsyncClientSession, deadline: float) -> None:
    """Commit, asking again while the answer is unknown. Raises CommitUnknown at the deadline."""
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult"):
                raise
            if time.monotonic() > deadline:
                raise CommitUnknown from error
            await asyncio.sleep(FIRST_PAUSE_SECONDS)
        else:
            return


def _worth_another_try(error: PyMongoError, retry_conflicts: bool) -> bool:
    if isinstance(error, ServerSelectionTimeoutError) or is_disk_full(error):
        return False  # has waited long enough already; will not get better
    if is_write_conflict(error) and not retry_conflicts:
        return False
    return error.has_error_label("TransientTransactionError")
