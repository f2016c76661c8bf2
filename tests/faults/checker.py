"""What must be true of a database whatever was killed: nothing acknowledged is missing, nothing is half there.

Rule: knows the stored documents only, so that it judges writers at any level: the committer's, or clients over HTTP.
A writer that makes several resources in one commit gives each the identifier `COMMIT_SYSTEM|<name>/<how many>`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from bson.decimal128 import Decimal128
from pymongo import MongoClient

from fhir_server.document import layout
from fhir_server.search.extract import extract
from resources import instants, json_codec

COMMIT_SYSTEM = "urn:test:commit"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One write that the server said it has stored. `digest` is the SHA-256 of the text, None for a delete."""

    key: str
    version: int
    digest: str | None

    @classmethod
    def of(cls, key: str, version: int, text: bytes | None) -> Acknowledged:
        return cls(key, version, None if text is None else hashlib.sha256(text).hexdigest())

    def line(self) -> bytes:
        """For a writer's log; a line that a kill cut off has no newline and does not count."""
        return json.dumps([self.key, self.version, self.digest]).encode() + b"\n"


def acknowledged_in(log: Path) -> list[Acknowledged]:
    """What a writer has logged before it was killed."""
    if not log.exists():
        return []
    return [Acknowledged(*json.loads(line)) for line in log.read_bytes().split(b"\n")[:-1]]


def problems(uri: str, database: str, acknowledged: Iterable[Acknowledged], base_url: str) -> list[str]:
    """Every rule that the database breaks, in words; empty when all is well."""
    with MongoClient[Document](uri) as client:
        db = client[database]
        histories: dict[str, dict[int, Document]] = defaultdict(dict)
        for document in db[layout.VERSIONS].find():
            histories[document[layout.KEY]][document[layout.VERSION]] = document
        current = {document[layout.ID]: document for document in db[layout.RESOURCES].find()}
    found = list(_disagreements(histories, current))
    for key, document in current.items():
        histories[key][document[layout.VERSION]] = document
        found += _derived_problems(document, base_url)
    for key, history in histories.items():
        found += _history_problems(key, history)
    found += _missing(histories, acknowledged)
    found += _halves(histories)
    return found


def _disagreements(histories: dict[str, dict[int, Document]], current: dict[str, Document]) -> Iterator[str]:
    for key, history in histories.items():
        if key not in current:
            yield f"{key} has history and no current version"
        elif current[key][layout.VERSION] in history:
            yield f"{key}: version {current[key][layout.VERSION]} is both current and superseded"


def _history_problems(key: str, history: dict[int, Document]) -> Iterator[str]:
    numbers = sorted(history)
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"{key} has versions {numbers}"
        return
    for number in numbers[:-1]:
        document, following = history[number], history[number + 1]
        if document[layout.UPDATED] >= following[layout.UPDATED]:
            yield f"{key}: version {number + 1} is not later than {number}"
        if document[layout.UNTIL] != following[layout.UPDATED]:
            yield f"{key}: version {number} does not end where {number + 1} begins"
    for number, document in history.items():
        if document.get(layout.DELETED) != (True if layout.TEXT not in document else None):
            yield f"{key}/{number} is deleted and has a text, or neither"
        elif layout.TEXT in document:
            meta = json_codec.decode(document[layout.TEXT])["meta"]
            stamp = {"versionId": str(number), "lastUpdated": instants.instant_text(document[layout.UPDATED])}
            if {name: meta.get(name) for name in stamp} != stamp:
                yield f"{key}/{number} says {meta} of itself"


def _derived_problems(document: Document, base_url: str) -> Iterator[str]:
    """Whether tree and entries are those of the text."""
    key = document[layout.ID]
    if layout.TEXT not in document:
        if layout.TREE in document or layout.INDEX in document:
            yield f"{key} is deleted and can be found"
        return
    resource = json_codec.decode(document[layout.TEXT])
    if f"{resource['resourceType']}/{resource['id']}" != key:
        yield f"{key} holds {resource['resourceType']}/{resource['id']}"
    if _plain(document[layout.TREE]) != _plain(resource):
        yield f"{key}: tree and text differ"
    extracted = extract(resource, base_url)
    held = document[layout.INDEX], document.get(layout.RARE, []), document[layout.RANGES]
    if held != (extracted.index, extracted.rare, extracted.ranges):
        yield f"{key}: entries and text differ"


def _plain(value: Any) -> Any:
    """With decimals as their digits."""
    if isinstance(value, dict):
        return {name: _plain(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_plain(child) for child in value]
    return str(value) if isinstance(value, Decimal | Decimal128) else value


def _missing(histories: dict[str, dict[int, Document]], acknowledged: Iterable[Acknowledged]) -> Iterator[str]:
    for write in acknowledged:
        document = histories.get(write.key, {}).get(write.version)
        if document is None:
            yield f"{write.key}/{write.version} was acknowledged and is not there"
        elif Acknowledged.of(write.key, write.version, document.get(layout.TEXT)) != write:
            yield f"{write.key}/{write.version} was acknowledged with another content"


def _halves(histories: dict[str, dict[int, Document]]) -> Iterator[str]:
    counted: Counter[str] = Counter()
    for history in histories.values():
        for document in history.values():
            resource = json_codec.decode(document[layout.TEXT]) if layout.TEXT in document else {}
            counted.update(
                identifier["value"]
                for identifier in resource.get("identifier", ())
                if identifier.get("system") == COMMIT_SYSTEM
            )
    for name, count in counted.items():
        if count != int(name.rpartition("/")[2]):
            yield f"of commit {name} there are {count}"
