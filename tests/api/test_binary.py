"""Binary in its own content type both ways, small and large."""

import asyncio
import base64
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

MIB = 1024 * 1024
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 20
LARGE = 5 * MIB + 1
FHIR = {"Accept": "application/fhir+json"}


@pytest.fixture
async def db(mongo_uri: str, server_database: str) -> AsyncIterator[AsyncDatabase[Any]]:
    async with AsyncMongoClient[Any](mongo_uri) as made:
        yield made[server_database]


@pytest.mark.parametrize("content", [PDF, b"", os.urandom(LARGE)], ids=["small", "empty", "large"])
async def test_a_pdf_goes_in_and_out_as_a_pdf(client: httpx.AsyncClient, content: bytes) -> None:
    made = await client.post(
        "Binary", content=content, headers={"Content-Type": "application/pdf", "X-Security-Context": "Patient/7"}
    )
    assert made.status_code == 201, made.text
    path = made.headers["Location"].partition("/_history")[0]

    read = await client.get(path, headers={"Accept": "application/pdf"})
    assert read.headers["Content-Type"] == "application/pdf"
    assert read.headers["X-Security-Context"] == "Patient/7"
    assert read.content == content
    resource = (await client.get(path, headers=FHIR)).json()
    assert resource["contentType"] == "application/pdf"
    assert resource["securityContext"] == {"reference": "Patient/7"}
    assert base64.b64decode(resource.get("data", "")) == content
    assert resource["meta"]["versionId"] == "1"
    xml = await client.get(path, headers={"Accept": "application/fhir+xml"})
    assert base64.b64encode(content).decode() in xml.text


async def test_a_binary_as_a_fhir_resource_comes_back_as_both(client: httpx.AsyncClient) -> None:
    body = {"resourceType": "Binary", "contentType": "image/png", "data": base64.b64encode(PDF).decode()}
    made = await client.post("Binary", json=body, headers={"Content-Type": "application/fhir+json"})
    assert made.status_code == 201, made.text
    path = f"Binary/{made.json()['id']}"

    for accept in ("image/png", "*/*", "image/png, application/fhir+json;q=0.5", ""):
        assert (await client.get(path, headers={"Accept": accept})).content == PDF
    weighted = await client.get(path, headers={"Accept": "application/fhir+json, image/png;q=0.5"})
    assert weighted.json()["data"] == body["data"]
    assert (await client.get(path, headers=FHIR)).json()["data"] == body["data"]
    assert (await client.get(f"{path}?_format=json")).json()["data"] == body["data"]


async def test_a_large_binary_in_a_bundle_says_that_it_is_not_whole(client: httpx.AsyncClient) -> None:
    id_ = str(uuid.uuid4())
    headers = {"Content-Type": "application/octet-stream"}
    assert (await client.put(f"Binary/{id_}", content=os.urandom(LARGE), headers=headers)).status_code == 201
    for url in (f"Binary?_id={id_}", f"Binary/{id_}/_history"):
        [entry] = (await client.get(url)).json()["entry"]
        assert "data" not in entry["resource"]
        assert entry["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_versions_of_a_large_binary_keep_their_content(client: httpx.AsyncClient) -> None:
    id_ = str(uuid.uuid4())
    contents = [os.urandom(LARGE), os.urandom(LARGE)]
    for number, content in enumerate(contents, 1):
        answer = await client.put(
            f"Binary/{id_}", content=content, headers={"Content-Type": "application/octet-stream"}
        )
        assert (answer.status_code, answer.headers["ETag"]) == (201 if number == 1 else 200, f'W/"{number}"')
    for number, content in enumerate(contents, 1):
        read = await client.get(f"Binary/{id_}/_history/{number}", headers={"Accept": "*/*"})
        assert hashlib.sha256(read.content).digest() == hashlib.sha256(content).digest()


async def uploads(db: AsyncDatabase[Any]) -> int:
    assert await db["blobs.chunks"].distinct("files_id") == await db["blobs.files"].distinct("_id")
    return await db["blobs.files"].count_documents({})


async def test_the_same_large_content_again_makes_no_version_and_keeps_no_upload(
    client: httpx.AsyncClient, db: AsyncDatabase[Any]
) -> None:
    path, content = f"Binary/{uuid.uuid4()}", os.urandom(LARGE)
    other = content[:-1] + bytes([content[-1] ^ 1])
    before = await uploads(db)
    answers = [
        await client.put(path, content=sent, headers={"Content-Type": type_})
        for sent, type_ in (
            (content, "application/pdf"),
            (content, "application/pdf"),
            (content, "image/png"),
            (other, "image/png"),
        )
    ]
    assert [answer.headers["ETag"] for answer in answers] == ['W/"1"', 'W/"1"', 'W/"2"', 'W/"3"']
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200]
    assert await uploads(db) == before + 3


@pytest.mark.parametrize(
    ("method", "path", "refusal", "status"),
    [
        ("PUT", "Binary/none", {"If-Match": 'W/"9"'}, 412),
        ("PUT", "Binary?contenttype=image/png", {}, 400),
        ("POST", "Binary", {"If-None-Exist": "unknown=1"}, 400),
    ],
)
async def test_a_refused_large_content_keeps_no_upload(
    client: httpx.AsyncClient, db: AsyncDatabase[Any], method: str, path: str, refusal: dict[str, str], status: int
) -> None:
    before = await uploads(db)
    headers = {"Content-Type": "application/pdf"} | refusal
    answer = await client.request(method, path, content=os.urandom(LARGE), headers=headers)
    assert answer.status_code == status, answer.text
    assert await uploads(db) == before


async def test_a_client_that_goes_away_while_it_sends_leaves_no_upload(
    client: httpx.AsyncClient, db: AsyncDatabase[Any]
) -> None:
    before = await uploads(db)

    async def broken() -> AsyncIterator[bytes]:
        yield os.urandom(LARGE)
        await uploads_become(db, before + 1)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await client.post("Binary", content=broken(), headers={"Content-Type": "application/pdf"})
    await uploads_become(db, before)


async def uploads_become(db: AsyncDatabase[Any], count: int) -> None:
    for _ in range(500):
        if await db["blobs.files"].count_documents({}) == count:
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("the uploads stay as they are")


async def test_a_download_whose_client_has_gone_stops_reading(
    server_url: str, client: httpx.AsyncClient, db: AsyncDatabase[Any]
) -> None:
    made = await client.post("Binary", content=bytes(60 * MIB), headers={"Content-Type": "application/pdf"})
    await db.command("profile", 2)
    url = urlsplit(server_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=1000)
    path = urlsplit(made.headers["Location"]).path
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/pdf\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.transport.abort()
    await asyncio.sleep(1)  # long enough for all of it
    await db.command("profile", 0)

    batches = await db["system.profile"].count_documents({"ns": f"{db.name}.blobs.chunks"})
    assert 1 <= batches <= 10


@pytest.mark.parametrize("content", [PDF, os.urandom(LARGE)], ids=["small", "large"])
@pytest.mark.parametrize("accept", ["application/pdf", "application/fhir+json", "application/fhir+xml"])
async def test_head_tells_the_length(client: httpx.AsyncClient, content: bytes, accept: str) -> None:
    made = await client.post("Binary", content=content, headers={"Content-Type": "application/pdf"})
    path, headers = made.headers["Location"], {"Accept": accept, "Accept-Encoding": "identity"}
    head, read = await client.head(path, headers=headers), await client.get(path, headers=headers)
    assert head.content == b""
    assert head.headers["Content-Length"] == read.headers["Content-Length"] == str(len(read.content))


async def test_a_large_content_replaces_an_empty_one(client: httpx.AsyncClient) -> None:
    path, headers = f"Binary/{uuid.uuid4()}", {"Content-Type": "application/octet-stream"}
    assert (await client.put(path, content=b"", headers=headers)).status_code == 201
    content = os.urandom(LARGE)

    answer = await client.put(path, content=content, headers=headers)

    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    assert (await client.get(path, headers={"Accept": "*/*"})).content == content


async def test_a_conditional_create_of_a_large_content(client: httpx.AsyncClient, db: AsyncDatabase[Any]) -> None:
    made = await client.post("Binary", content=PDF, headers={"Content-Type": "application/pdf"})
    key = made.headers["Location"].split("/Binary/")[1].partition("/")[0]
    headers = {"Content-Type": "application/pdf", "If-None-Exist": f"_id={key}"}

    before = await uploads(db)
    found = await client.post("Binary", content=os.urandom(LARGE), headers=headers)

    assert found.status_code == 200
    assert await uploads(db) == before
    assert (await client.get(f"Binary/{key}", headers={"Accept": "*/*"})).content == PDF


async def test_a_body_over_the_limit_is_refused_while_it_streams(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(110):
            yield b"x" * 1024 * 1024

    answer = await client.post("Binary", content=endless(), headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 413
    assert answer.json()["issue"][0]["code"] == "too-long"


async def test_stored_html_cannot_run_in_a_browser(client: httpx.AsyncClient) -> None:
    made = await client.post("Binary", content=b"<script>1</script>", headers={"Content-Type": "text/html"})
    read = await client.get(made.headers["Location"], headers={"Accept": "text/html,*/*"})

    assert read.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in read.headers["Content-Security-Policy"]
