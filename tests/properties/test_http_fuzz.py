"""Whatever bytes come as a request: a request value, or a refusal in FHIR's words; never another exception."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.http import headers as reading
from fhir_server.http import negotiate, parse
from fhir_server.model import FhirRequest
from fhir_server.room import Room, Share
from fhir_server.settings import Settings
from fhir_server.threads import Threads
from resources.outcome import FhirError, NotAcceptable

PIECES = st.sampled_from(
    [b"Patient", b"Binary", b"_history", b"_search", b"$validate", b"metadata", b"1", b"", b"%", b"%00", b"%2F", b"%ff"]
)
TARGET = st.lists(PIECES | st.binary(max_size=4), max_size=6).map(b"/".join)
QUERY = st.lists(PIECES | st.sampled_from([b"_format=", b"_pretty=true", b"&", b"=", b"xml", b"+"]), max_size=6).map(
    b"".join
)
NAMES = st.sampled_from(
    [b"accept", b"accept-encoding", b"content-type", b"content-length", b"content-encoding", b"transfer-encoding",
     b"prefer", b"if-match", b"if-none-match", b"if-modified-since", b"if-none-exist", b"x-request-id"]
)  # fmt: skip
VALUES = st.binary(max_size=20) | st.sampled_from(
    [b"application/fhir+json", b"application/fhir+xml", b"text/html", b"*/*;q=x", b"gzip", b"chunked", b'W/"1"', b"-1",
     b"99", b"application/json-patch+json", b"application/x-www-form-urlencoded", b"application/pdf"]
)  # fmt: skip
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", ""])
BODIES = st.binary(max_size=30) | st.sampled_from(
    [b'{"resourceType":"Patient"}', b"[]", b"a=b&c", b"<Patient xmlns='http://hl7.org/fhir'/>", b"<!DOCTYPE a []>"]
)
SETTINGS = Settings(mongodb_uri="mongodb://127.0.0.1:9/")
MEANS = parse.Means(Threads(), Share(Room(1)), Share(Room(1)))


def bringing(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def parsed(scope: dict[str, Any], headers: reading.Headers, body: bytes) -> FhirRequest | FhirError:
    """The request, its content read to the end, or the refusal."""
    try:
        request, _ = await parse.parse(scope, headers, bringing(body), SETTINGS, "id", MEANS)
        if request.content is not None:
            async for _ in request.content.chunks:
                pass
    except FhirError as error:
        return error
    return request


@given(METHODS, TARGET, QUERY, st.lists(st.tuples(NAMES, VALUES), max_size=5), BODIES)
async def test_any_request(
    method: str, target: bytes, query: bytes, raw: list[tuple[bytes, bytes]], body: bytes
) -> None:
    scope = {"method": method, "raw_path": b"/fhir/" + target, "query_string": query}
    headers = reading.collect(raw)
    assert parse.for_error(scope, headers).format in negotiate.FORMATS.values()
    assert len(reading.request_id(headers)) in range(1, 65)
    answer = await parsed(scope, headers, body)
    if isinstance(answer, FhirError):
        assert answer.status in (400, 404, 405, 406, 413, 415)
        assert all(issue.diagnostics for issue in answer.issues)
    else:
        assert all("\0" not in name + value for name, value in answer.query)


@given(st.text(max_size=60))
def test_any_accept(accept: str) -> None:
    with contextlib.suppress(NotAcceptable):
        assert negotiate.from_accept(accept) in negotiate.FORMATS.values()
