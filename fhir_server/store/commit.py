"""Changes made ready, and written in one transaction: current versions, superseded ones, conditions, guards.

Rule: every write names the version it replaces; whoever comes second fails with VersionChanged, inside the transaction.
Many commits can share a transaction (`write` takes several); what belongs to whom is the committer's business.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.model import Commit, Condition, Version
from fhir_server.store import admission, blobs, encoding, reader
from fhir_server.store.database import Database, Document
from fhir_server.store.encoding import Draft, Encoded
from fhir_server.store.guards import Guard
from fhir_server.threads import Threads
from resources.outcome import Conflict
from resources.parameters import ParameterSet

TURN_CHANGES: Final = 16
"""Changes encoded before others may run: a large Bundle must not hold the event loop."""
FIRST_CHUNK_CHANGES: Final = 16
"""Commits of so many changes are encoded before they queue; of larger ones, so many before the first is sent."""
CHUNK_BYTES: Final = 4 * 1024 * 1024
"""Documents sent to MongoDB at once."""
DUPLICATE_KEY: Final = 11000


class VersionChanged(Conflict):
    """`before` is not current any more, or the id of a new resource is in use; `key` says which (`Patient/1`)."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} was changed by somebody else at the same time. Read it again and repeat the change.")
        self.key = key


class ConditionChanged(Conflict):
    """The criteria of `condition` find something else than they did before the commit."""

    def __init__(self, condition: Condition) -> None:
        super().__init__(f"Another {condition.type} was written that the criteria match. Try again.")
        self.condition = condition


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A commit made ready: its versions stamped, its documents encoded or to be encoded while it is written, with the
    entries of `parameters`.

    `claims` are keys that exclude it from others with the same (conditions, guards); `weight` is what it needs of
    mongod's cache, in bytes: exact if it is encoded, else an estimate. `checked` says that no change can turn out to be
    invalid while it is written.
    """

    access: Access
    commit: Commit
    drafts: tuple[Draft, ...]
    claims: tuple[str, ...]
    guards: tuple[Guard, ...]
    weight: int
    checked: bool
    parameters: ParameterSet

    @property
    def blobs(self) -> tuple[str, ...]:
        """The contents that the commit is the first to name."""
        changes = self.commit.changes
        named = ((change.blob, change.before.blob if change.before else None) for change in changes)
        return tuple(new for new, old in named if new is not None and new != old)

    @property
    def versions(self) -> tuple[Version, ...]:
        """The new versions, in the order of the changes."""
        return tuple(draft.encoded().version for draft in self.drafts)


async def prepare(
    access: Access,
    commit: Commit,
    base_url: str,
    stamp: Callable[[Version | None], int],
    guards: Sequence[Guard],
    budget: int,
    parameters: ParameterSet,
    threads: Threads,
) -> Prepared:
    """Stamp all changes, and encode them, if they are few or if they might not fit into `budget` (bytes of cache).

    `stamp` gives the time of a version (µs) that replaces another. Guards say of unchecked changes what they
    claim; those that claim something see checked ones afterwards. Raises PayloadTooLarge for a resource that does not
    fit a document, and what the changes' `check` raises.
    """
    drafts: list[Draft] = []
    for number, change in enumerate(commit.changes, 1):
        drafts.append(Draft(change, stamp(change.before), base_url, parameters))
        if number % TURN_CHANGES == 0:
            await asyncio.sleep(0)
    text_bytes = sum(draft.text_bytes for draft in drafts)
    checked = all(change.check is None for change in commit.changes)
    concerned = [(guard, keys) for guard in guards if (keys := await guard.claims(commit))]
    looked_at = bool(concerned) and not checked
    if len(drafts) <= FIRST_CHUNK_CHANGES or looked_at or admission.ceiling(text_bytes) > budget:
        weight, checked = 0, True
        async for chunk in _chunks(drafts, threads):
            weight += sum(encoded.weight for encoded in chunk)
    else:
        weight = admission.estimate(text_bytes)
    claims = {f"condition {key}" for condition in commit.conditions for key in (condition.key, *condition.identifiers)}
    claims.update(*(keys for _, keys in concerned))
    return Prepared(
        access=access,
        commit=commit,
        drafts=tuple(drafts),
        claims=tuple(sorted(claims)),
        guards=tuple(guard for guard, _ in concerned),
        weight=weight,
        checked=checked,
        parameters=parameters,
    )


async def write(db: Database, session: AsyncClientSession, prepared: Sequence[Prepared], threads: Threads) -> None:
    """Write commits in the transaction of `session`: all of them, or the transaction must be aborted.

    Raises VersionChanged, ConditionChanged, BlobSwept, what a guard or a change's `check` raises, PayloadTooLarge, and
    the driver's errors.
    """
    for one in prepared:
        if one.claims:
            await _claim(db, session, one.claims)
            await _check_conditions(db, session, one)
        if named := one.blobs:
            await blobs.keep(one.access, db, session, named)
    drafts = [draft for one in prepared for draft in one.drafts]
    new = [draft for draft in drafts if draft.change.before is None]
    await _overlapping(
        _chunks(new, threads), lambda chunk: _insert(db, layout.RESOURCES, [one.document for one in chunk], session)
    )
    if len(new) < len(drafts):
        others = [draft for draft in drafts if draft.change.before is not None]
        await _overlapping(_chunks(others, threads), lambda chunk: _replace(db, session, chunk))
    for one in prepared:
        for guard in one.guards:
            await guard.check(one.access, db, session, one.commit)


async def _chunks(drafts: Sequence[Draft], threads: Threads) -> AsyncIterator[list[Encoded]]:
    """The drafts encoded, in lists of at most CHUNK_BYTES (or one document); large ones in a thread.

    Of those that are encoded only now, each list has twice as many as the one before: about as long as MongoDB takes
    for one, Python takes for the next, and round trips stay few.
    """
    chunk: list[Encoded] = []
    filled = fresh = 0
    most_fresh = FIRST_CHUNK_CHANGES
    for start in range(0, len(drafts), TURN_CHANGES):
        turn = drafts[start : start + TURN_CHANGES]
        open_ = [draft for draft in turn if not draft.is_encoded]
        fresh += len(open_)
        size = sum(len(draft.text or b"") for draft in open_)
        for encoded in await threads.sized(size, encoding.encode, turn):
            size = max(len(one.raw) for one in (encoded.document, encoded.superseded) if one is not None)
            if chunk and filled + size > CHUNK_BYTES:
                yield chunk
                chunk, filled = [], 0
            chunk.append(encoded)
            filled += size
        if fresh >= most_fresh:
            yield chunk
            chunk, filled, fresh = [], 0, 0
            most_fresh *= 2
        elif fresh and start + TURN_CHANGES < len(drafts):
            await asyncio.sleep(0)
    if chunk:
        yield chunk


async def _overlapping(
    chunks: AsyncIterator[list[Encoded]], send: Callable[[list[Encoded]], Coroutine[Any, Any, None]]
) -> None:
    """Send one list after another; while MongoDB takes one, the next is encoded."""
    sending: asyncio.Task[None] | None = None
    try:
        async for chunk in chunks:
            if sending is not None:
                await sending
            sending = asyncio.create_task(send(chunk))
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # the event loop writes to sockets at the end of a round: now it is on its way
        if sending is not None:
            await sending
    except BaseException:
        if sending is not None:  # a session takes one operation at a time, and the next is the abort
            await asyncio.gather(sending, return_exceptions=True)
        raise


async def _claim(db: Database, session: AsyncClientSession, claims: Sequence[str]) -> None:
    """Write the claims' documents, so that of two transactions with an equal one the second conflicts."""
    now = datetime.now(UTC)
    await db.claims.bulk_write(
        [UpdateOne({layout.ID: _claim_id(key)}, {"$set": {layout.CLAIMED: now}}, upsert=True) for key in claims],
        session=session,
    )


def _claim_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


async def _check_conditions(db: Database, session: AsyncClientSession, prepared: Prepared) -> None:
    for condition in prepared.commit.conditions:
        versions = await reader.matching_within(prepared.access, db, session, condition.type, condition.tree, most=1)
        found = [version.id for version in versions]
        if found != ([] if condition.found is None else [condition.found]):
            raise ConditionChanged(condition)


async def _insert(
    db: Database, collection: str, documents: Sequence[RawBSONDocument], session: AsyncClientSession
) -> None:
    try:
        await _sent(db, {"insert": collection, "documents": documents}, session)
    except BulkWriteError as error:
        failed = error.details["writeErrors"][0]
        if failed["code"] == DUPLICATE_KEY:
            document = documents[failed["index"]]
            raise VersionChanged(document.get(layout.KEY) or document[layout.ID]) from error
        raise


async def _replace(db: Database, session: AsyncClientSession, chunk: Sequence[Encoded]) -> None:
    """Put new versions in the place of those before, and these into `versions`."""
    updates = [
        {"q": {layout.ID: one.version.key, layout.VERSION: one.version.version - 1}, "u": one.document} for one in chunk
    ]
    matched = await _sent(db, {"update": layout.RESOURCES, "updates": updates}, session)
    if matched != len(chunk):
        raise VersionChanged(await _first_unmatched(db, session, [one.version for one in chunk]))
    superseded = [one.superseded for one in chunk if one.superseded is not None]
    await _insert(db, layout.VERSIONS, superseded, session)


async def _sent(db: Database, command: Document, session: AsyncClientSession) -> int:
    """Send an insert or update command; the documents that it wrote. Raises BulkWriteError, and the driver's errors.

    The driver's own methods divide, retry and count what they are given. In a transaction, of documents that fit a
    message, nothing of that is needed, and it takes a third of the driver's time.
    """
    reply = await db.database.command(command, session=session)
    if "writeErrors" in reply:
        raise BulkWriteError(reply)
    return int(reply["n"])


async def _first_unmatched(db: Database, session: AsyncClientSession, versions: Sequence[Version]) -> str:
    """The key that does not hold what was just written; asked within the transaction, which sees its own writes."""
    found = db.resources.find(
        {layout.ID: {"$in": [version.key for version in versions]}}, {layout.UPDATED: 1}, session=session
    )
    written = {document[layout.ID]: document[layout.UPDATED] async for document in found}
    return next(version.key for version in versions if written.get(version.key) != version.updated)
