"""A `Version` ⇄ the document that is stored: exact text, the same as a BSON tree, search entries.

Rule: the text is the truth; the tree is left out where BSON cannot carry it, and nothing else changes.
Limits of BSON and MongoDB: https://www.mongodb.com/docs/manual/reference/limits/.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, DecimalException
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import bson
from bson.codec_options import CodecOptions, TypeRegistry
from bson.decimal128 import Decimal128
from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument

from fhir_server.document import layout
from fhir_server.model import Json, Version
from resources import json_codec
from resources.outcome import PayloadTooLarge

if TYPE_CHECKING:
    from fhir_server.search.extract import Extracted

MAX_TREE_TEXT_BYTES: Final = 4 * 1024 * 1024
"""Above it a resource is stored without its tree: text, tree and entries must fit one document of 16 MB."""
MAX_TREE_DEPTH: Final = 90
"""MongoDB takes 100 levels; the document around the tree and people's queries need some."""
MAX_DOCUMENT_BYTES: Final = 16 * 1024 * 1024 - 16 * 1024

PROJECTION: Final[Mapping[str, int]] = {layout.TREE: 0, layout.INDEX: 0, layout.RARE: 0, layout.RANGES: 0}
"""What reads ask for: all but the tree and the entries. (The sort keys are few, and paging needs them.)"""

WITH_INDEX: Final[Mapping[str, int]] = {layout.TREE: 0, layout.RARE: 0, layout.RANGES: 0}
"""The same with the entries that references are among: for rows that lead to others."""

WITH_ENTRIES: Final[Mapping[str, int]] = {layout.TREE: 0}
"""The same with the entries: for rows that are tested after they were read."""


def to_document(version: Version, resource: Json | None, extracted: Extracted | None) -> RawBSONDocument:
    """The document of a current version, encoded: `resource` is what `version.text` says, with its search entries.

    A tombstone (`version.deleted`) has neither. Raises PayloadTooLarge when it exceeds MongoDB's 16 MB.
    """
    document = _facts(version)
    document[layout.ID] = version.key
    if extracted is not None:
        document.update(entries(extracted))
    encoded = None
    if version.text is not None and resource is not None:
        encoded = _with_tree(document, version.text, resource)
    if encoded is None:
        encoded = bson.encode(document)
    if len(encoded) > MAX_DOCUMENT_BYTES:
        raise PayloadTooLarge(
            f"{version.key} takes {len(encoded)} bytes with its search entries, more than one document of MongoDB "
            f"holds ({MAX_DOCUMENT_BYTES}). Divide it, or keep large attachments as Binary resources."
        )
    return RawBSONDocument(encoded)


def entries(extracted: Extracted) -> dict[str, Any]:
    """The fields of a current version that it is found by, but for its compartments."""
    fields: dict[str, Any] = {layout.INDEX: extracted.index}
    if extracted.rare:
        fields[layout.RARE] = extracted.rare
    fields[layout.RANGES] = extracted.ranges
    fields[layout.SORT] = extracted.sort
    return fields


def to_superseded(version: Version, until: int) -> RawBSONDocument:
    """The document of a version that is no longer current; `until` is when it was replaced (µs since the epoch)."""
    document = _facts(version)
    document[layout.ID] = f"{version.key}/{version.version}"
    document[layout.KEY] = version.key
    document[layout.UNTIL] = until
    return RawBSONDocument(bson.encode(document))


def to_version(document: Mapping[str, Any]) -> Version:
    """The version in a document of `resources` or `versions`; tree and entries are not needed."""
    return Version(
        type=document[layout.TYPE],
        id=(document.get(layout.KEY) or document[layout.ID]).partition("/")[2],
        version=document[layout.VERSION],
        updated=int(document[layout.UPDATED]),
        method=document[layout.METHOD],
        text=document.get(layout.TEXT),
        compartments=tuple(document.get(layout.COMPARTMENTS, ())),
        blob=document.get(layout.BLOB),
    )


def _facts(version: Version) -> dict[str, Any]:
    """What both collections say of a version."""
    facts: dict[str, Any] = {
        layout.ID: "",
        layout.TYPE: version.type,
        layout.VERSION: version.version,
        layout.UPDATED: bson.Int64(version.updated),
        layout.METHOD: version.method,
    }
    if version.text is None:
        facts[layout.DELETED] = True
    else:
        facts[layout.TEXT] = version.text
    if version.compartments:
        facts[layout.COMPARTMENTS] = version.compartments
    if version.blob is not None:
        facts[layout.BLOB] = version.blob
    return facts


def _with_tree(document: dict[str, Any], text: bytes, resource: Json) -> bytes | None:
    """The document with the resource as a BSON tree, encoded; None where it does not fit: size, depth, digits, members
    that MongoDB reserves. The document stays as it is."""
    if len(text) > MAX_TREE_TEXT_BYTES:
        return None
    if text.count(b"{") + text.count(b"[") > MAX_TREE_DEPTH and json_codec.is_deeper(resource, MAX_TREE_DEPTH):
        return None
    try:
        encoded = bson.encode({**document, layout.TREE: resource}, check_keys=True, codec_options=_EXACT)
    except (InvalidDocument, DecimalException, OverflowError):
        return None
    return encoded if len(encoded) <= MAX_DOCUMENT_BYTES else None


def _decimal128(value: Any) -> Any:
    """For the encoder: a Decimal with its digits. Raises DecimalException where Decimal128 cannot keep them."""
    return _exact(str(value)) if isinstance(value, Decimal) else value


@lru_cache(4096)
def _exact(digits: str) -> Decimal128:
    return Decimal128(digits)


# A registered type would be matched exactly, and miss subclasses of Decimal; the fallback sees all that BSON lacks.
_EXACT: Final[CodecOptions[dict[str, Any]]] = CodecOptions(type_registry=TypeRegistry(fallback_encoder=_decimal128))
