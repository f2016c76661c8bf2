"""patch: JSON Patch (RFC 6902) and FHIRPath Patch, https://hl7.org/fhir/R4/http.html#patch, /fhirpatch.html."""

from __future__ import annotations

from fhir_server.access.limits import Access
from fhir_server.interactions import conditional
from fhir_server.interactions.read import found
from fhir_server.interactions.server import Server
from fhir_server.interactions.update import is_unchanged
from fhir_server.interactions.writing import Step, carry_out, check_preconditions
from fhir_server.model import Change, FhirRequest, FhirResponse, Json, Version
from fhir_server.threads import HEAVY_BYTES
from resources import json_codec, patch_fhirpath, patch_json, validation
from resources.outcome import BadRequest, NotFound, Unprocessable

JSON_WORK = 500_000_000
FHIRPATH_WORK = 5_000_000
"""Most operations times bytes of the resource, about a second or two of work."""
JSON_SHARE = 50
"""Of the bytes of a resource, an operation of a JSON Patch costs as much as decoding this part of them."""


async def patch(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """200 with the patched resource. Raises NotFound, Gone, BadRequest, PreconditionFailed, Unprocessable."""
    return await carry_out(server, access, request, prepare)


async def prepare(server: Server, access: Access, request: FhirRequest) -> Step:
    """The step of a patch: reads what is to be patched, or finds it by the criteria."""
    if request.id is not None:
        return await stepped(server, request, await server.lookup.read(access, str(request.type), request.id))
    match = await conditional.find(server, access, str(request.type), request.query)
    if match.version is None:
        raise NotFound(f"No {request.type} matches the criteria, so there is nothing to patch.")
    return await stepped(server, request, match.version)


async def stepped(server: Server, request: FhirRequest, current: Version | None) -> Step:
    """The step of a patch; in a thread where it may be much work, so that others are answered meanwhile."""
    return await server.threads.sized(effort(request, current), step, request, current)


def effort(request: FhirRequest, current: Version | None) -> int:
    """About how many bytes a patch looks at: those of the patch and the resource, and, of the resource, again all for
    each step and comparison of a FHIRPath Patch, but few for an operation of a JSON Patch."""
    size = len(current.text or b"") if current is not None else 0
    if request.body_bytes + size >= HEAVY_BYTES:
        return request.body_bytes + size
    if isinstance(request.body, list):
        return request.body_bytes + size + len(request.body) * (size // JSON_SHARE)
    steps = sum(map(json_codec.encode(request.body).count, (b"path", b"=")))
    return request.body_bytes + size * (1 + steps)


def step(request: FhirRequest, current: Version | None) -> Step:
    """The patch applied to `current`. Raises what the codecs and the validation raise; Unprocessable for a patch that
    would change the resource's identity."""
    version = found(current, request)
    check_preconditions(request.when, version, version.key)
    if version.blob is not None:
        raise Unprocessable(f"{version.key} is too large to be patched: replace it by an update.")
    check_work(request.body, version)
    before: Json = json_codec.decode_own(version.text or b"")
    after = applied(before, request.body)
    if not isinstance(after, dict) or (after.get("resourceType"), after.get("id")) != (version.type, version.id):
        raise Unprocessable("A patch must leave resourceType and id as they are.", code="business-rule")
    validation.check(after, version.type)
    if is_unchanged(version, after):
        return Step(None, current=version)
    return Step(Change("PATCH", version.type, version.id, version, after), current=version)


def check_work(body: object, version: Version) -> None:
    """Each operation may walk the whole resource. Raises Unprocessable where all together would take too long."""
    operations = body if isinstance(body, list) else body.get("parameter") if isinstance(body, dict) else None
    most = JSON_WORK if isinstance(body, list) else FHIRPATH_WORK
    if isinstance(operations, list) and len(operations) > 1 and len(operations) * len(version.text or b"") > most:
        raise Unprocessable(
            f"{len(operations)} operations on a resource of {len(version.text or b''):,} bytes are too many for one "
            "patch. Send fewer at a time, or replace the resource by an update.",
            code="too-costly",
        )


def applied(document: Json, body: object) -> object:
    """The document after the patch: a list is a JSON Patch, a Parameters resource a FHIRPath Patch."""
    if isinstance(body, list):
        return patch_json.apply(document, body)
    if isinstance(body, dict) and body.get("resourceType") == "Parameters":
        validation.check(body, "Parameters")
        return patch_fhirpath.apply(document, body)
    raise BadRequest("A patch is a JSON Patch (an array of operations) or a Parameters resource (FHIRPath Patch).")
