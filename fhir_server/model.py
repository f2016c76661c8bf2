"""The frozen values that all layers share: what is asked, what is answered, what is stored, what is to change.

Rule: parsed once at the edge, never mutated, no behaviour beyond what follows from the fields.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from fhir_server.search.tree import Expr

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(class_: type[T]) -> type[T]:
    """A dataclass with slots, frozen for the type checker and by habit: to be frozen at run time too would make each of
    the ten values that an entry of a Bundle goes through three times as slow to make."""
    return dataclass(slots=True, unsafe_hash=True)(class_)


Json = dict[str, Any]
Pairs = tuple[tuple[str, str], ...]
"""Query parameters, decoded, in the order of the request."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Interaction(StrEnum):
    """The interactions of https://hl7.org/fhir/R4/http.html, by their code in the CapabilityStatement."""

    READ = "read"
    VREAD = "vread"
    CREATE = "create"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"
    HISTORY_INSTANCE = "history-instance"
    HISTORY_TYPE = "history-type"
    HISTORY_SYSTEM = "history-system"
    SEARCH_TYPE = "search-type"
    SEARCH_SYSTEM = "search-system"
    BUNDLE = "transaction"
    """Batch or transaction: the posted Bundle says which."""
    CAPABILITIES = "capabilities"
    OPERATION = "operation"


@frozen
class Principal:
    """Who asks. Until sign-in exists there is one, `ANYONE`, and the server listens on loopback only."""

    name: str
    """For logs and audit: a user or client id, never a person's name."""


ANYONE = Principal("anyone")


@frozen
class Prefer:
    """The Prefer header (https://hl7.org/fhir/R4/http.html#ops): `returns` is minimal, representation or
    OperationOutcome; `handling` is strict or lenient. None where the client did not say."""

    returns: str | None = None
    handling: str | None = None


@frozen
class Preconditions:
    """Conditional headers, parsed. `if_match` and `if_none_match` hold version ids without `W/""`; `*` stays `*`;
    empty is not given."""

    if_match: tuple[str, ...] = ()
    if_none_match: tuple[str, ...] = ()
    if_modified_since: datetime | None = None
    if_unmodified_since: datetime | None = None
    if_none_exist: Pairs | None = None


@frozen
class Content:
    """The body of a Binary in its own content type, to be read once; `security_context` is X-Security-Context,
    `length` the number of bytes where it is known. An answer's chunks can be closed before they end."""

    content_type: str
    chunks: AsyncGenerator[bytes]
    security_context: str | None = None
    length: int | None = None


@frozen
class FhirRequest:
    """One interaction asked for, over HTTP, as a Bundle entry, or by the server's own code.

    `type` and `id` are checked for form; `type` is a known resource type or None. `query` holds search and result
    parameters without `_format` and `_pretty`. `body` is a resource (dict), a JSON Patch (list) or None; exactly as
    decoded, not validated. A conditional update, patch or delete has no `id` and its criteria in `query`.
    """

    interaction: Interaction
    method: str
    base_url: str
    request_id: str
    type: str | None = None
    id: str | None = None
    version_id: str | None = None
    operation: str | None = None
    """Name without `$`."""
    query: Pairs = ()
    body: Any = None
    content: Content | None = None
    when: Preconditions = Preconditions()
    prefer: Prefer = Prefer()
    principal: Principal = ANYONE
    accept: str = "application/fhir+json"
    """The negotiated content type: `application/fhir+json`, `application/fhir+xml`, or, for a Binary, its own."""
    compartment: str | None = None
    """`Patient/1` where a search is made in its compartment."""
    body_bytes: int = 0
    """About the size of the body as text."""


@frozen
class FhirResponse:
    """What to answer. `text` is FHIR JSON as UTF-8 bytes (the http layer makes XML or pretty JSON of it);
    `stream` is a body in a content type of its own (Binary), flat in memory."""

    status: int
    text: bytes | None = None
    stream: Content | None = None
    version: int | None = None
    """Becomes `ETag: W/"n"`."""
    last_modified: datetime | None = None
    location: str | None = None
    """Absolute URL."""
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class Version:
    """One stored version of a resource. `text` is the exact FHIR JSON (UTF-8), None for a delete's tombstone.
    `updated` is microseconds since the epoch in UTC, strictly increasing within a process; `method` is the HTTP verb
    that made it (history needs it); `blob` names a GridFS file that holds a Binary's content."""

    type: str
    id: str
    version: int
    updated: int
    method: str
    text: bytes | None
    compartments: tuple[str, ...] = ()
    blob: str | None = None

    @property
    def key(self) -> str:
        """`Patient/1`."""
        return f"{self.type}/{self.id}"

    @property
    def deleted(self) -> bool:
        """Whether this version is a deletion."""
        return self.text is None

    @property
    def last_updated(self) -> datetime:
        """`updated` as a datetime in UTC."""
        return _EPOCH + timedelta(microseconds=self.updated)


@frozen
class Condition:
    """A search that decided something before the commit and must still decide it inside the transaction: criteria of
    a conditional create and the like. `found` is the id that it found, None for no match. `key` says which criteria
    these are, in canonical form: two commits with equal keys exclude one another, and so do two that look for the same
    business identifier in different words."""

    type: str
    tree: Expr
    key: str
    found: str | None
    identifiers: tuple[str, ...] = ()


@frozen
class Change:
    """One resource to be written. `after` is the validated resource with its `id` (meta is stamped by the commit),
    None for a delete. `before` is the version that it replaces and that must still be current; None means the id must
    not have been used. `blob` as in `Version`.

    `check` is what is left of the validation, so that it can be done while MongoDB takes other changes: called before
    `after` is encoded, it raises a FhirError. Until then `after` is JSON of the right type, with an object as meta, if
    any."""

    method: str
    type: str
    id: str
    before: Version | None
    after: Json | None
    blob: str | None = None
    check: Callable[[], None] | None = None

    @property
    def key(self) -> str:
        """`Patient/1`."""
        return f"{self.type}/{self.id}"


@frozen
class Commit:
    """Changes that happen together or not at all, under conditions."""

    changes: tuple[Change, ...]
    conditions: tuple[Condition, ...] = field(default=())
