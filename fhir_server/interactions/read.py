"""read and vread: https://hl7.org/fhir/R4/http.html#read, #vread, #cread."""

from __future__ import annotations

from dataclasses import replace

from fhir_server.access.limits import Access
from fhir_server.interactions import binary, subsetting
from fhir_server.interactions.server import Server
from fhir_server.interactions.writing import check_preconditions
from fhir_server.model import FhirRequest, FhirResponse, Preconditions, Version
from fhir_server.store import reader
from resources.outcome import BadRequest, Gone, NotFound
from resources.subsets import Subset


async def read(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """The current version, or a part of it. Raises NotFound, Gone, BadRequest."""
    subset = wanted(request)
    version = await reader.read(access, server.database, str(request.type), str(request.id))
    return await answer(server, access, request, found(version, request), subset)


async def vread(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """One version, also a superseded one, or a part of it. Raises NotFound, BadRequest, and Gone where that version is
    the deletion."""
    subset = wanted(request)
    number = str(request.version_id)
    version = None
    if number.isascii() and number.isdigit() and len(number) < 10 and not number.startswith("0"):
        version = await reader.vread(access, server.database, str(request.type), str(request.id), int(number))
    return await answer(server, access, request, found(version, request), subset)


def found(version: Version | None, request: FhirRequest) -> Version:
    """The version if it can be shown. Raises NotFound, Gone."""
    name = f"{request.type}/{request.id}" + (f"/_history/{request.version_id}" if request.version_id else "")
    if version is None:
        raise NotFound(f"{name} is not known.")
    if version.deleted:
        raise Gone(f"{name} was deleted.", headers=(("ETag", f'W/"{version.version}"'),))
    return version


async def answer(
    server: Server, access: Access, request: FhirRequest, version: Version, subset: Subset | None
) -> FhirResponse:
    """200 with the resource or the part of it that is wanted, or 304 where the client has it already. Raises
    PreconditionFailed where it asks for another version."""
    when = request.when
    if when.if_match or when.if_unmodified_since is not None:
        check_preconditions(replace(when, if_none_match=()), version, version.key)
    if is_fresh(when, version):
        return FhirResponse(304, version=version.version, last_modified=version.last_updated)
    if subset is None and request.type == "Binary":
        return await binary.answer(server, access, request, version)
    text = version.text
    if subset is not None:
        text = await server.threads.sized(len(text or b""), subsetting.texts, subset, version)
    return FhirResponse(200, text=text, version=version.version, last_modified=version.last_updated)


def is_fresh(when: Preconditions, version: Version) -> bool:
    """Whether the client's copy is this version. If-None-Match goes before If-Modified-Since (RFC 9110 §13.2.2)."""
    if when.if_none_match:
        return not {"*", str(version.version)}.isdisjoint(when.if_none_match)
    if when.if_modified_since is not None:
        return version.last_updated.replace(microsecond=0) <= when.if_modified_since
    return False


def wanted(request: FhirRequest) -> Subset | None:
    """The part of the resource that the parameters ask for, None for all of it. Raises BadRequest, also for a parameter
    that we do not know: it might have been meant to hide something."""
    if not request.query:
        return None
    unknown = sorted({name for name, _ in request.query} - set(subsetting.PARAMETERS))
    if unknown:
        raise BadRequest(
            f"A read takes no parameters but _summary, _elements, _format and _pretty; found: {', '.join(unknown)}.",
            code="not-supported",
        )
    subset = subsetting.asked(request.query, request.type)
    if subset == "count":
        raise BadRequest("_summary=count is for searches and histories: a read has nothing to count.", code="value")
    if subset is not None and request.accept not in (binary.FHIR_JSON, binary.FHIR_XML):
        raise BadRequest(
            "A Binary in its own content type has no parts: ask for it as a resource too, with _format=json or xml.",
            code="not-supported",
        )
    return subset
