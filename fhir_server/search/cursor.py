"""Keyset cursors: where a page ended, sealed so that nobody can make or move one.

Rule: a cursor says only where to go on; it carries no rights, since the query and the caller's limits are compiled
anew for each page. It is bound to its query and signed with the server's secret.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import takewhile
from typing import Any

import msgspec

from fhir_server.document import layout
from fhir_server.search.query import Plan, Position, Query
from resources.outcome import BadRequest

_MAC = 16


def advance(plan: Plan, rows: Sequence[Mapping[str, Any]]) -> Position:
    """Where to go on after a page; `rows` are its documents, at least one, with `_id` and the fields of the sort."""
    last = values(plan, rows[-1])
    with_the_same = takewhile(lambda row: values(plan, row) == last, reversed(rows))
    seen = [row[layout.ID] for row in with_the_same][::-1]
    if plan.position is not None and plan.position.values == last:
        seen = [*plan.position.seen, *seen]
    return Position(last, tuple(seen))


def values(plan: Plan, row: Mapping[str, Any]) -> tuple[str | float | None, ...]:
    """The sort values of a row."""
    return tuple(_value(row, field) for field, _ in plan.sort)


def _value(row: Mapping[str, Any], field: str) -> str | float | None:
    found: Any = row
    for name in field.split("."):
        found = found.get(name) if found else None
    held: str | float | None = int(found) if isinstance(found, int) else found  # the driver has integers of its own
    return held


def seal(position: Position, query: Query, secret: bytes) -> str:
    """The value of `_cursor` for the next page of `query`."""
    payload = msgspec.json.encode([position.values, position.seen, position.group])
    return urlsafe_b64encode(_mac(payload, query, secret) + payload).decode().rstrip("=")


def unseal(text: str, query: Query, secret: bytes) -> Position:
    """The position that was sealed for this very query. Raises BadRequest for everything else."""
    try:
        sealed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (Base64Error, UnicodeEncodeError, ValueError):
        sealed = b""
    mac, payload = sealed[:_MAC], sealed[_MAC:]
    if not hmac.compare_digest(mac, _mac(payload, query, secret)):
        raise BadRequest("Parameter _cursor is not one that this server gave for these parameters; start with page one")
    last, seen, group = msgspec.json.decode(payload)
    return Position(tuple(last), tuple(seen), None if group is None else (group[0], group[1]))


def _mac(payload: bytes, query: Query, secret: bytes) -> bytes:
    asked = msgspec.json.encode([query.type, query.compartment, query.applied])
    return hmac.digest(secret, len(asked).to_bytes(4, "big") + asked + payload, sha256)[:_MAC]
