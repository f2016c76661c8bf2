"""HL7's official examples into the server and out again, in JSON and in XML: exactly, but for what R4 forbids."""

from __future__ import annotations

import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from resources import json_codec, xml_codec
from resources.references import ID
from tests.api.conftest import running
from tests.long.test_example_codecs import digits

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

JSON = {"Content-Type": "application/fhir+json"}
XML = {"Content-Type": "application/fhir+xml", "Accept": "application/fhir+xml"}
REFUSED = {
    refused["file"]
    for refused in tomllib.loads((Path(__file__).parent / "examples_refused.toml").read_text())["refused"]
}
STAMPS = ("versionId", "lastUpdated")


@pytest.fixture(scope="module")
def base_url(mongo_uri: str) -> Iterator[str]:
    """A server that takes the largest example, of 17 MB, too."""
    database = f"test_{uuid.uuid4().hex}"
    with running(mongo_uri, database) as url:
        yield url
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        client.drop_database(database)


def unstamped(resource: Any) -> Any:
    """Without what the server writes into meta, and without the id."""
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in STAMPS}
    rest = {name: value for name, value in resource.items() if name not in ("meta", "id")}
    return rest | {"meta": meta} if meta else rest


def examples(directory: Path) -> list[Path]:
    return [path for path in sorted(directory.glob("*.json")) if path.name != "package.json"]


def test_examples_come_back_exactly(official_examples: Path, base_url: str) -> None:
    """Those over the limit of 12 MB are told so; those that R4 forbids are refused."""
    problems, kept = [], 0
    with httpx.Client(timeout=120) as client:
        for path in examples(official_examples):
            raw = path.read_bytes()
            resource = json_codec.decode(raw)
            type_, id_ = resource["resourceType"], resource.get("id")
            if id_ is not None and ID.fullmatch(id_):
                answer = client.put(f"{base_url}/{type_}/{id_}", content=raw, headers=JSON)
            else:
                answer = client.post(f"{base_url}/{type_}", content=raw, headers=JSON)
            if len(raw) > 12 * 1024 * 1024:
                expected = {413}
            elif path.name in REFUSED:
                expected = {422}
            else:
                expected = {200, 201}
            if answer.status_code not in expected:
                problems.append(f"{path.name}: {answer.status_code} {answer.text[:300]}")
                continue
            if answer.status_code not in (200, 201):
                continue
            kept += 1
            problems += differences(client, path.name, raw, answer)
    assert problems == []
    assert kept >= 5306 - len(REFUSED) - 2


def differences(client: httpx.Client, name: str, raw: bytes, answer: httpx.Response) -> Iterator[str]:
    """What is not as it was, read as JSON and as XML."""
    where = answer.headers.get("Location") or answer.headers["Content-Location"]
    path = where.partition("/_history")[0]
    read = client.get(path, headers={"Accept": "application/fhir+json"})
    if unstamped(digits(read.content)) != unstamped(digits(raw)):
        yield f"{name} differs in JSON"
    xml = client.get(path, headers={"Accept": "application/fhir+xml"})
    if xml.status_code != 200:
        yield f"{name} cannot be had in XML: {xml.status_code} {xml.text[:300]}"
        return
    back = json_codec.encode_sorted(unstamped(xml_codec.decode(xml.content)))
    if back != json_codec.encode_sorted(unstamped(json_codec.decode(raw))):
        yield f"{name} differs in XML"
    again = client.put(path, content=xml.content, headers=XML)
    if again.headers.get("ETag") != answer.headers["ETag"]:
        yield f"{name}: its own XML put back is taken for a change: {again.status_code} {again.text[:300]}"
