"""What format an answer comes in, over HTTP."""

import gzip
import json
from typing import Any

import httpx
import pytest

PATIENT = {"resourceType": "Patient", "name": [{"family": "Müller"}], "birthDate": "1970-03"}
JSON, XML = "application/fhir+json; charset=utf-8", "application/fhir+xml; charset=utf-8"


async def created(client: httpx.AsyncClient) -> str:
    answer = await client.post("Patient", json=PATIENT, headers={"Content-Type": "application/fhir+json"})
    assert answer.status_code == 201, answer.text
    return f"Patient/{answer.json()['id']}"


@pytest.mark.parametrize(
    ("accept", "query", "content_type"),
    [
        ("*/*", "", JSON),
        ("application/fhir+json", "", JSON),
        ("application/json", "", "application/json; charset=utf-8"),
        ("application/fhir+xml", "", XML),
        ("text/xml;q=0.1, application/fhir+xml;q=0.2", "", XML),
        ("application/fhir+xml", "?_format=json", JSON),
        ("image/png", "?_format=xml", XML),
        ("*/*", "?_format=application/fhir+xml", XML),
    ],
)
async def test_read(client: httpx.AsyncClient, accept: str, query: str, content_type: str) -> None:
    answer = await client.get(await created(client) + query, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == content_type
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert answer.content.startswith(b"<" if "xml" in content_type else b"{")
    assert "Müller".encode() in answer.content


async def test_nothing_acceptable_is_said_in_json(client: httpx.AsyncClient) -> None:
    answer = await client.get("metadata", headers={"Accept": "image/png"})
    assert answer.status_code == 406
    assert answer.headers["content-type"] == JSON
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_errors_come_in_the_format_asked_for(client: httpx.AsyncClient) -> None:
    answer = await client.get("Patient/none", headers={"Accept": "application/fhir+xml"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, XML)
    assert answer.content.startswith(b"<OperationOutcome") or b"<OperationOutcome" in answer.content[:100]


async def test_pretty(client: httpx.AsyncClient) -> None:
    path = await created(client)
    plain, pretty = await client.get(path), await client.get(f"{path}?_pretty=true")
    assert b"\n" not in plain.content
    assert pretty.content.count(b"\n") > 5
    assert plain.json() == pretty.json()
    assert (await client.get(f"{path}?_pretty=false")).content == plain.content


async def test_head_is_get_without_body(client: httpx.AsyncClient) -> None:
    path = await created(client)
    get, head = await client.get(path), await client.head(path)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("etag", "last-modified", "content-type", "content-length"):
        assert head.headers[name] == get.headers[name]


async def test_answers_are_compressed_when_large_and_wanted(client: httpx.AsyncClient) -> None:
    packed = await client.get("metadata", headers={"Accept-Encoding": "gzip"})
    plain = await client.get("metadata", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) * 4 < int(plain.headers["content-length"])
    assert packed.content == plain.content


async def test_compressed_bodies_are_taken(client: httpx.AsyncClient) -> None:
    body = gzip.compress(json.dumps(PATIENT).encode())
    headers = {"Content-Type": "application/fhir+json", "Content-Encoding": "gzip"}
    assert (await client.post("Patient", content=body, headers=headers)).status_code == 201


async def test_request_id_is_returned(client: httpx.AsyncClient) -> None:
    given = await client.get("Patient/none", headers={"X-Request-Id": "abc-1"})
    made = await client.get("Patient/none")
    assert given.headers["x-request-id"] == "abc-1"
    assert len(made.headers["x-request-id"]) == 16


async def test_xml_in_and_json_out(client: httpx.AsyncClient) -> None:
    body = '<Patient xmlns="http://hl7.org/fhir"><birthDate value="1970-03"/></Patient>'
    answer = await client.post(
        "Patient", content=body, headers={"Content-Type": "application/fhir+xml", "Accept": "application/fhir+json"}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["birthDate"] == "1970-03"


@pytest.mark.parametrize("accept", ["application/pdf", "*/*", ""])
async def test_binary_comes_as_itself(client: httpx.AsyncClient, accept: str) -> None:
    content = b"%PDF-1.7 " + bytes(range(256))
    posted = await client.post("Binary", content=content, headers={"Content-Type": "application/pdf"})
    assert posted.status_code == 201, posted.text
    path = posted.headers["location"].partition("/_history")[0]
    got = await client.get(path, headers={"Accept": accept})
    assert got.content == content
    assert got.headers["content-type"] == "application/pdf"
    assert got.headers["x-content-type-options"] == "nosniff"
    resource = await client.get(path, headers={"Accept": "application/fhir+json"})
    assert resource.json()["contentType"] == "application/pdf"


async def test_stored_page_is_not_run_by_a_browser(client: httpx.AsyncClient) -> None:
    content = b"<script>alert(1)</script>"
    headers = {"Content-Type": "text/html", "X-Security-Context": "Patient/1"}
    posted = await client.post("Binary", content=content, headers=headers)
    got = await client.get(posted.headers["location"].partition("/_history")[0], headers={"Accept": "text/html"})
    assert got.headers["content-disposition"] == "attachment"
    assert "sandbox" in got.headers["content-security-policy"]
    assert got.headers["x-security-context"] == "Patient/1"
    assert got.content == content


def deepest() -> dict[str, Any]:
    """A resource with as many levels of arrays and objects as a body may have: 100."""
    extension: dict[str, Any] = {"url": "urn:x", "valueAddress": {"city": "x"}}
    for _ in range(48):
        extension = {"url": "urn:x", "extension": [extension]}
    return {"resourceType": "Patient", "id": "deep", "extension": [extension]}


DEEP = ["Patient/deep?", "Patient?_id=deep", "Patient?_id=deep&_elements=extension", "Patient?_id=deep&_summary=data",
        "Patient/deep/_history?", "_history?_count=1", "Patient/deep/$everything?"]  # fmt: skip


@pytest.mark.parametrize("accept", ["application/fhir+xml", "application/fhir+json"])
@pytest.mark.parametrize("pretty", ["true", "false"])
async def test_what_was_accepted_can_be_shown_however_deep_it_stands(
    client: httpx.AsyncClient, accept: str, pretty: str
) -> None:
    client.headers["Accept"] = accept
    written = await client.put(f"Patient/deep?_pretty={pretty}", json=deepest(), headers={"Content-Type": JSON})
    assert written.status_code in (200, 201), written.text
    for asked in DEEP:
        answer = await client.get(f"{asked}&_pretty={pretty}")
        assert answer.status_code == 200, answer.text
        assert "valueAddress" in answer.text, asked
    requests = [{"request": {"method": "GET", "url": asked.removesuffix("?")}} for asked in DEEP]
    batch = {"resourceType": "Bundle", "type": "batch", "entry": requests}
    answer = await client.post(f"?_pretty={pretty}", json=batch, headers={"Content-Type": JSON})
    assert answer.status_code == 200, answer.text
    assert answer.text.count("valueAddress") == len(DEEP) * (2 if "xml" in accept else 1)
