"""Requests that never become whole, that come in crowds, or whose answers nobody reads: others do not notice."""

import asyncio
import logging
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from fhir_server.http import connection
from fhir_server.store import reader
from fhir_server.store.rows import Page
from tests.api.others import others_served as others

HEAD = b"GET /fhir/Patient/none HTTP/1.1\r\nHost: [::1]\r\n"
MOST_WAIT = 2.0
"""Seconds; a loaded machine takes a tenth of it."""


others_served = partial(others, statuses=(404,), timeout=30, most_wait=MOST_WAIT)


async def opened(server_url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(server_url)
    return await asyncio.open_connection(address.hostname, address.port)


async def poured(server_url: str, head: bytes, piece: bytes, pieces: int) -> tuple[int, bytes]:
    """How many pieces could be sent behind `head`, and what was answered."""
    incoming, writer = await opened(server_url)
    writer.write(head)
    sent = 0
    try:
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()
            sent += 1
    except ConnectionError:
        pass
    answer = b""
    try:
        async with asyncio.timeout(10):
            answer = await incoming.read()
    except ConnectionError:
        pass
    writer.transport.abort()
    return sent, answer


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (HEAD + b"X-Long: ", b"a" * 65536),
        (HEAD, b"X-Many: a\r\n" * 6000),
        (HEAD, b"a" * 65536),
        (b"GET /fhir/", b"a" * 65536),
        (
            b"POST /fhir/Patient HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: ",
            b"a" * 65536,
        ),
        (b"POST /fhir/Patient HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n1;x=", b"a" * 65536),
    ],
    ids=["value", "headers", "name", "target", "trailer", "extension"],
)
async def test_a_head_without_end_is_refused_while_it_comes(
    client: httpx.AsyncClient, server_url: str, head: bytes, piece: bytes
) -> None:
    async with others_served(client):
        ended = await asyncio.gather(*(poured(server_url, head, piece, 1600) for _ in range(3)))
    for sent, answer in ended:
        assert sent < 400
        assert answer == b"" or answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 4"))


async def test_the_refusal_is_an_outcome(server_url: str) -> None:
    incoming, writer = await opened(server_url)
    writer.write(HEAD + b"X-Long: " + b"a" * (connection.HEAD_BYTES + 1))
    async with asyncio.timeout(10):
        answer = await incoming.read()
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b'"resourceType":"OperationOutcome"' in answer
    writer.close()


async def test_long_heads_and_bodies_in_pieces_are_taken(server_url: str) -> None:
    incoming, writer = await opened(server_url)
    body = b'{"resourceType":"Patient"}'
    head = b"POST /fhir/Patient HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/fhir+json\r\nX-Long: "
    chunks = b"".join(b"1\r\n" + body[at : at + 1] + b"\r\n" for at in range(len(body))) + b"0\r\n\r\n"
    for _ in range(2):
        for piece in (head, b"a" * 30_000, b"a" * 30_000, b"\r\nTransfer-Encoding: chunked\r\n\r\n", chunks):
            writer.write(piece)
            await asyncio.sleep(0.02)
        async with asyncio.timeout(10):
            assert (await incoming.readline()).startswith(b"HTTP/1.1 201 ")
            head_left = await incoming.readuntil(b"\r\n\r\n")
            length = next(line for line in head_left.split(b"\r\n") if line.startswith(b"content-length: "))
            await incoming.readexactly(int(length[16:]))
    writer.close()


async def test_a_head_that_is_not_finished_is_given_up(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    for sent in (b"", HEAD):
        incoming, writer = await opened(server_url)
        async with asyncio.timeout(10):
            writer.write(sent[:10])
            await asyncio.sleep(0.1)
            writer.write(sent[10:])
            answer = await incoming.read()
        assert answer.startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_crowd_of_requests_on_one_connection_is_broken_off(client: httpx.AsyncClient, server_url: str) -> None:
    async with others_served(client):
        sent, _ = await poured(server_url, b"", (HEAD + b"\r\n") * 2000, 100)
    assert sent < 100


async def test_answers_come_in_order_to_requests_sent_together(server_url: str) -> None:
    incoming, writer = await opened(server_url)
    writer.write(b"".join(HEAD + b"X-Request-Id: n%d\r\n\r\n" % number for number in range(50)))
    found: list[bytes] = []
    async with asyncio.timeout(20):
        while len(found) < 50:
            line = await incoming.readline()
            if line.startswith(b"x-request-id: "):
                found.append(line[14:].strip())
    assert found == [b"n%d" % number for number in range(50)]
    writer.close()


async def test_pages_that_nobody_reads_are_not_made(
    client: httpx.AsyncClient, server_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    async def counted(*arguments: Any, **named: Any) -> Page:
        made.append(1)
        return await search(*arguments, **named)

    search = reader.search
    monkeypatch.setattr(reader, "search", counted)
    extension = [{"url": "http://e.example", "valueString": "x" * 900_000}] * 6
    body = {"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": "Group/1"}}
    for _ in range(3):
        answer = await client.post(
            "Flag", json=body | {"extension": extension}, headers={"Content-Type": "application/fhir+json"}
        )
        assert answer.status_code == 201
    ask = b"GET /fhir/Flag?_count=1000 HTTP/1.1\r\nHost: [::1]\r\n\r\n" * 20
    writers = []
    with caplog.at_level(logging.WARNING):
        async with others_served(client):
            for _ in range(6):
                _, writer = await opened(server_url)
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(ask)
                writers.append(writer)
            await asyncio.sleep(2)
            for writer in writers:
                writer.transport.abort()
    assert len(made) == 6
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]
