"""The storage model, said once: collections, field names, indexes.

Rule: nobody else spells the name of a stored field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

RESOURCES = "resources"
"""Current versions and tombstones of all types, `_id` = `Patient/1`."""
VERSIONS = "versions"
"""Superseded versions, `_id` = `Patient/1/3`; without entries and tree."""
CLAIMS = "claims"
"""Criteria of conditional interactions in progress: two commits with the same ones conflict here."""
BLOB_FILES = "blobs.files"
BLOB_CHUNKS = "blobs.chunks"
"""Large Binary contents, in the form of a GridFS bucket."""
PARAMETERS = "parameters"
"""How far the search parameters are that are defined here, `_id` = that of the SearchParameter."""
WORKERS = "workers"
"""The server processes, and which state of the search parameters each of them works by."""
META = "meta"
"""Facts of the whole database: schema version, secret, marks of commands, leases."""

ID = "_id"
KEY = "key"
"""Only in `versions`: `Patient/1`."""
TYPE = "type"
VERSION = "version"
UPDATED = "lastUpdated"
"""Microseconds since the epoch (int64)."""
METHOD = "method"
DELETED = "deleted"
TEXT = "json"
"""Exact FHIR JSON, UTF-8 bytes: the truth. All that follows is derived from it."""
TREE = "resource"
"""The same as BSON, for people and reports; left out where it does not fit."""
INDEX = "index"
RARE = "rare"
"""Entries that are seldom asked for (`entry.is_rare`): kept apart, since `index` pays for each at every update."""
RANGES = "ranges"
SORT = "sort"
COMPARTMENTS = "compartments"
BLOB = "blob"
"""Name of the GridFS file that holds a Binary's content."""
UNTIL = "until"
"""Only in `versions`: when it was replaced, microseconds since the epoch."""
CLAIMED = "at"
"""Only in `claims`: when, as a date; they are removed an hour later."""


class Index(NamedTuple):
    """An index: its name, keys in order (1 or -1), for which documents it is kept, and how long those are kept."""

    name: str
    keys: tuple[tuple[str, int], ...]
    partial: dict[str, Any] | None = None
    expire_after_seconds: int | None = None


BY_ID: Final = "_id_"
"""The index that MongoDB keeps itself."""

INDEXES: tuple[Index, ...] = (
    # Entries, by id: equality, prefix, conditional interactions, includes. NOTE: no index of entries has the time of
    # the last update: an update that changes no entry leaves all their keys alone, and moves nothing between pages.
    Index("iI", ((INDEX, 1), (ID, 1))),
    # Entries seldom asked for.
    Index("xI", ((RARE, 1), (ID, 1)), {RARE: {"$exists": True}}),
    # Entries with the principal date: "patient and 30 days", "code by -date". Types without one stay out.
    Index("iD", ((INDEX, 1), (f"{SORT}.date", -1), (ID, -1)), {f"{SORT}.date": {"$exists": True}}),
    # Those whose principal date is a long span: few, and found by its beginning.
    Index("iW", ((INDEX, 1), (f"{SORT}.wide", 1), (ID, 1)), {f"{SORT}.wide": {"$exists": True}}),
    Index("tW", ((TYPE, 1), (f"{SORT}.wide", 1), (ID, 1)), {f"{SORT}.wide": {"$exists": True}}),
    # A compartment's resources, by type and id.
    Index("cI", ((COMPARTMENTS, 1), (TYPE, 1), (ID, 1))),
    # All of a type, newest first; also the type's history, with tombstones.
    Index("tU", ((TYPE, 1), (UPDATED, -1), (ID, 1))),
    # All types, newest first: search at the root, system history, the tail's rescan.
    Index("U", ((UPDATED, -1), (ID, 1))),
    # Patients, practitioners and the like by family name.
    Index("tF", ((TYPE, 1), (f"{SORT}.family", 1), (ID, 1)), {f"{SORT}.family": {"$exists": True}}),
    # All of a type by its principal date.
    Index("tD", ((TYPE, 1), (f"{SORT}.date", -1), (ID, -1)), {f"{SORT}.date": {"$exists": True}}),
    # Dates and numbers on their own.
    Index("rK", ((f"{RANGES}.k", 1), (f"{RANGES}.lo", 1), (f"{RANGES}.hi", 1))),
)
"""The indexes of `resources` that searches are planned for."""

_NAMES_BLOB: Final = {BLOB: {"$exists": True}}

COLLECTIONS: Mapping[str, tuple[Index, ...]] = {
    # Which versions name a blob: the sweep asks.
    RESOURCES: (*INDEXES, Index("blob", ((BLOB, 1),), _NAMES_BLOB)),
    VERSIONS: (
        # History of an instance, a type, everything.
        Index("kU", ((KEY, 1), (UPDATED, -1))),
        Index("tU", ((TYPE, 1), (UPDATED, -1), (KEY, 1))),
        Index("U", ((UPDATED, -1), (KEY, 1))),
        Index("blob", ((BLOB, 1),), _NAMES_BLOB),
    ),
    BLOB_FILES: (Index("filename_1_uploadDate_1", (("filename", 1), ("uploadDate", 1))),),
    BLOB_CHUNKS: (Index("files_id_1_n_1", (("files_id", 1), ("n", 1))),),
    CLAIMS: (Index("expiry", ((CLAIMED, 1),), expire_after_seconds=3600),),
    PARAMETERS: (),
    WORKERS: (),
    META: (),
}
"""Every collection and its indexes; they exist before the first write."""

SCHEMA_VERSION: Final = 1

ENTRIES_VERSION: Final = 5
"""Of the search entries: to be raised with every change of what is extracted or how it is written, so that what is
stored is reindexed. A test knows it by what is extracted from HL7's examples."""
