"""`$validate`: would this resource be taken? https://hl7.org/fhir/R4/resource-operation-validate.html.

The answer is always an OperationOutcome with status 200; its issues say what a write would refuse.
"""

from __future__ import annotations

from fhir_server.access.limits import Access
from fhir_server.interactions.read import found
from fhir_server.interactions.server import Operation, Server
from fhir_server.model import FhirRequest, FhirResponse, Json
from fhir_server.operations import parameters
from fhir_server.store import reader
from resources import json_codec, validation
from resources.outcome import BadRequest, Issue, operation_outcome

MODES = ("create", "update", "delete")
SOME_RESOURCE = {"resourceType": "Basic", "code": {"text": "any"}}
BASE_PROFILE = "http://hl7.org/fhir/StructureDefinition/"


async def validate(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """Validate the resource given, or at instance level the stored one when none is given.

    Raises BadRequest for an unknown mode or when there is nothing to validate.
    """
    size = request.body_bytes
    resource, mode, profile = await server.threads.sized(request.body_bytes, asked, request)
    if mode is not None and mode not in MODES:
        raise BadRequest(f"The mode {mode} is not known; there are: {', '.join(MODES)}.", code="value")
    if request.id is not None and (resource is None or mode in ("update", "delete")):
        version = found(await reader.read(access, server.database, str(request.type), request.id), request)
        if resource is None:
            text = version.text or b""
            size = len(text)
            resource = await server.threads.sized(size, json_codec.decode, text)
    if mode == "delete":
        return outcome([deletable(server)])
    if resource is None:
        raise BadRequest("$validate needs a resource: as the body, or as the parameter resource.", code="required")
    found_wrong = await server.threads.sized(size, validation.validate, resource, type_=request.type)
    issues = [*found_wrong, *identity(request, resource, mode)]
    issues += unsupported(profile, str(request.type))
    return outcome(issues or [Issue("information", "informational", f"This {request.type} is valid.")])


def deletable(server: Server) -> Issue:
    """What is known of a deletion before it is tried."""
    words = "The resource can be deleted"
    if server.settings.referential_integrity_on_delete:
        words += ", unless another one refers to it when it is tried"
    return Issue("information", "informational", words + ".")


def asked(request: FhirRequest) -> tuple[Json | None, str | None, str | None]:
    """Resource, mode and profile, from the query, a Parameters resource, or a bare resource.

    Raises BadRequest for a query parameter that $validate does not take, Unprocessable for invalid Parameters.
    """
    query = dict(request.query)
    if unknown := sorted(query.keys() - {"mode", "profile"}):
        raise BadRequest(f"$validate takes mode and profile; {', '.join(unknown)} is not known.", code="not-supported")
    mode, profile = query.get("mode"), query.get("profile")
    body = request.body
    if isinstance(body, dict) and body.get("resourceType") == "Parameters" and request.type != "Parameters":
        validation.check(without_resources(body), "Parameters")
        given = body.get("parameter", [])
        mode = parameters.one(given, "mode", "valueCode") or mode
        profile = parameters.one(given, "profile", "valueUri") or profile
        return parameters.one(given, "resource", "resource"), mode, profile
    return body, mode, profile


def without_resources(body: Json) -> Json:
    """The Parameters with a valid resource in the place of each one given: what is to be validated may be anything."""
    parts = body.get("parameter")
    if not isinstance(parts, list):
        return body
    shells = [
        part | {"resource": SOME_RESOURCE} if isinstance(part, dict) and "resource" in part else part for part in parts
    ]
    return body | {"parameter": shells}


def identity(request: FhirRequest, resource: Json, mode: str | None) -> list[Issue]:
    """An update needs the id of what it updates."""
    if mode != "update" or not isinstance(resource, dict):
        return []
    given = resource.get("id")
    expression = f"{request.type}.id"
    if given is None:
        return [Issue("error", "required", "An update needs the id of the resource.", expression)]
    if request.id is not None and given != request.id:
        return [Issue("error", "value", f"The id {given} is not that of the address, {request.id}.", expression)]
    return []


def unsupported(profile: str | None, type_: str) -> list[Issue]:
    """Only the base definition is known; another profile is not silently passed."""
    if profile is None or profile.split("|")[0] == BASE_PROFILE + type_:
        return []
    return [
        Issue("error", "not-supported", f"The profile {profile} is not known here; validated against FHIR R4 itself.")
    ]


def outcome(issues: list[Issue]) -> FhirResponse:
    """200 with these issues."""
    return FhirResponse(200, text=json_codec.encode(operation_outcome(issues)))


VALIDATE = Operation(
    "validate",
    frozenset({"type", "instance"}),
    reads=True,
    definition="http://hl7.org/fhir/OperationDefinition/Resource-validate",
    summary="Says whether a resource would be taken, and why not",
    run=validate,
)
