"""`$meta`, `$meta-add`, `$meta-delete`: profiles, security labels and tags.

See https://hl7.org/fhir/R4/resource-operation-meta.html, -meta-add.html, -meta-delete.html. A change of meta is a
version like any other: the record of who labelled what must not be rewritten.
"""

from __future__ import annotations

from collections.abc import Callable

from fhir_server.access.limits import Access
from fhir_server.interactions.read import found
from fhir_server.interactions.server import Operation, Server
from fhir_server.interactions.writing import Step, carry_out, check_preconditions
from fhir_server.model import Change, FhirRequest, FhirResponse, Json, Version
from fhir_server.operations import parameters
from fhir_server.store import labels, reader
from resources import json_codec
from resources.outcome import BadRequest

LISTS = ("profile", "security", "tag")
DEFINITION = "http://hl7.org/fhir/OperationDefinition/Resource-meta"


async def meta(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """The meta of one resource; at type and system level, the profiles, labels and tags in use."""
    if request.id is None:
        in_use = await labels.in_use(access, server.database, request.type)
        value = {name: values for name, values in in_use.items() if values}
        return FhirResponse(200, text=json_codec.encode(parameters.returned("return", "valueMeta", value)))
    version = found(await reader.read(access, server.database, str(request.type), request.id), request)
    return answered(version)


async def meta_add(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """Add profiles, labels and tags that are not there yet."""
    return await changed(server, access, request, add)


async def meta_delete(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """Remove profiles, labels and tags; those that are not there are ignored."""
    return await changed(server, access, request, remove)


async def changed(
    server: Server, access: Access, request: FhirRequest, combine: Callable[[list[object], list[object]], list[object]]
) -> FhirResponse:
    """Write the meta that `combine(present, given)` makes of each list."""
    given: Json | None = parameters.one(parameters.given(request), "meta", "valueMeta")
    if given is None:
        raise BadRequest(f"${request.operation} needs a parameter meta (valueMeta).", code="required")
    wanted = given

    async def prepare(server: Server, access: Access, request: FhirRequest) -> Step:
        current = found(await reader.read(access, server.database, str(request.type), str(request.id)), request)
        check_preconditions(request.when, current, current.key)
        resource = json_codec.decode_own(current.text or b"")
        before = resource.get("meta", {})
        after = before | {name: combine(before.get(name, []), wanted.get(name, [])) for name in LISTS}
        after = {name: value for name, value in after.items() if value}
        if after == before:
            return Step(None, current=current)
        change = Change("PUT", current.type, current.id, current, resource | {"meta": after}, blob=current.blob)
        return Step(change, current=current)

    await carry_out(server, access, request, prepare)
    version = found(await reader.read(access, server.database, str(request.type), str(request.id)), request)
    return answered(version)


def answered(version: Version) -> FhirResponse:
    """The meta of a version as the operation returns it."""
    value = json_codec.decode_own(version.text or b"").get("meta", {})
    text = json_codec.encode(parameters.returned("return", "valueMeta", value))
    return FhirResponse(200, text=text, version=version.version, last_modified=version.last_updated)


def identity(value: object) -> object:
    """What makes two labels the same: a Coding's system and code, a profile's url."""
    return (value.get("system"), value.get("code")) if isinstance(value, dict) else value


def add(present: list[object], given: list[object]) -> list[object]:
    """Those present and, after them, those given that are new."""
    known = {identity(value) for value in present}
    fresh = {identity(value): value for value in given if identity(value) not in known}
    return [*present, *fresh.values()]


def remove(present: list[object], given: list[object]) -> list[object]:
    """Those present that are not given."""
    unwanted = {identity(value) for value in given}
    return [value for value in present if identity(value) not in unwanted]


META = Operation(
    "meta",
    frozenset({"system", "type", "instance"}),
    reads=True,
    definition=DEFINITION,
    summary="The profiles, security labels and tags of a resource, or those in use",
    run=meta,
)
META_ADD = Operation(
    "meta-add",
    frozenset({"instance"}),
    reads=False,
    definition=f"{DEFINITION}-add",
    summary="Adds profiles, security labels and tags to a resource",
    run=meta_add,
)
META_DELETE = Operation(
    "meta-delete",
    frozenset({"instance"}),
    reads=False,
    definition=f"{DEFINITION}-delete",
    summary="Removes profiles, security labels and tags from a resource",
    run=meta_delete,
)
