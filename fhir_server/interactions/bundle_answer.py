"""The answer to a batch or transaction, joined from texts: https://hl7.org/fhir/R4/http.html#transaction-response.

Rule: a stored resource is copied into the answer as it is, never decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from fhir_server.interactions.bundle_entries import WRITES
from fhir_server.model import Content, FhirRequest, FhirResponse, Interaction
from resources import json_codec
from resources.outcome import FhirError, PayloadTooLarge, operation_outcome

ANSWER_BYTES = 64 * 1024 * 1024
"""Most text of resources in one answer; whoever needs more asks for it in several requests."""


@dataclass(slots=True)
class Budget:
    """What is left of an answer's size, in bytes; `is_spent` when something had to be left out."""

    left: int = ANSWER_BYTES
    is_spent: bool = False

    def check(self) -> None:
        """Raises PayloadTooLarge when it is spent: what would be left out need not be looked up."""
        if self.is_spent:
            self.take(self.left + 1)

    def take(self, size: int) -> None:
        """Use some of it. Raises PayloadTooLarge where there is not enough; then nothing is used."""
        if size > self.left:
            self.is_spent = True
            raise PayloadTooLarge(
                f"The answers to the Bundle's requests exceed {ANSWER_BYTES >> 20} MiB together. "
                "What this entry asked for was left out: ask for it in a request of its own.",
                code="too-costly",
            )
        self.left -= size


async def entry_text(request: FhirRequest, response: FhirResponse, budget: Budget) -> bytes:
    """The entry that tells what became of a request: its resource or outcome, status, location, version."""
    try:
        text = taken(response, budget) if response.stream is None else await streamed(response.stream, budget)
    except FhirError as error:
        if request.interaction not in WRITES or response.status >= 400:
            return failure_text(error)
        text = None  # it was written, and that must be said; what it looks like can be read
    if request.method == "HEAD":
        text = None
    is_outcome = response.status >= 400 or (
        request.interaction in WRITES
        and (request.prefer.returns == "OperationOutcome" or request.interaction is Interaction.DELETE)
    )
    head = response_head(response)
    if text is None:
        return b"".join((b'{"response":', head, b"}"))
    if is_outcome:
        return b"".join((b'{"response":', head[:-1], b',"outcome":', text, b"}}"))
    full_url = full_url_of(request, response)
    shown = b"".join((b'{"fullUrl":', json_codec.encode(full_url), b',"resource":')) if full_url else b'{"resource":'
    return b"".join((shown, text, b',"response":', head, b"}"))


def taken(response: FhirResponse, budget: Budget) -> bytes | None:
    """The text of a response. Raises PayloadTooLarge."""
    if response.text is not None:
        budget.take(len(response.text))
    return response.text


async def streamed(content: Content, budget: Budget) -> bytes:
    """The text of a response that streams. Raises PayloadTooLarge."""
    chunks = []
    async for chunk in content.chunks:
        budget.take(len(chunk))
        chunks.append(chunk)
    return b"".join(chunks)


def full_url_of(request: FhirRequest, response: FhirResponse) -> str | None:
    """Where the resource in the answer is found; None for one that has no address, as a searchset."""
    if response.location is not None:
        return response.location.partition("/_history/")[0]
    if request.interaction in (Interaction.READ, Interaction.VREAD):
        return f"{request.base_url}/{request.type}/{request.id}"
    return None


def response_head(response: FhirResponse) -> bytes:
    """Bundle.entry.response without outcome."""
    head: dict[str, Any] = {"status": status_text(response.status)}
    if response.location is not None:
        head["location"] = response.location
    if response.version is not None:
        head["etag"] = f'W/"{response.version}"'
    if response.last_modified is not None:
        head["lastModified"] = response.last_modified.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return json_codec.encode(head)


@cache
def status_text(status: int) -> str:
    """`201 Created`."""
    return f"{status} {HTTPStatus(status).phrase}"


def refusal_text(error: FhirError, budget: Budget) -> bytes:
    """The entry of a request that could not be understood; where the answer is too large already, without its words."""
    text = failure_text(error)
    try:
        budget.take(len(text))
    except PayloadTooLarge as full:
        return failure_text(full)
    return text


def failure_text(error: FhirError) -> bytes:
    """The entry that tells of an error."""
    return json_codec.encode(
        {"response": {"status": status_text(error.status), "outcome": operation_outcome(error.issues)}}
    )


def response(type_: str, entries: Sequence[bytes]) -> FhirResponse:
    """200 with the Bundle of these entries."""
    head = b'{"resourceType":"Bundle","type":"' + type_.encode() + b'"'
    if not entries:
        return FhirResponse(200, text=head + b"}")
    return FhirResponse(200, text=b"".join((head, b',"entry":[', b",".join(entries), b"]}")))
