"""How much of a body is read, and for how long: size, compression and time, bounded before anything is parsed.

Rule: a body's size is refused before it is read where Content-Length tells it, else as soon as it is passed; never more
is held than the limit, and never more by all requests than there is room. A body must keep coming: no pause beyond the
setting, and on the whole `MIN_RATE`. What is compressed stays so until somebody has a thread for it.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from fhir_server.http.headers import Headers
from fhir_server.interactions.address import shown
from fhir_server.room import Share
from resources.outcome import BadRequest, PayloadTooLarge, RequestTimeout, UnsupportedMediaType

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MIN_RATE = 1024
"""Bytes a second that a body must bring on the whole, beyond the first allowed pause."""
PIECE = 256 * 1024
"""Most bytes that decompression makes at a time."""
_GZIP_LEAST = 18
"""Bytes of the shortest gzip stream; its last four are the size of what is packed (RFC 1952 §2.3.1)."""
_NOT_GZIP = "The body is not valid gzip, although Content-Encoding says so."
_FOLLOWED = "Something follows the gzip stream of the body."
_CUT_OFF = "The gzip stream of the body is cut off."
_CLOSE = (("Connection", "close"),)


@dataclass(frozen=True, slots=True)
class Body:
    """A whole body as it came: `raw`, and the bytes that its text has, or claims to have, or may have at most."""

    raw: bytes
    size: int
    limit: int
    packed: bool = False

    def text(self) -> bytes:
        """The body, decompressed. Raises PayloadTooLarge, BadRequest (cut off, broken gzip)."""
        return _unpacked(self.raw, self.size, self.limit) if self.packed else self.raw


def has_body(headers: Headers) -> bool:
    """Whether a body follows (RFC 9112 §6.3)."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


async def read(receive: Receive, headers: Headers, limit: int, pause: float, share: Share) -> Body:
    """The whole body, whose text has at most `limit` bytes; `pause` is the longest wait for a piece, and for room to
    hold it, in seconds.

    Raises PayloadTooLarge, RequestTimeout, UnsupportedMediaType (Content-Encoding), BadRequest (cut off), Unavailable.
    """
    check_length(headers, limit)
    packed = b"content-encoding" in headers and _is_gzip(headers)
    most = limit + limit // 1000 + 1024 if packed else limit  # what cannot be packed grows a little
    message = await _next(receive, pause)
    raw: bytes = message.get("body", b"")
    if message.get("more_body", False):
        pieces, size = [raw], len(raw)
        async for piece in _arriving(receive, pause):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                break
            await share.grow(size, pause)
        raw = b"".join(pieces)
    if len(raw) > most:
        raise too_large(limit)
    if not packed:
        return Body(raw, len(raw), limit)
    claimed = int.from_bytes(raw[-4:], "little") if len(raw) >= _GZIP_LEAST else 0
    body = Body(raw, min(claimed, limit), limit, packed=True)
    await share.grow(len(raw) + body.size, pause)
    return body


def _unpacked(raw: bytes, claimed: int, limit: int) -> bytes:
    """The content of a gzip stream that claims to have so many bytes, or `limit` where it claims more."""
    inflate = zlib.decompressobj(wbits=31)
    try:
        text = inflate.decompress(raw, claimed + 1)
    except zlib.error:
        raise BadRequest(_NOT_GZIP) from None
    if len(text) > limit:
        raise too_large(limit)
    if len(text) > claimed:
        raise BadRequest(_NOT_GZIP)
    if inflate.unused_data:
        raise BadRequest(_FOLLOWED)
    if not inflate.eof:
        raise BadRequest(_CUT_OFF, code="incomplete")
    return text


async def stream(receive: Receive, headers: Headers, limit: int, pause: float) -> AsyncGenerator[bytes]:
    """The body in pieces, decompressed, of at most `limit` bytes. Raises as `read` and `Body.text` do."""
    check_length(headers, limit)
    raw = _arriving(receive, pause)
    pieces = _gunzip(raw) if _is_gzip(headers) else raw
    size = 0
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
                raise BadRequest(_NOT_GZIP) from None
            yield made
            if inflate.unused_data:
                raise BadRequest(_FOLLOWED)
            rest = inflate.unconsumed_tail
            more = not inflate.eof and (bool(rest) or len(made) == PIECE)
    if not inflate.eof:
        raise BadRequest(_CUT_OFF, code="incomplete")
