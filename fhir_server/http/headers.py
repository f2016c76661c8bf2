"""Request headers as the FHIR specification means them: preconditions, Prefer, the request's id.

Rule: read once into a dict of bytes; only what is there is parsed.
See https://hl7.org/fhir/R4/http.html#custom-headers.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from fhir_server.interactions import address
from fhir_server.model import Interaction, Preconditions, Prefer
from resources.outcome import BadRequest

MAX_BYTES = 64 * 1024
"""All header names and values together."""
_REPEATABLE = frozenset({b"accept", b"accept-encoding", b"prefer", b"if-match", b"if-none-match"})
_ONCE = frozenset({b"if-none-exist", b"if-unmodified-since"})
"""Of two lines neither may be dropped: each was to protect a write."""
_NO_PRECONDITIONS = Preconditions()
_NO_PREFERENCE = Prefer()
_CONDITIONAL = frozenset(
    {b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-none-exist"}
)
_ONE_VERSION = frozenset(
    {
        Interaction.READ,
        Interaction.VREAD,
        Interaction.UPDATE,
        Interaction.PATCH,
        Interaction.DELETE,
        Interaction.OPERATION,
    }
)
_APPLICABLE = {
    b"if-match": _ONE_VERSION,
    b"if-unmodified-since": _ONE_VERSION,
    b"if-none-exist": frozenset({Interaction.CREATE}),
}
"""Where a header may stand that protects a write: elsewhere it is refused, for who sends it relies on it. Others only
save a transfer: what does not know them answers in full."""
_sane_id = re.compile(rb"[A-Za-z0-9._:\-]{1,64}").fullmatch
_preference = re.compile(r"(return|handling)\s*=\s*(\"[^\"]*\"|[^\s,;]+)", re.IGNORECASE)
_RETURNS = {"minimal": "minimal", "representation": "representation", "operationoutcome": "OperationOutcome"}
_HANDLING = frozenset({"strict", "lenient"})

Headers = dict[bytes, bytes]
"""Names in lower case, as ASGI gives them."""


def collect(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers of a request; lists in several lines are joined (RFC 9110 §5.3), else the last line counts.
    `preconditions` refuses what must stand once, by the line break between two of them."""
    headers: Headers = {}
    for name, value in raw:
        if name in headers and name in _REPEATABLE:
            headers[name] += b"," + value
        elif name in headers and name in _ONCE:
            headers[name] += b"\n" + value
        else:
            headers[name] = value
    return headers


def text(headers: Headers, name: bytes) -> str:
    """The value of a header as text, empty when it is not there; bytes that are not UTF-8 become Latin-1."""
    value = headers.get(name)
    if value is None:
        return ""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def request_id(headers: Headers) -> str:
    """The client's X-Request-Id when it is short and plain, else a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _sane_id(given):
        return given.decode("ascii")
    return secrets.token_hex(8)


def preconditions(headers: Headers, type_: str | None, interaction: Interaction) -> Preconditions:
    """The conditional headers. Raises BadRequest for malformed or empty tags, dates or criteria, for two of them, and
    for a header that means nothing for the interaction.

    A malformed If-Modified-Since is ignored (RFC 9110 §13.1.3), but not an If-Unmodified-Since: a write that somebody
    wanted to be safe would happen all the same.
    """
    if _CONDITIONAL.isdisjoint(headers):
        return _NO_PRECONDITIONS
    for name, interactions in _APPLICABLE.items():
        if name in headers and interaction not in interactions:
            raise BadRequest(
                f"{name.decode().title()} means nothing for a {interaction}: leave it out.", code="not-supported"
            )
    for name in _ONCE:
        if b"\n" in headers.get(name, b""):
            raise BadRequest(f"{name.decode().title()} is given twice; give it once.", code="value")
    # What is there and empty is not left out: it would be a condition that is not kept.
    given = {name: text(headers, name) for name in _CONDITIONAL if name in headers}
    if_match, if_none_match = given.get(b"if-match"), given.get(b"if-none-match")
    unmodified, criteria = given.get(b"if-unmodified-since"), given.get(b"if-none-exist")
    return Preconditions(
        if_match=() if if_match is None else address.versions_of(if_match, "If-Match"),
        if_none_match=() if if_none_match is None else address.versions_of(if_none_match, "If-None-Match"),
        if_modified_since=_http_date(given.get(b"if-modified-since", "")),
        if_unmodified_since=None if unmodified is None else _unmodified_since(unmodified),
        if_none_exist=None if criteria is None else address.criteria(criteria, str(type_), "If-None-Exist"),
    )


def _unmodified_since(value: str) -> datetime:
    moment = _http_date(value)
    if moment is None:
        raise BadRequest("If-Unmodified-Since must be a date like Sun, 06 Nov 1994 08:49:37 GMT.", code="value")
    return moment


def _http_date(value: str) -> datetime | None:
    if not value:
        return None
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def prefer(headers: Headers) -> Prefer:
    """The preferences that FHIR knows; others are ignored (RFC 7240 §2)."""
    value = headers.get(b"prefer")
    return _NO_PREFERENCE if value is None else _prefer(value.decode("latin-1"))


@lru_cache(maxsize=64)
def _prefer(value: str) -> Prefer:
    found: dict[str, str] = {}
    for name, preferred in _preference.findall(value):
        found.setdefault(name.lower(), preferred.strip('"').lower())
    handling = found.get("handling")
    return Prefer(_RETURNS.get(found.get("return", "")), handling if handling in _HANDLING else None)
