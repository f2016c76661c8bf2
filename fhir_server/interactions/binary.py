"""Binary in its own content type, both ways: https://hl7.org/fhir/R4/binary.html#rest.

Rule: up to `INLINE_BYTES` a Binary is stored like any resource, its content as base64 in the text; above, the content
streams to and from GridFS and never stands in memory whole.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace

from fhir_server.access.limits import Access
from fhir_server.interactions.server import Server
from fhir_server.interactions.writing import Prepare, Step, carry_out
from fhir_server.model import Content, FhirRequest, FhirResponse, Json, Version
from fhir_server.store import blobs
from fhir_server.store.blobs import Blob
from resources import json_codec, xml_codec
from resources.outcome import FhirError, Unavailable

INLINE_BYTES = 1024 * 1024
ENCODED_CHUNK = 3 * 64 * 1024
"""A multiple of three bytes encodes to base64 without padding, so that pieces can be joined."""
FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"
PLACE = "UExBQ0U="
"""Stands where the content will be; any base64 will do."""


async def store(server: Server, access: Access, request: FhirRequest, prepare: Prepare) -> FhirResponse:
    """Take the content in, then commit the resource as `prepare`, of create or update, makes it ready.

    A large content is uploaded first and removed again where the resource is refused, or nothing is to be written. What
    is left behind when nobody can tell, the sweep at the start removes.
    """
    assert request.content is not None, "only called with content"  # noqa: S101 - callers' contract
    head, rest = await split(request.content.chunks)
    resource = described(request.content, request.id)
    if rest is None:
        if head:
            resource["data"] = base64.b64encode(head).decode()
        return await carry_out(server, access, replace(request, body=resource), prepare)
    media = request.content.content_type
    blob = await blobs.put(access, server.database, joined(head, rest), content_type=media)
    is_named = False

    async def with_content(server: Server, access: Access, asked: FhirRequest) -> Step:
        nonlocal is_named
        made = await prepare_large(server, access, asked, resource, blob, prepare)
        is_named = made.change is not None
        return made

    try:
        response = await carry_out(server, access, request, with_content)
    except Unavailable:
        raise  # it may have been committed all the same: the sweep finds out
    except FhirError:
        await blobs.discard(access, server.database, blob.name)
        raise
    if not is_named:
        await blobs.discard(access, server.database, blob.name)
    return response


async def prepare_large(
    server: Server, access: Access, request: FhirRequest, resource: Json, blob: Blob, prepare: Prepare
) -> Step:
    """The step that writes `resource` with its content in `blob`; no change where the same is there already."""
    # The blob's name stands for the content, so that the new resource differs from any that is there.
    named = resource | {"data": base64.b64encode(blob.name.encode()).decode()}
    made = await prepare(server, access, replace(request, body=named))
    if made.change is None or made.change.after is None:
        return made
    after = {name: value for name, value in made.change.after.items() if name != "data"}
    current = made.change.before
    if current is not None and await is_same(server, access, current, after, blob):
        return Step(None, current=current)
    return replace(made, change=replace(made.change, after=after, blob=blob.name))


async def is_same(server: Server, access: Access, current: Version, after: Json, blob: Blob) -> bool:
    """Whether `current` says what `after` says, and has an equal content."""
    if current.text is None or current.blob is None:
        return False
    stored = json_codec.decode_own(current.text)
    meta = stored.pop("meta")
    if stored != after or not meta.keys() <= {"versionId", "lastUpdated"}:
        return False
    held = await blobs.find(access, server.database, current.blob)
    return (held.length, held.sha256) == (blob.length, blob.sha256)


def described(content: Content, id_: str | None) -> Json:
    """The Binary resource without its data."""
    resource: Json = {"resourceType": "Binary", "contentType": content.content_type}
    if id_ is not None:
        resource["id"] = id_
    if content.security_context is not None:
        resource["securityContext"] = {"reference": content.security_context}
    return resource


async def split(chunks: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes] | None]:
    """The content if it is small, else its beginning and the rest of it."""
    head = bytearray()
    async for chunk in chunks:
        head += chunk
        if len(head) > INLINE_BYTES:
            return bytes(head), chunks
    return bytes(head), None


async def joined(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The beginning, then the rest."""
    yield head
    async for chunk in rest:
        yield chunk


async def answer(server: Server, access: Access, request: FhirRequest, version: Version) -> FhirResponse:
    """The Binary as the client wants it: in its own content type, or as a FHIR resource. Raises Unavailable."""
    answered = FhirResponse(200, version=version.version, last_modified=version.last_updated)
    as_resource = request.accept in (FHIR_JSON, FHIR_XML)
    if as_resource and version.blob is None:
        return replace(answered, text=version.text)
    resource = json_codec.decode_own(version.text or b"")
    if version.blob is not None:
        length = (await blobs.find(access, server.database, version.blob)).length
        content = blobs.read(access, server.database, version.blob)
    else:
        data = base64.b64decode(resource.get("data", ""))
        length, content = len(data), once(data)
    if as_resource:
        before, after = enclosing(resource, request.accept)
        length = len(before) + (length + 2) // 3 * 4 + len(after)
        return replace(answered, stream=Content(request.accept, embedded(before, content, after), length=length))
    context = resource.get("securityContext", {}).get("reference")
    return replace(answered, stream=Content(resource["contentType"], content, context, length))


async def once(content: bytes) -> AsyncGenerator[bytes]:
    """The content as a stream of one piece."""
    yield content


def enclosing(resource: Json, accept: str) -> tuple[bytes, bytes]:
    """The text of the resource before and after the content in `data`."""
    encode = json_codec.encode if accept == FHIR_JSON else xml_codec.encode
    before, _, after = encode(resource | {"data": PLACE}).rpartition(PLACE.encode())
    return before, after


async def embedded(before: bytes, content: AsyncGenerator[bytes], after: bytes) -> AsyncGenerator[bytes]:
    """The content as base64 between the two, piece by piece."""
    yield before
    pending = bytearray()
    async with aclosing(content):
        async for chunk in content:
            pending += chunk
            whole = len(pending) - len(pending) % 3
            if whole >= ENCODED_CHUNK:
                yield base64.b64encode(pending[:whole])
                del pending[:whole]
    yield base64.b64encode(pending)
    yield after
