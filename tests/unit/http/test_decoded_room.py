"""Bodies that are large once decoded share room, however small they came; all others need none."""

import gzip
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from fhir_server.http import parse
from fhir_server.http.headers import Headers
from fhir_server.model import FhirRequest
from fhir_server.room import Room, Share
from fhir_server.settings import Settings
from fhir_server.threads import Threads
from resources import json_codec, xml_codec
from resources.outcome import Unavailable

MIB = 1024 * 1024
SETTINGS = Settings(mongodb_uri="mongodb://127.0.0.1:9/", body_timeout_seconds=0.05)
SCOPE = {"method": "POST", "raw_path": b"/fhir/Basic", "query_string": b""}
JSON = b'{"resourceType":"Basic","extension":[%s]}'
XML = b'<Basic xmlns="http://hl7.org/fhir">%s</Basic>'


def bringing(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def basic(extensions: int, kind: bytes = b"json") -> bytes:
    if kind == b"xml":
        return XML % (b'<extension url="a"/>' * extensions)
    return JSON % b",".join([b'{"url":"a"}'] * extensions)


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads()
    yield made
    made.close()


@pytest.mark.parametrize("coding", [b"identity", b"gzip"])
@pytest.mark.parametrize("kind", [b"json", b"xml"])
async def test_who_finds_no_room_for_what_it_decodes_to_waits(threads: Threads, kind: bytes, coding: bytes) -> None:
    bodies, decoded = Room(MIB), Room(20 * MIB)
    headers: Headers = {
        b"content-type": b"application/fhir+" + kind,
        b"content-encoding": coding,
        b"content-length": b"1",
    }

    async def ask(extensions: int, share: Share) -> FhirRequest:
        body = basic(extensions, kind)
        body = gzip.compress(body) if coding == b"gzip" else body
        means = parse.Means(threads, Share(bodies), share)
        return (await parse.parse(SCOPE, headers, bringing(body), SETTINGS, "id", means))[0]

    first, second = Share(decoded), Share(decoded)
    await ask(45_000, first)
    assert bodies.free == MIB
    assert decoded.free < 10 * MIB
    with pytest.raises(Unavailable):
        await ask(45_000, second)
    assert len((await ask(1_000, second)).body["extension"]) == 1_000
    first.release()
    assert decoded.free == 20 * MIB
    await ask(45_000, second)
    await ask(48_000, Share(Room(5)))  # the largest has all of it, and is not refused


TEXTS = {
    "small objects": basic(30_000),
    "objects": JSON % b",".join([b'{"url":"http://a.example","valueString":"%d"}' % each for each in range(20_000)]),
    "arrays": JSON % b",".join([b"[1]"] * 60_000),
    "texts": JSON % b",".join([b'"%d"' % each for each in range(60_000)]),
    "names": b"{%s}" % b",".join([b'"%d":1' % each for each in range(60_000)]),
    "one text": JSON % (b'"' + b"a" * 500_000 + b'"'),
    "one text of any characters": JSON % ('"😀' + "a" * 500_000 + '"').encode(),
}
DOCUMENTS = {
    "small elements": basic(30_000, b"xml"),
    "elements": XML % (b'<extension url="http://a.example"><valueString value="abc"/></extension>' * 15_000),
}


def taken(decode: Callable[[bytes], Any], raw: bytes) -> int:
    tracemalloc.start()
    try:
        decoded = decode(raw)
        return tracemalloc.get_traced_memory()[0] if decoded else 0
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_takes_about_the_memory_that_it_is_weighed_at(name: str) -> None:
    held = taken(json_codec.decode, TEXTS[name])
    assert 0.6 * held <= json_codec.weight(TEXTS[name]) <= 6 * held


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_takes_about_the_memory_that_it_is_weighed_at(name: str) -> None:
    held = taken(xml_codec.decode, DOCUMENTS[name])
    assert 0.6 * held <= xml_codec.weight(DOCUMENTS[name]) <= 6 * held


def test_what_is_not_weighed_needs_no_room() -> None:
    assert json_codec.weight(b"{}," * (parse.WEIGHED_FROM // 3)) <= Share.FREE
    assert xml_codec.weight(b"<a/>" * (parse.WEIGHED_FROM // 4)) <= Share.FREE
