"""Transactions whose owner was killed: MongoDB keeps them open, and what they wrote locked, until their lifetime ends.

Rule: ours are never idle for long, since all they write is encoded before they begin. One that is, is ended; should
its owner live after all, it is told so by MongoDB and tries again. (The lifetime itself is minutes, for large commits.)
"""

from __future__ import annotations

from typing import Final

from pymongo.errors import OperationFailure

from fhir_server.store.database import APPLICATION, Database, Document

IDLE_MICROSECONDS: Final = 5_000_000

_UNAUTHORIZED: Final = 13


async def end_abandoned(db: Database) -> None:
    """End our open transactions that nobody has gone on with for IDLE_MICROSECONDS; nothing where we may not."""
    idle = {
        "type": "idleSession",
        "appName": APPLICATION,
        "transaction.timeInactiveMicros": {"$gte": IDLE_MICROSECONDS},
    }
    stages: list[Document] = [{"$currentOp": {"allUsers": True, "idleSessions": True}}, {"$match": idle}]
    try:
        found = await (await db.client.admin.aggregate(stages)).to_list()
        sessions = [{"lsid": {"id": one["lsid"]["id"], "uid": one["lsid"]["uid"]}} for one in found]
        if sessions:
            await db.client.admin.command("killAllSessionsByPattern", sessions)
    except OperationFailure as failure:
        if failure.code != _UNAUTHORIZED:
            raise
