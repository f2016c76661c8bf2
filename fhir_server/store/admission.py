"""How much of mongod's cache a transaction needs, and how much there is.

Rule: what a transaction writes stays in WiredTiger's cache until it is committed. Past a share of the cache (`updates
trigger`, a tenth if nobody changed it) MongoDB aborts it; so large ones are let in by weight, and one that cannot fit
is refused before anything is written. Figures: docs/decisions/0006-admission-of-large-commits.md.
"""

from __future__ import annotations

import re
from typing import Final

from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from fhir_server.access.limits import Access
from fhir_server.search.extract import Extracted
from fhir_server.store.database import Database, translated

ENTRY_BYTES: Final = 180
"""Cache that an index key takes until it is committed."""
COPIES: Final = 2
"""A document is written to its collection and to the oplog."""
KEYS_OF_A_DOCUMENT: Final = 6
"""Index keys that do not come from entries: `_id`, type, time."""
USUAL_WEIGHT: Final = 10
"""Weight of a byte of text, as over the Synthea Bundles."""
GREATEST_WEIGHT: Final = 128
"""Weight of a byte of text in an array of short names, of which each is an entry in several indexes."""
DEFAULT_TRIGGER: Final = 0.10
SAFETY: Final = 0.9
UNKNOWN_CACHE_BYTES: Final = 1024**3
"""Assumed where we may not ask."""

_TRIGGER: Final = re.compile(r"eviction_updates_trigger=(\d+)")
_UNAUTHORIZED: Final = 13


def weight(document: RawBSONDocument, extracted: Extracted | None) -> int:
    """Bytes of cache that a document and its index keys take until they are committed."""
    keys = KEYS_OF_A_DOCUMENT
    if extracted is not None:
        # Entries are in two indexes where the resource has a date of its own.
        keys += len(extracted.index) * (2 if "date" in extracted.sort else 1)
        keys += len(extracted.ranges) + len(extracted.compartments)
    return len(document.raw) * COPIES + keys * ENTRY_BYTES


def estimate(text_bytes: int) -> int:
    """What changes usually weigh whose texts have so many bytes."""
    return text_bytes * USUAL_WEIGHT


def ceiling(text_bytes: int) -> int:
    """More than changes weigh whose texts have so many bytes: even if there is an entry in every few of them."""
    return text_bytes * GREATEST_WEIGHT


async def budget(access: Access, db: Database, share: float) -> int:
    """Bytes that the large transactions of this process may weigh together: `share` of mongod's cache, at most what
    its configuration lets a transaction keep there. Raises Unavailable."""
    with translated():
        try:
            status = await db.client.admin.command("serverStatus")
            options = await db.client.admin.command("getCmdLineOpts")
        except OperationFailure as failure:
            if failure.code != _UNAUTHORIZED:
                raise
            return int(UNKNOWN_CACHE_BYTES * min(share, DEFAULT_TRIGGER * SAFETY))
    found = _TRIGGER.search(str(options["argv"]))
    trigger = int(found[1]) / 100 if found else DEFAULT_TRIGGER
    return int(status["wiredTiger"]["cache"]["maximum bytes configured"] * min(share, trigger * SAFETY))
