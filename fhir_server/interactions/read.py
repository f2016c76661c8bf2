"""read and vread: https://hl7.org/fhir/R4/http.html#read, #vread, #cread."""

from __future__ import annotations

from fhir_server.access.limits import Access
from fhir_server.interactions import binary
from fhir_server.interactions.server import Server
from fhir_server.model import FhirRequest, FhirResponse, Preconditions, Version
from fhir_server.store import reader
from resources.outcome import BadRequest, Gone, NotFound


async def read(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """The current version. Raises NotFound, Gone."""
    refuse_parameters(request)
    version = await reader.read(access, server.database, str(request.type), str(request.id))
    return await answer(server, access, request, found(version, request))


async def vread(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """One version, also a superseded one. Raises NotFound, and Gone where that version is the deletion."""
    refuse_parameters(request)
    number = str(request.version_id)
    version = None
    if number.isascii() and number.isdigit() and len(number) < 10 and not number.startswith("0"):
        version = await reader.vread(access, server.database, str(request.type), str(request.id), int(number))
    return await answer(server, access, request, found(version, request))


def found(version: Version | None, request: FhirRequest) -> Version:
    """The version if it can be shown. Raises NotFound, Gone."""
    name = f"{request.type}/{request.id}" + (f"/_history/{request.version_id}" if request.version_id else "")
    if version is None:
        raise NotFound(f"{name} is not known.")
    if version.deleted:
        raise Gone(f"{name} was deleted.", headers=(("ETag", f'W/"{version.version}"'),))
    return version


async def answer(server: Server, access: Access, request: FhirRequest, version: Version) -> FhirResponse:
    """200 with the resource, or 304 where the client has it already."""
    if is_fresh(request.when, version):
        return FhirResponse(304, version=version.version, last_modified=version.last_updated)
    if request.type == "Binary":
        return await binary.answer(server, access, request, version)
    return FhirResponse(200, text=version.text, version=version.version, last_modified=version.last_updated)


def is_fresh(when: Preconditions, version: Version) -> bool:
    """Whether the client's copy is this version. If-None-Match goes before If-Modified-Since (RFC 9110 §13.2.2)."""
    if when.if_none_match:
        return not {"*", str(version.version)}.isdisjoint(when.if_none_match)
    if when.if_modified_since is not None:
        return version.last_updated.replace(microsecond=0) <= when.if_modified_since
    return False


def refuse_parameters(request: FhirRequest) -> None:
    """A read takes no parameters: one that we do not know might have been meant to hide something."""
    if request.query:
        names = ", ".join(sorted({name for name, _ in request.query}))
        raise BadRequest(f"A read takes no parameters but _format and _pretty; found: {names}.", code="not-supported")
