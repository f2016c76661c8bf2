"""An ASGI request → `FhirRequest`, and how its answer is to be written.

Rule: everything that can be refused without the body is refused before the body is read; headers decide, contents are
never guessed at. See https://hl7.org/fhir/R4/http.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from fhir_server.http import headers as reading
from fhir_server.http import limits, negotiate
from fhir_server.http.headers import Headers
from fhir_server.http.limits import Receive
from fhir_server.http.negotiate import FHIR_JSON, FHIR_XML, FORM, JSON_PATCH, Representation
from fhir_server.interactions import address
from fhir_server.interactions.address import Address, shown
from fhir_server.model import Content, FhirRequest, Interaction, Pairs, frozen
from fhir_server.room import Share
from fhir_server.settings import Settings
from fhir_server.threads import Threads
from resources import json_codec, xml_codec
from resources.outcome import BadRequest, FhirError, NotAcceptable, UnsupportedMediaType, UriTooLong

P = ParamSpec("P")
T = TypeVar("T")

PREFIX = "/fhir"
"""Where the service stands on this server, whatever the base url says that a gateway shows to the world."""
THREAD_FROM = 128 * 1024
"""Bytes from which a body is decoded in a thread, so that other requests need not wait for it: below, a few hundredths
of a second."""
WEIGHED_FROM = 8 * 1024
"""Bytes from which a body is weighed: below, even one of empty objects takes less than needs room (`Share.FREE`)."""
MAX_TARGET = 32 * 1024
"""Bytes of path and query; a longer search goes by POST to `_search`."""
MAX_FORM = 1024 * 1024

_SEARCHES = frozenset({Interaction.SEARCH_TYPE, Interaction.SEARCH_SYSTEM})
_BODIES: Mapping[Interaction, tuple[str, ...]] = {
    Interaction.CREATE: (FHIR_JSON, FHIR_XML),
    Interaction.UPDATE: (FHIR_JSON, FHIR_XML),
    Interaction.PATCH: (JSON_PATCH, FHIR_JSON, FHIR_XML),
    Interaction.BUNDLE: (FHIR_JSON, FHIR_XML),
    Interaction.OPERATION: (FHIR_JSON, FHIR_XML),
}
"""What each interaction takes as body; the others take none, and one that comes is not looked at."""


@frozen
class Means:
    """What reading a request may use: threads, and its shares of the room for bodies as they come and as decoded."""

    threads: Threads
    share: Share
    decoded: Share


async def parse(
    scope: Mapping[str, Any], headers: Headers, receive: Receive, settings: Settings, request_id: str, means: Means
) -> tuple[FhirRequest, Representation]:
    """The request in `scope`, and the representation that its client wants.

    Raises BadRequest, NotFound, MethodNotAllowed, NotAcceptable, RequestTimeout, PayloadTooLarge, UriTooLong,
    UnsupportedMediaType, Unavailable.
    """
    check_size(scope, headers)
    method = scope["method"]
    where = address.parse(method, path_of(scope))
    query = address.pairs(scope["query_string"].decode("latin-1"))
    if method == "POST" and where.interaction in _SEARCHES:
        query += await _form(headers, receive, settings, means)
    query, representation, accept = _representation(headers, query, where)
    body, content, size = None, None, 0
    if method != "GET" and where.interaction in _BODIES:
        body, content, size = await _body(headers, receive, where, method, settings, means)
    request = FhirRequest(
        where.interaction,
        "GET" if method == "HEAD" else method,
        settings.base_url,
        request_id,
        where.type,
        where.id,
        where.version_id,
        where.operation,
        query,
        body,
        content,
        reading.preconditions(headers, where.type, where.interaction),
        reading.prefer(headers),
        accept=accept,
        compartment=where.compartment,
        body_bytes=size,
    )
    return request, representation


def check_size(scope: Mapping[str, Any], headers: Headers) -> None:
    """Raises UriTooLong, BadRequest for headers over their limit."""
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET:
        raise UriTooLong(f"The url is over {MAX_TARGET:,} bytes; a long search can be sent by POST to _search.")
    if sum(map(len, headers)) + sum(map(len, headers.values())) > reading.MAX_BYTES:
        raise BadRequest(f"The headers are over {reading.MAX_BYTES:,} bytes.", code="too-long")


def path_of(scope: Mapping[str, Any]) -> str:
    """The path below the base as the client sent it, still percent-encoded."""
    raw: bytes = scope["raw_path"]
    return raw.decode("latin-1").removeprefix(PREFIX)


def _representation(headers: Headers, query: Pairs, where: Address) -> tuple[Pairs, Representation, str]:
    """(query without `_format` and `_pretty`, representation, the value of `FhirRequest.accept`)."""
    asked, pretty, is_ours = None, False, False
    for name, value in query:
        if name == "_format":
            asked, is_ours = value, True
        elif name == "_pretty":
            pretty, is_ours = _flag(name, value), True
    accept = reading.text(headers, b"accept")
    gzip = b"accept-encoding" in headers and negotiate.takes_gzip(reading.text(headers, b"accept-encoding"))
    if is_ours:
        query = tuple(pair for pair in query if pair[0] not in ("_format", "_pretty"))
    if asked is not None:
        chosen = negotiate.from_parameter(asked)
    elif where.type == "Binary" and where.interaction in (Interaction.READ, Interaction.VREAD):
        if wanted := negotiate.binary_types(accept):
            return query, Representation(_or_default(accept), pretty, gzip), wanted
        chosen = negotiate.from_accept(accept)
    else:
        chosen = negotiate.from_accept(accept)
    return query, Representation(chosen, pretty, gzip), chosen.name


def _flag(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise BadRequest(f"{name} must be true or false; found '{shown(value)}'.", code="value")
    return value == "true"


def _or_default(accept: str) -> negotiate.Format:
    try:
        return negotiate.from_accept(accept)
    except NotAcceptable:
        return negotiate.DEFAULT


def for_error(scope: Mapping[str, Any], headers: Headers) -> Representation:
    """In what to tell a client that its request was refused: what it asked for, as far as that can be understood."""
    try:
        query = address.pairs(scope["query_string"].decode("latin-1"))
        return _representation(headers, query, Address(Interaction.CAPABILITIES))[1]
    except FhirError:
        return Representation(_or_default(reading.text(headers, b"accept")))


async def _form(headers: Headers, receive: Receive, settings: Settings, means: Means) -> Pairs:
    if not limits.has_body(headers):
        return ()
    _check_kind(reading.text(headers, b"content-type"), (FORM,))
    body = await limits.read(receive, headers, MAX_FORM, settings.body_timeout_seconds, means.share)
    return address.pairs(body.text().decode("utf-8", "surrogateescape").strip())


async def _body(
    headers: Headers, receive: Receive, where: Address, method: str, settings: Settings, means: Means
) -> tuple[Any, Content | None, int]:
    """(resource or patch, None, size of its text), or for a Binary in its own content type (None, its content, 0)."""
    header = reading.text(headers, b"content-type")
    if where.type == "Binary" and where.interaction in (Interaction.CREATE, Interaction.UPDATE):
        content = _binary(header, headers, receive, settings)
        if content is not None:
            return None, content, 0
    if not limits.has_body(headers):
        if where.interaction is Interaction.OPERATION:
            return None, None, 0
        raise BadRequest(f"{method} needs a body here; none came.", code="required")
    kind = _check_kind(header, _BODIES[where.interaction])
    limit = settings.max_bundle_bytes if where.interaction is Interaction.BUNDLE else settings.max_body_bytes
    body = await limits.read(receive, headers, limit, settings.body_timeout_seconds, means.share)
    decode = xml_codec.decode if kind == FHIR_XML else json_codec.decode
    if body.size < WEIGHED_FROM:
        return decode(body.text()), None, body.size
    weigh = xml_codec.weight if kind == FHIR_XML else json_codec.weight
    return await _decoded(body, weigh, decode, means, settings.body_timeout_seconds), None, body.size


async def _decoded(
    body: limits.Body, weigh: Callable[[bytes], int], decode: Callable[[bytes], Any], means: Means, patience: float
) -> Any:
    """What `decode` makes of the body, as soon as there is room for it. Raises as that does, and Unavailable."""
    run = means.threads.heavy if body.size >= THREAD_FROM else _here
    text = await run(body.text) if body.packed else body.raw
    await means.decoded.grow(await run(weigh, text), patience)
    return await run(decode, text)


async def _here(work: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
    return work(*arguments, **named)


def _binary(header: str, headers: Headers, receive: Receive, settings: Settings) -> Content | None:
    """The content of a Binary when Content-Type names anything but a FHIR type: https://hl7.org/fhir/R4/binary.html#rest."""
    if not header or negotiate.media_type(header).name in (FHIR_JSON, FHIR_XML):
        return None
    if "/" not in header or not header.isascii() or not header.isprintable():
        raise UnsupportedMediaType(f"'{shown(header)}' is not a media type.")
    limits.check_length(headers, settings.max_binary_bytes)
    return Content(
        header,
        limits.stream(receive, headers, settings.max_binary_bytes, settings.body_timeout_seconds),
        reading.text(headers, b"x-security-context") or None,
    )


def _check_kind(header: str, allowed: tuple[str, ...]) -> str:
    """The kind of the body. Raises UnsupportedMediaType, also for a body that does not say its type."""
    kind = negotiate.body_type(header)
    if kind in allowed:
        return kind
    found = f"found '{shown(header)}'" if header else "it was not given"
    raise UnsupportedMediaType(f"Content-Type must be {' or '.join(allowed)} here; {found}.")
