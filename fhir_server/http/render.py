"""`FhirResponse` → what ASGI sends.

Rule: what clients stored is never run by a browser that opens it: no sniffing, no scripts, and what could be a page is
a download. See https://hl7.org/fhir/R4/http.html and RFC 9110.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from email.utils import formatdate
from functools import lru_cache, partial
from typing import Any

from fhir_server.http.limits import Receive
from fhir_server.http.negotiate import FHIR_XML, Representation, media_type
from fhir_server.model import Content, FhirResponse
from fhir_server.threads import Threads
from resources import json_codec, xml_codec

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

GZIP_FROM = 2048
"""Bytes from which compression is worth its time: below, hardly a packet is saved."""
GZIP_THREAD_FROM = 256 * 1024
THREAD_FROM = 64 * 1024
"""Bytes from which compression, and XML and indentation, go to a thread, so that others need not wait for them."""
PRETTY_TO = 1024 * 1024
"""Bytes up to which an answer is indented: nested deeply, it grows thirtyfold."""
CHUNK = 256 * 1024
"""So much of a body is handed over at a time: what the client does not take stays here, once."""
STALLED_SECONDS = 30
"""A client that takes nothing for so long is left."""
GZIP_LEVEL = 1
_INERT = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox")
_ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"private, no-cache")]
_VARY = (b"vary", b"Accept, Accept-Encoding")
_HARMLESS = ("application/pdf", "text/plain", "image/png", "image/jpeg", "image/gif", "image/webp", "application/dicom")


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer ready to be sent: `chunks` instead of `body` where it is streamed."""

    status: int
    headers: RawHeaders
    body: bytes = b""
    chunks: AsyncGenerator[bytes] | None = None


async def render(response: FhirResponse, as_: Representation, request_id: str, threads: Threads) -> Rendered:
    """The answer in the representation that the client wants."""
    headers = _headers(response, request_id)
    if response.stream is not None:
        headers += _content_headers(response.stream, as_)
        return Rendered(response.status, headers, chunks=response.stream.chunks)
    if response.status in (204, 304):
        return Rendered(response.status, headers)
    body = b""
    if response.text is not None:
        body = await _body(response.text, as_, headers, threads)
        headers.append((b"content-type", as_.format.content_type))
    headers.append((b"content-length", b"%d" % len(body)))
    return Rendered(response.status, headers, body)


async def send(send_: Send, receive: Receive, rendered: Rendered, *, head: bool) -> None:
    """Send it; `head` leaves the body out but not what the headers say of it.

    What the stream raises ends it there: the connection is then broken off by the ASGI server, and the client knows.
    Where the client goes first, the stream is closed. Raises TimeoutError for one that takes nothing for
    STALLED_SECONDS.
    """
    await send_({"type": "http.response.start", "status": rendered.status, "headers": rendered.headers})
    if rendered.chunks is not None and not head:
        gone = asyncio.create_task(_gone(receive))
        try:
            async with aclosing(rendered.chunks) as chunks:
                async for chunk in chunks:
                    await send_({"type": "http.response.body", "body": chunk, "more_body": True})
                    if gone.done():  # the ASGI server drops what is sent from now on, without a word
                        return
        finally:
            gone.cancel()
    body = b"" if head else rendered.body
    for start in range(0, max(len(body), 1), CHUNK):
        end = start + CHUNK
        async with asyncio.timeout(STALLED_SECONDS):
            await send_({"type": "http.response.body", "body": body[start:end], "more_body": end < len(body)})


async def _gone(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _headers(response: FhirResponse, request_id: str) -> RawHeaders:
    headers = [*_ALWAYS, _VARY, (b"x-request-id", request_id.encode("ascii"))]
    if response.stream is None:
        headers.append(_INERT)
    if response.version is not None:
        headers.append((b"etag", b'W/"%d"' % response.version))
    if response.last_modified is not None:
        headers.append((b"last-modified", _http_date(response.last_modified)))
    if response.location is not None:
        where = response.location.encode("ascii")
        headers.append((b"location", where))
        if response.status != 201:
            headers.append((b"content-location", where))  # beside it: clients look for either
    headers.extend((name.lower().encode("ascii"), value.encode("latin-1")) for name, value in response.headers)
    return headers


def _http_date(moment: datetime) -> bytes:
    return _http_date_of(int(moment.timestamp()))


@lru_cache(maxsize=4096)
def _http_date_of(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode("ascii")


async def _body(text: bytes, as_: Representation, headers: RawHeaders, threads: Threads) -> bytes:
    """The text in its format, compressed where that helps; adds Content-Encoding to `headers`."""
    pretty = as_.pretty and len(text) <= PRETTY_TO
    work = partial(_xml, pretty=pretty) if as_.format.name == FHIR_XML else json_codec.pretty if pretty else None
    if work is not None:
        text = work(text) if len(text) < THREAD_FROM else await threads.rendering(work, text)
    if not as_.gzip or len(text) < GZIP_FROM:
        return text
    headers.append((b"content-encoding", b"gzip"))
    if len(text) < GZIP_THREAD_FROM:
        return gzip.compress(text, GZIP_LEVEL, mtime=0)
    return await threads.rendering(gzip.compress, text, GZIP_LEVEL, mtime=0)


def _xml(text: bytes, *, pretty: bool) -> bytes:
    return xml_codec.encode(json_codec.decode_own(text), pretty=pretty)


def _content_headers(content: Content, as_: Representation) -> RawHeaders:
    """Headers of a streamed body. Shown in the browser only where nothing in it can run; else it is a download."""
    headers = [] if content.length is None else [(b"content-length", b"%d" % content.length)]
    if content.content_type == as_.format.name:
        return [*headers, (b"content-type", as_.format.content_type), _INERT]
    media = _plain(content.content_type) or b"application/octet-stream"
    headers.append((b"content-type", media))
    if content.security_context and (context := _plain(content.security_context)):
        headers.append((b"x-security-context", context))
    if media_type(media.decode("ascii")).name not in _HARMLESS:
        headers += [(b"content-disposition", b"attachment"), _INERT]
    return headers


def _plain(value: str) -> bytes | None:
    """A stored text as a header's value, None where it has characters that cannot stand in one."""
    return value.encode("ascii") if value.isascii() and value.isprintable() else None
