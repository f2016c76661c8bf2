"""Sizes, slowness and hang-ups: the one who misbehaves is refused, the others do not notice."""

import asyncio
import gzip
import json
import resource
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest

SETTINGS = {
    "max_body_bytes": 10_000,
    "max_bundle_bytes": 50_000,
    "max_binary_bytes": 100_000,
    "body_timeout_seconds": 0.5,
}
FHIR = {"Content-Type": "application/fhir+json"}


def allow_open_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= count, "this machine allows too few open files"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def patient(length: int) -> bytes:
    """A Patient of at least `length` bytes of JSON."""
    return json.dumps({"resourceType": "Patient", "name": [{"family": "x" * length}]}).encode()


async def in_pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 1000):
        yield content[at : at + 1000]


@pytest.mark.parametrize("chunked", [False, True])
async def test_body_over_the_limit(client: httpx.AsyncClient, chunked: bool) -> None:
    content = patient(11_000)
    answer = await client.post("Patient", content=in_pieces(content) if chunked else content, headers=FHIR)
    assert answer.status_code == 413
    assert answer.json()["issue"][0]["code"] == "too-long"
    assert (await client.get("metadata")).status_code == 200


async def test_bundle_has_a_limit_of_its_own(client: httpx.AsyncClient) -> None:
    entry = {"resource": json.loads(patient(9_000)), "request": {"method": "POST", "url": "Patient"}}
    for count, status in ((3, 200), (6, 413)):
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": [entry] * count}
        assert (await client.post("", json=bundle, headers=FHIR)).status_code == status


@pytest.mark.parametrize("chunked", [False, True])
async def test_binary_over_the_limit(client: httpx.AsyncClient, chunked: bool) -> None:
    content = b"x" * 100_001
    answer = await client.post(
        "Binary", content=in_pieces(content) if chunked else content, headers={"Content-Type": "image/png"}
    )
    assert answer.status_code == 413


async def test_zip_bomb(client: httpx.AsyncClient) -> None:
    content = gzip.compress(patient(20_000_000))
    answer = await client.post("Patient", content=content, headers=FHIR | {"Content-Encoding": "gzip"})
    assert answer.status_code == 413


async def opened(server_url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(server_url)
    return await asyncio.open_connection(address.hostname, address.port)


HEAD = (
    b"POST /fhir/Patient HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/fhir+json\r\nContent-Length: 5000\r\n\r\n"
)


async def test_body_that_stops_is_given_up(server_url: str) -> None:
    reader, writer = await opened(server_url)
    writer.write(HEAD + b"{")
    async with asyncio.timeout(5):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"OperationOutcome" in answer
    writer.close()


async def test_client_that_hangs_up_harms_nobody(client: httpx.AsyncClient, server_url: str) -> None:
    for sent in (HEAD[:30], HEAD, HEAD + b'{"resourceType"'):
        _, writer = await opened(server_url)
        writer.write(sent)
        await writer.drain()
        writer.transport.abort()
    assert (await client.get("metadata")).status_code == 200


async def test_others_do_not_notice_idle_and_trickling_connections(client: httpx.AsyncClient, server_url: str) -> None:
    allow_open_files(4096)  # server and clients are one process here
    connections = [await opened(server_url) for _ in range(1000)]
    for _, writer in connections[::2]:
        writer.write(HEAD + b"{")
    async with asyncio.timeout(5):
        for _ in range(20):
            assert (await client.get("Patient/none")).status_code == 404
    for _, writer in connections:
        writer.transport.abort()
