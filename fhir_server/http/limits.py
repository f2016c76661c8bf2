"""How much of a body is read, and for how long: size, compression and time, bounded before anything is parsed.

Rule: a body's size is refused before it is read where Content-Length tells it, else as soon as it is passed; never more
is held than the limit. A body must keep coming: no pause beyond the setting, and on the whole `MIN_RATE`.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from fhir_server.http.headers import Headers
from fhir_server.interactions.address import shown
from resources.outcome import BadRequest, PayloadTooLarge, RequestTimeout, UnsupportedMediaType

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MIN_RATE = 1024
"""Bytes a second that a body must bring on the whole, beyond the first allowed pause."""
PIECE = 256 * 1024
"""Most bytes that decompression makes at a time."""
_CLOSE = (("Connection", "close"),)


def has_body(headers: Headers) -> bool:
    """Whether a body follows (RFC 9112 §6.3)."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


async def read(receive: Receive, headers: Headers, limit: int, pause: float) -> bytes:
    """The whole body, decompressed, of at most `limit` bytes; `pause` is the longest wait for a piece, in seconds.

    Raises PayloadTooLarge, RequestTimeout, UnsupportedMediaType (Content-Encoding), BadRequest (cut off, broken gzip).
    """
    check_length(headers, limit)
    if b"content-encoding" not in headers:
        message = await _next(receive, pause)
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            if len(body) > limit:
                raise too_large(limit)
            return body
        pieces = [body]
    else:
        pieces = []
    async for piece in stream(receive, headers, limit, pause, so_far=sum(map(len, pieces))):
        pieces.append(piece)
    return b"".join(pieces)


async def stream(
    receive: Receive, headers: Headers, limit: int, pause: float, *, so_far: int = 0
) -> AsyncGenerator[bytes]:
    """The body in pieces, decompressed, of at most `limit` bytes together with `so_far`. Raises as `read` does."""
    check_length(headers, limit)
    raw = _arriving(receive, pause)
    pieces = _gunzip(raw) if _is_gzip(headers) else raw
    size = so_far
    async for piece in pieces:
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        yield piece


def check_length(headers: Headers, limit: int) -> None:
    """Raises PayloadTooLarge when Content-Length is over the limit."""
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length[:20]) > limit:
        raise too_large(limit)


def too_large(limit: int) -> PayloadTooLarge:
    """The refusal of a body over `limit` bytes."""
    return PayloadTooLarge(f"The body is over the limit of {limit:,} bytes for this request.")


def _is_gzip(headers: Headers) -> bool:
    coding = headers.get(b"content-encoding", b"identity").strip().lower()
    if coding in (b"gzip", b"x-gzip"):
        return True
    if coding in (b"identity", b""):
        return False
    raise UnsupportedMediaType(
        f"Content-Encoding must be gzip or absent; found '{shown(coding.decode('latin-1'))}'.",
        headers=(("Accept-Encoding", "gzip"),),
    )


async def _next(receive: Receive, wait: float) -> MutableMapping[str, Any]:
    try:
        async with asyncio.timeout(wait):
            message = await receive()
    except TimeoutError:
        raise RequestTimeout("The body did not arrive in time.", headers=_CLOSE) from None
    if message["type"] == "http.disconnect":
        raise BadRequest("The connection ended before the body did.", code="incomplete")
    return message


async def _arriving(receive: Receive, pause: float) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    start, size, more = clock(), 0, True
    while more:
        left = start + pause + size / MIN_RATE - clock()
        message = await _next(receive, min(pause, max(left, 0)))
        body: bytes = message.get("body", b"")
        size += len(body)
        more = message.get("more_body", False)
        if body:
            yield body


async def _gunzip(compressed: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    inflate = zlib.decompressobj(wbits=31)
    async for piece in compressed:
        rest = piece
        more = True  # also what zlib holds back when a piece is full
        while more:
            try:
                made = inflate.decompress(rest, PIECE)
            except zlib.error:
                raise BadRequest("The body is not valid gzip, although Content-Encoding says so.") from None
            yield made
            if inflate.unused_data:
                raise BadRequest("Something follows the gzip stream of the body.")
            rest = inflate.unconsumed_tail
            more = not inflate.eof and (bool(rest) or len(made) == PIECE)
    if not inflate.eof:
        raise BadRequest("The gzip stream of the body is cut off.", code="incomplete")
