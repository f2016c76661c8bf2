"""Changes made ready, and written in one transaction: current versions, superseded ones, conditions, guards.

Rule: every write names the version it replaces; whoever comes second fails with VersionChanged, inside the transaction.
Many commits can share a transaction (`write` takes several); what belongs to whom is the committer's business.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from fhir_server.access.limits import Access
from fhir_server.document import codec, layout
from fhir_server.model import Change, Commit, Condition, Json, Version
from fhir_server.search import compile as compiling
from fhir_server.search.extract import Extracted, extract
from fhir_server.store import admission, reader
from fhir_server.store.database import Database, Document
from fhir_server.store.guards import Guard
from resources import instants, json_codec
from resources.outcome import Conflict

CHUNK_CHANGES: Final = 8
"""Changes encoded before others may run: a large Bundle must not hold the event loop."""
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


@dataclass(frozen=True, slots=True)
class Replacement:
    """The document of `version`, which takes the place of the one numbered `replaces`."""

    version: Version
    replaces: int
    document: RawBSONDocument


@dataclass(frozen=True, slots=True)
class Prepared:
    """A commit made ready: its documents encoded, its versions stamped.

    `claims` are keys that exclude it from others with the same (conditions, guards); `weight` is what it needs of
    mongod's cache, in bytes.
    """

    access: Access
    commit: Commit
    versions: tuple[Version, ...]
    inserts: tuple[RawBSONDocument, ...]
    replacements: tuple[Replacement, ...]
    superseded: tuple[RawBSONDocument, ...]
    claims: tuple[str, ...]
    guards: tuple[Guard, ...]
    weight: int


async def prepare(
    access: Access, commit: Commit, base_url: str, stamp: Callable[[Version | None], int], guards: Sequence[Guard]
) -> Prepared:
    """Stamp, extract and encode all changes. `stamp` gives the time of a version (µs) that replaces another.

    Raises PayloadTooLarge for a resource that does not fit a document.
    """
    versions: list[Version] = []
    inserts: list[RawBSONDocument] = []
    replacements: list[Replacement] = []
    superseded: list[RawBSONDocument] = []
    weight = 0
    for number, change in enumerate(commit.changes, 1):
        version, document, extracted = _encode(change, base_url, stamp(change.before))
        versions.append(version)
        weight += admission.weight(document, extracted)
        if change.before is None:
            inserts.append(document)
        else:
            replacements.append(Replacement(version, change.before.version, document))
            old = codec.to_superseded(change.before, version.updated)
            superseded.append(old)
            weight += admission.weight(old, None)
        if number % CHUNK_CHANGES == 0:
            await asyncio.sleep(0)
    claims = {f"condition {condition.key}" for condition in commit.conditions}
    concerned = [(guard, guard.claims(commit)) for guard in guards]
    claims.update(*(keys for _, keys in concerned))
    return Prepared(
        access=access,
        commit=commit,
        versions=tuple(versions),
        inserts=tuple(inserts),
        replacements=tuple(replacements),
        superseded=tuple(superseded),
        claims=tuple(sorted(claims)),
        guards=tuple(guard for guard, keys in concerned if keys),
        weight=weight,
    )


async def write(db: Database, session: AsyncClientSession, prepared: Sequence[Prepared]) -> None:
    """Write commits in the transaction of `session`: all of them, or the transaction must be aborted.

    Raises VersionChanged, ConditionChanged, what a guard raises, and the driver's errors.
    """
    for one in prepared:
        if one.claims:
            await _claim(db, session, one.claims)
            await _check_conditions(db, session, one)
    for documents in _chunks([document for one in prepared for document in one.inserts]):
        await _insert(db.resources, documents, session)
    replacements = [replacement for one in prepared for replacement in one.replacements]
    if replacements:
        await _replace(db, session, replacements)
        for documents in _chunks([document for one in prepared for document in one.superseded]):
            await _insert(db.versions, documents, session)
    for one in prepared:
        for guard in one.guards:
            await guard.check(one.access, db, session, one.commit)


def stamped(resource: Json, version: int, updated: int) -> Json:
    """A copy with meta.versionId and meta.lastUpdated of this version; where there was no meta, it follows the id.

    See https://hl7.org/fhir/R4/resource.html#Meta.
    """
    facts = {"versionId": str(version), "lastUpdated": instants.instant_text(updated)}
    given = resource.get("meta")
    if given is not None:
        return {**resource, "meta": {**facts, **given, **facts}}
    return {"resourceType": resource["resourceType"], "id": resource["id"], "meta": facts, **resource}


def _encode(change: Change, base_url: str, updated: int) -> tuple[Version, RawBSONDocument, Extracted | None]:
    number = change.before.version + 1 if change.before else 1
    resource = extracted = text = None
    compartments: tuple[str, ...] = change.before.compartments if change.before else ()
    if change.after is not None:
        resource = stamped(change.after, number, updated)
        extracted = extract(resource, base_url)
        text = json_codec.encode(resource)
        compartments = tuple(extracted.compartments)
    version = Version(change.type, change.id, number, updated, change.method, text, compartments, change.blob)
    return version, codec.to_document(version, resource, extracted), extracted


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
        plan = compiling.condition_plan(condition.type, condition.tree, prepared.access.limit)
        page = await reader.run_within(db, plan, session)
        found = [version.id for version in page.versions]
        if found != ([] if condition.found is None else [condition.found]):
            raise ConditionChanged(condition)


async def _insert(
    collection: AsyncCollection[Document], documents: Sequence[RawBSONDocument], session: AsyncClientSession
) -> None:
    try:
        await collection.insert_many(documents, session=session)
    except BulkWriteError as error:
        failed = error.details["writeErrors"][0]
        if failed["code"] == DUPLICATE_KEY:
            document = documents[failed["index"]]
            raise VersionChanged(document.get(layout.KEY) or document[layout.ID]) from error
        raise


async def _replace(db: Database, session: AsyncClientSession, replacements: Sequence[Replacement]) -> None:
    matched = 0
    for chunk in _chunks(replacements, size=lambda replacement: len(replacement.document.raw)):
        result = await db.resources.bulk_write(
            [ReplaceOne({layout.ID: r.version.key, layout.VERSION: r.replaces}, r.document) for r in chunk],
            session=session,
        )
        matched += result.matched_count
    if matched != len(replacements):
        raise VersionChanged(await _first_unmatched(db, session, replacements))


async def _first_unmatched(db: Database, session: AsyncClientSession, replacements: Sequence[Replacement]) -> str:
    """The key that does not hold what was just written; asked within the transaction, which sees its own writes."""
    keys = [replacement.version.key for replacement in replacements]
    found = db.resources.find({layout.ID: {"$in": keys}}, {layout.UPDATED: 1}, session=session)
    written = {document[layout.ID]: document[layout.UPDATED] async for document in found}
    return next(r.version.key for r in replacements if written.get(r.version.key) != r.version.updated)


def _chunks(items: Sequence[Any], *, size: Callable[[Any], int] = lambda document: len(document.raw)) -> Iterator[Any]:
    """The items in order, in lists of at most CHUNK_BYTES (or one item)."""
    chunk: list[Any] = []
    filled = 0
    for item in items:
        if chunk and filled + size(item) > CHUNK_BYTES:
            yield chunk
            chunk, filled = [], 0
        chunk.append(item)
        filled += size(item)
    if chunk:
        yield chunk
