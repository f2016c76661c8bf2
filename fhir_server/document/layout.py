"""The storage model, said once: collections, field names, indexes.

Rule: nobody else spells the name of a stored field.
"""

from __future__ import annotations

RESOURCES = "resources"
"""Current versions and tombstones of all types, `_id` = `Patient/1`."""
VERSIONS = "versions"
"""Superseded versions, `_id` = `Patient/1/3`; without entries and tree."""
CLAIMS = "claims"
"""Criteria of conditional interactions in progress: two commits with the same ones conflict here."""
BLOBS = "blobs"
"""GridFS bucket of large Binary contents."""

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
RANGES = "ranges"
SORT = "sort"
COMPARTMENTS = "compartments"
BLOB = "blob"
