"""Bodies: how much, how long, how compressed."""

import asyncio
import gzip
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fhir_server.http import limits
from fhir_server.http.headers import Headers
from fhir_server.room import Room, Share
from resources.outcome import BadRequest, FhirError, PayloadTooLarge, RequestTimeout, UnsupportedMediaType

GZIP: Headers = {b"content-encoding": b"gzip"}


def arriving(*pieces: bytes, pause: float = 0.0, cut: bool = False) -> Callable[[], Awaitable[dict[str, Any]]]:
    """An ASGI `receive` that brings these pieces; `cut` hangs up instead of ending."""
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        if not left:
            return {"type": "http.disconnect"}
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left) or cut}

    return receive


async def read(*pieces: bytes, headers: Headers | None = None, limit: int = 100, **how: Any) -> bytes:
    share = Share(Room(limit))
    return (await limits.read(arriving(*pieces, **how), headers or {}, limit, 0.05, share)).text()


@pytest.mark.parametrize("pieces", [(b"",), (b"abc",), (b"a", b"", b"bc"), (b"x" * 50, b"x" * 50)])
async def test_whole_body(pieces: tuple[bytes, ...]) -> None:
    assert await read(*pieces) == b"".join(pieces)


async def test_compressed_body_in_any_pieces() -> None:
    text = bytes(range(256)) * 400
    packed = gzip.compress(text)
    pieces = [packed[at : at + 7] for at in range(0, len(packed), 7)]
    assert await read(*pieces, headers=GZIP, limit=len(text)) == text
    assert await read(packed, headers=GZIP, limit=len(text)) == text


@pytest.mark.parametrize("size", [0, limits.PIECE - 1, limits.PIECE, limits.PIECE + 1, 2 * limits.PIECE])
@pytest.mark.parametrize("repeated", [b"0", os.urandom(1021)], ids=["small when packed", "large when packed"])
async def test_compressed_body_of_any_size_is_whole(size: int, repeated: bytes) -> None:
    text = (repeated * (size // len(repeated) + 1))[:size]
    packed = gzip.compress(text)
    assert await read(packed, headers=GZIP, limit=size) == text
    assert await read(packed[:-1], packed[-1:], headers=GZIP, limit=size) == text


@pytest.mark.parametrize("size", [3, limits.PIECE])
async def test_nothing_may_follow_the_compressed_body(size: int) -> None:
    packed = gzip.compress(b"0" * size)
    for pieces in ((packed + b"more",), (packed, b"more")):
        with pytest.raises(BadRequest, match="follows"):
            await read(*pieces, headers=GZIP, limit=size)


@pytest.mark.parametrize(
    ("pieces", "headers", "how", "error"),
    [
        ((b"x" * 101,), {}, {}, PayloadTooLarge),
        ((b"x" * 60, b"x" * 60), {}, {}, PayloadTooLarge),
        ((b"",), {b"content-length": b"101"}, {}, PayloadTooLarge),
        ((b"",), {b"content-length": b"9" * 30}, {}, PayloadTooLarge),
        ((gzip.compress(b"0" * 10_000_000),), GZIP, {}, PayloadTooLarge),
        ((b"not gzip",), GZIP, {}, BadRequest),
        ((gzip.compress(b"abc")[:-3],), GZIP, {}, BadRequest),
        ((b"abc",), {b"content-encoding": b"br"}, {}, UnsupportedMediaType),
        ((b"a", b"b"), {}, {"pause": 0.2}, RequestTimeout),
        ((b"a", b"b"), {}, {"cut": True}, BadRequest),
    ],
)
async def test_refused(
    pieces: tuple[bytes, ...], headers: Headers, how: dict[str, Any], error: type[FhirError]
) -> None:
    with pytest.raises(error):
        await read(*pieces, headers=headers, **how)


async def test_body_that_trickles_in_is_given_up() -> None:
    pieces = [b"x"] * 100
    with pytest.raises(RequestTimeout):
        await read(*pieces, pause=0.01)


async def test_bomb_is_not_inflated_beyond_the_limit() -> None:
    pieces = limits.stream(arriving(gzip.compress(b"0" * 50_000_000)), GZIP, limits.PIECE, 1.0)
    assert len(await anext(pieces)) == limits.PIECE
    with pytest.raises(PayloadTooLarge):
        await anext(pieces)
