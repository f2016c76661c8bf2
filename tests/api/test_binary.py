"""Binary in its own content type both ways, small and large."""

import base64
import hashlib
import os
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

PDF = b"%PDF-1.4\n" + bytes(range(256)) * 20
LARGE = 5 * 1024 * 1024 + 1
FHIR = {"Accept": "application/fhir+json"}


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


async def test_a_large_content_replaces_an_empty_one(client: httpx.AsyncClient) -> None:
    path, headers = f"Binary/{uuid.uuid4()}", {"Content-Type": "application/octet-stream"}
    assert (await client.put(path, content=b"", headers=headers)).status_code == 201
    content = os.urandom(LARGE)

    answer = await client.put(path, content=content, headers=headers)

    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    assert (await client.get(path, headers={"Accept": "*/*"})).content == content


async def test_a_conditional_create_of_a_large_content(client: httpx.AsyncClient) -> None:
    made = await client.post("Binary", content=PDF, headers={"Content-Type": "application/pdf"})
    key = made.headers["Location"].split("/Binary/")[1].partition("/")[0]
    headers = {"Content-Type": "application/pdf", "If-None-Exist": f"_id={key}"}

    found = await client.post("Binary", content=os.urandom(LARGE), headers=headers)

    assert found.status_code == 200
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
