"""Reindexing: the resources of one type extracted again from their texts, batch by batch, while others read and write.

Rules: only what is derived is written, under the version that was read, so that whoever writes at the same time wins;
versions, times and texts stay. A batch and how far it got are one transaction, which cannot be committed by a process
that has lost the lease: a crash repeats nothing and skips nothing.
NOTE: the change stream shows such a write as `update`; what is made of changes reads `insert` and `replace`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession

from fhir_server.access.limits import Access
from fhir_server.document import codec, layout
from fhir_server.search import extract, further
from fhir_server.search.extract import Extracted
from fhir_server.store import leases, lives, transaction
from fhir_server.store.database import Database, Document, translated
from fhir_server.store.leases import Lease
from fhir_server.store.lives import SAMPLE, Walk
from fhir_server.store.rows import take
from resources import json_codec
from resources.parameters import ParameterSet

logger = logging.getLogger(__name__)

BATCH: Final = 100
"""Resources of a batch, at most."""
BATCH_BYTES: Final = 4 * 1024 * 1024
"""Of their texts, after which no more resources are added to a batch."""
TURN: Final = 5
"""Resources extracted before others may run."""
PAUSE: Final = 1.0
"""A pause after each batch, as a multiple of the time that it took: requests come first."""
PATIENCE_SECONDS: Final = 60.0

_DERIVED: Final = (layout.INDEX, layout.RARE, layout.RANGES, layout.SORT, layout.COMPARTMENTS)
_PROJECTION: Final = {layout.VERSION: 1, layout.UPDATED: 1, layout.TEXT: 1, **dict.fromkeys(_DERIVED, 1)}
_CODE: Final = re.compile(r"\w+\.([\w-]+)", re.ASCII)


class ExtractionError(Exception):
    """The expression of a parameter fails on a resource: `failure` is the entry that says so, `key` the resource."""

    def __init__(self, failure: str, key: str) -> None:
        super().__init__(f"The expression fails on {key}.")
        self.failure = failure


class DisagreementError(Exception):
    """What is stored beside resources is not what is extracted from them again."""


@dataclass(frozen=True, slots=True)
class Reindexing:
    """What a walk needs: `parameters` are those that are written; base_url: the server's own, whose references count
    as relative."""

    db: Database
    lease: Lease
    parameters: ParameterSet
    base_url: str


async def total(access: Access, db: Database, type_: str) -> int:
    """About how many resources of a type there are. Raises Unavailable."""
    with translated():
        return await db.resources.count_documents({layout.TYPE: type_}, hint="tU")


async def step(access: Access, work: Reindexing, walk: Walk) -> Walk | None:
    """Reindex one batch, and pause. How far the walk is then, as it is stored; None when nothing was left.

    Raises ExtractionError, LeaseLost, Unavailable.
    """
    started = time.monotonic()
    with translated():
        rows = await _rows(work.db, walk)
        if not rows:
            return None
        updates = await _updates(work, rows)
        after = _after(walk, rows)

        async def write(session: AsyncClientSession) -> None:
            await leases.confirm(access, work.db, work.lease, session)
            if updates:
                await work.db.resources.bulk_write(updates, ordered=False, session=session)
            await lives.put_walk(access, work.db, session, after)

        await transaction.run(work.db, write, patience=PATIENCE_SECONDS)
    await asyncio.sleep((time.monotonic() - started) * PAUSE)
    return after


async def verify(access: Access, work: Reindexing, walk: Walk, coming: AbstractSet[str] = frozenset()) -> int:
    """Extract the sample of a walk again, and the resources written last; how many these were. `coming` are the codes
    of parameters that are written already while their own walk over the type is still to come: not all have these.

    Raises DisagreementError, ExtractionError, Unavailable.
    """
    with translated():
        sampled = work.db.resources.find({layout.ID: {"$in": list(walk.sample)}}, _PROJECTION, hint=layout.BY_ID)
        rows, _ = await take(sampled, SAMPLE)
        last = work.db.resources.find(
            {layout.TYPE: walk.type}, _PROJECTION, sort=[(layout.UPDATED, -1)], hint="tU", limit=SAMPLE
        )
        rows += (await take(last, SAMPLE))[0]
    codes = work.parameters.for_type(walk.type).keys() - coming
    unlike = []
    present = {row[layout.ID]: row for row in rows if layout.TEXT in row}
    for number, (key, row) in enumerate(present.items()):
        if number % TURN == 0:
            await asyncio.sleep(0)
        extracted = _extracted(work, row)
        if extracted is not None and not _agrees(row, extracted, codes):
            unlike.append(key)
    if unlike:
        raise DisagreementError(
            f"{len(unlike)} of {len(present)} resources of {walk.type} that were extracted again have other entries "
            f"than are stored, such as {unlike[0]}."
        )
    return len(present)


async def failing(access: Access, db: Database, failures: list[str]) -> tuple[str, str] | None:
    """One of these entries of failure that a resource has, and that resource. Raises Unavailable."""
    with translated():
        found = await db.resources.find_one(
            {layout.RARE: {"$in": failures}}, {layout.RARE: 1}, hint="xI", max_time_ms=5_000
        )
    if found is None:
        return None
    return next(failure for failure in failures if failure in found[layout.RARE]), found[layout.ID]


async def _rows(db: Database, walk: Walk) -> list[Document]:
    """The next resources, without tombstones; a batch at most."""
    after = {"$gt": walk.position or f"{walk.type}/", "$lt": f"{walk.type}0"}  # 0 comes after /
    found = db.resources.find(
        {layout.ID: after, layout.DELETED: {"$exists": False}},
        _PROJECTION,
        sort=[(layout.ID, 1)],
        hint=layout.BY_ID,
        limit=BATCH,
    )
    rows, _ = await take(found, BATCH, BATCH_BYTES)
    return rows


async def _updates(work: Reindexing, rows: list[Document]) -> list[UpdateOne]:
    """What is to be written: nothing for resources that have their entries already."""
    updates = []
    for number, row in enumerate(rows):
        if number % TURN == 0:
            await asyncio.sleep(0)
        extracted = _extracted(work, row)
        if extracted is None:
            continue
        if change := _change(row, _derived(extracted)):
            read = {name: row[name] for name in (layout.ID, layout.VERSION, layout.UPDATED)}
            updates.append(UpdateOne(read, change, hint=layout.BY_ID))
    return updates


def _extracted(work: Reindexing, row: Document) -> Extracted | None:
    """The entries of a stored resource; None, and a line in the log, where an earlier release stored what this one
    could not write. Raises ExtractionError."""
    text = row[layout.TEXT]
    try:
        extracted = extract.complete(json_codec.decode_own(text), text, work.base_url, work.parameters)
    except Exception as error:  # noqa: BLE001 - one resource must not keep all others from being found
        logger.error("resource not reindexed", extra={"key": row[layout.ID], "error": type(error).__name__})  # noqa: TRY400 - its message may hold PHI
        return None
    for entry in extracted.rare:
        if further.is_failure(entry):
            raise ExtractionError(entry, row[layout.ID])
    return extracted


def _change(row: Document, derived: Mapping[str, Any]) -> dict[str, Any]:
    """The update that gives a stored resource these fields; empty where it has them."""
    change: dict[str, Any] = {}
    if differ := {name: value for name, value in derived.items() if row.get(name) != value}:
        change["$set"] = differ
    if absent := [name for name in _DERIVED if name not in derived and name in row]:
        change["$unset"] = dict.fromkeys(absent, "")
    return change


def _derived(extracted: Extracted) -> dict[str, Any]:
    fields = codec.entries(extracted)
    if extracted.compartments:
        fields[layout.COMPARTMENTS] = extracted.compartments
    return fields


def _after(walk: Walk, rows: list[Document]) -> Walk:
    """The walk after these rows; each resource is as likely as another to be in the sample (algorithm R)."""
    sample = list(walk.sample)
    for number, row in enumerate(rows, walk.done + 1):
        if len(sample) < SAMPLE:
            sample.append(row[layout.ID])
        elif (place := random.randrange(number)) < SAMPLE:  # noqa: S311 - it guards nothing
            sample[place] = row[layout.ID]
    return replace(walk, done=walk.done + len(rows), position=rows[-1][layout.ID], sample=tuple(sample))


def _agrees(row: Document, extracted: Extracted, codes: AbstractSet[str]) -> bool:
    """Whether a resource has the entries that it should of these parameters; what others left is no matter."""
    return _known(row, codes) == _known(_derived(extracted), codes)


def _known(fields: Mapping[str, Any], codes: AbstractSet[str]) -> list[Any]:
    def is_known(key: str) -> bool:
        match = _CODE.match(key)
        return match is None or match[1] in codes

    return [
        [entry for entry in fields.get(layout.INDEX, ()) if is_known(entry)],
        [entry for entry in fields.get(layout.RARE, ()) if is_known(entry)],
        [span for span in fields.get(layout.RANGES, ()) if is_known(span["k"])],
        fields.get(layout.SORT),
        fields.get(layout.COMPARTMENTS, []),
    ]
