"""Files of resources → entries of transactions: https://hl7.org/fhir/R4/bundle.html, http://ndjson.org.

Rule: an entry says the same thing on every run, so that loading again changes nothing: where the file would have the
server make up an id, the id comes from the fullUrl, the resource, or its content.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resources import json_codec, references
from resources.outcome import FhirError

Json = dict[str, Any]

LARGEST_FILE = 256 * 1024 * 1024
"""Bytes of a JSON file, which is read whole; NDJSON is read by the line and may have any size."""
LINES = frozenset({".ndjson", ".jsonl"})
SUFFIXES = frozenset({".json"}) | LINES

_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
_HOLDS_RESOURCES = frozenset({"transaction", "batch", "collection", "searchset"})
_CONDITIONAL_LINK = re.compile(rb'"reference"\s*:\s*"[A-Z][A-Za-z]*\?')
_CONDITIONS = frozenset({"ifNoneExist", "ifMatch", "ifNoneMatch", "ifModifiedSince"})


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON value of a file: a Bundle or a resource; `size` in bytes. Where it cannot be read, `reason` says why."""

    source: str
    value: Any
    size: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One entry to be sent. `source` is where it comes from, for people; `size` its share of the file in bytes;
    `key` the resource that it puts (`Patient/1`), None for an entry that asks for something else."""

    source: str
    size: int
    key: str | None
    entry: Json


def files(paths: list[Path]) -> list[Path]:
    """The files among `paths` and in the folders among them, at any depth. Raises FileNotFoundError."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
            found.extend(sorted(inside))
        elif path.is_file():
            found.append(path)
        else:
            raise FileNotFoundError(f"{path} does not exist")
    return list(dict.fromkeys(found))


def documents(path: Path) -> Iterator[Document]:
    """What stands in a file: one JSON value, or one on each line."""
    size = path.stat().st_size
    if path.suffix.lower() in LINES or _is_lines(path):
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _document(f"{path.name} line {number}", line)
    elif size > LARGEST_FILE:
        words = f"the file is over {LARGEST_FILE >> 20} MiB, and JSON is read whole: use NDJSON"
        yield Document(path.name, None, size, words)
    else:
        yield _document(path.name, path.read_bytes())


def _is_lines(path: Path) -> bool:
    """Whether the first line is a whole object and another follows: NDJSON under another name, or from a pipe."""
    with path.open("rb") as lines:
        first, second = lines.readline(LARGEST_FILE), lines.readline(1024)
    if not first.rstrip().endswith(b"}") or not second.lstrip().startswith(b"{"):
        return False
    try:
        json_codec.decode(first)
    except FhirError:
        return False
    return True


def _document(source: str, raw: bytes) -> Document:
    try:
        return Document(source, json_codec.decode(raw), len(raw))
    except FhirError as error:
        return Document(source, None, len(raw), str(error))


def refers_by_criteria(path: Path) -> bool:
    """Whether a file has conditional references, which need what they refer to to be there before."""
    with path.open("rb") as file:
        tail = b""
        while chunk := file.read(1 << 20):
            if _CONDITIONAL_LINK.search(tail + chunk):
                return True
            tail = chunk[-100:]
    return False


def identities(document: Document) -> Iterator[tuple[str, str, str | None]]:
    """Of each entry that just stores its resource: its resource (`Patient/1`), its place, its fullUrl."""
    for source, raw in _placed(document):
        if isinstance(raw, dict) and (key := _plain_key(raw)) is not None:
            full_url = raw.get("fullUrl")
            yield key, source, full_url if isinstance(full_url, str) else None


def items(document: Document, meaning: Callable[[str], str | None]) -> list[Item]:
    """The entries of a document, their links out of it replaced by `meaning`.

    A Bundle of type transaction, batch, collection or searchset is taken apart; any other is a resource.
    """
    placed = _placed(document)
    share = document.size // max(len(placed), 1)
    return [_item(source, share, raw, meaning) for source, raw in placed]


def _placed(document: Document) -> list[tuple[str, Any]]:
    """The entries of a document with the place of each."""
    entries = _entries(document.value)
    if entries is None:
        return [(document.source, {"resource": document.value})]
    return [(f"{document.source} entry {number}", raw) for number, raw in enumerate(entries)]


def is_batch(value: Any) -> bool:
    """Whether each entry stands for itself."""
    return _entries(value) is not None and value["type"] == "batch"


def _entries(value: Any) -> list[Any] | None:
    """The entries of a Bundle that holds resources; None for anything else."""
    if not isinstance(value, dict) or not isinstance(type_ := value.get("type"), str):
        return None
    if value.get("resourceType") == "Bundle" and type_ in _HOLDS_RESOURCES:
        entries = value.get("entry", [])
        return entries if isinstance(entries, list) else None
    return None


def _item(source: str, size: int, raw: Any, meaning: Callable[[str], str | None]) -> Item:
    if not isinstance(raw, dict) or not isinstance(raw.get("resource", {}), dict):
        return Item(source, size, None, {"resource": raw})
    key = _plain_key(raw)
    resource = raw.get("resource")
    if resource is not None:
        resource = linked(resource, meaning)
    if key is None or resource is None:
        return Item(source, size, None, raw if resource is None else raw | {"resource": resource})
    resource = {"resourceType": resource["resourceType"], "id": key.partition("/")[2]} | {
        name: member for name, member in resource.items() if name not in ("resourceType", "id")
    }
    return Item(source, size, key, {"resource": resource, "request": {"method": "PUT", "url": key}})


def linked(resource: Json, meaning: Callable[[str], str | None]) -> Json:
    """The resource with its links to other entries replaced: URNs anywhere, other fullUrls where a Reference has them
    (elsewhere the same text may be the name of a code system or a profile)."""
    named = {value for _, _, value in references.references_in(resource)}

    def target(link: str) -> str | None:
        if not link.startswith("urn:") and link not in named:
            return None
        address, mark, fragment = link.partition("#")
        key = meaning(address) if address else None
        return None if key is None else key + mark + fragment

    return references.rewrite(resource, target)


def _plain_key(raw: Json) -> str | None:
    """`Patient/1` for an entry that just stores its resource, under an id that is the same on every run; else None."""
    resource = raw.get("resource")
    type_ = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(resource, dict) or not isinstance(type_, str):
        return None
    request = raw.get("request", {"method": "POST", "url": type_})
    if not isinstance(request, dict) or not _CONDITIONS.isdisjoint(request):
        return None
    url = str(request.get("url")).removeprefix("/")
    if request.get("method") == "PUT" and "?" not in url:
        return url if url.startswith(f"{type_}/") else None
    if request.get("method") != "POST" or url != type_:
        return None
    return f"{type_}/{_stable_id(resource, raw.get('fullUrl'))}"


def _stable_id(resource: Json, full_url: Any) -> str:
    """From the fullUrl (`urn:uuid:…`, `…/Patient/1`), else the resource's own, else made from its content."""
    if isinstance(full_url, str):
        parsed = references.parse(full_url)
        if parsed is not None and parsed.id is not None and parsed.type == resource["resourceType"]:
            return parsed.id
        if parsed is not None and parsed.urn is not None:
            name = parsed.urn.rpartition(":")[2]
            return name if references.ID.fullmatch(name) else str(uuid.uuid5(_NAMESPACE, full_url))
    own = resource.get("id")
    if isinstance(own, str) and references.ID.fullmatch(own):
        return own
    return str(uuid.uuid5(_NAMESPACE, json_codec.encode_sorted(resource).decode()))
