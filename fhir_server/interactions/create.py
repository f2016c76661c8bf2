"""create and conditional create: https://hl7.org/fhir/R4/http.html#create, #ccreate."""

from __future__ import annotations

from functools import partial

from fhir_server.access.limits import Access
from fhir_server.interactions import binary, conditional
from fhir_server.interactions.server import Server
from fhir_server.interactions.writing import Step, carry_out, check_body
from fhir_server.model import Change, FhirRequest, FhirResponse, Json
from resources import subsets, validation


async def create(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """201 with Location; 200 where If-None-Exist found one. Raises Unprocessable, PreconditionFailed."""
    if request.content is not None:
        return await binary.store(server, access, request, prepare)
    return await carry_out(server, access, request, prepare)


async def prepare(server: Server, access: Access, request: FhirRequest) -> Step:
    """The step of a create; looks for an existing resource when If-None-Exist is given."""
    check_body(request)
    criteria = request.when.if_none_exist
    sized = server.threads.sized
    if criteria is None:
        return await sized(request.body_bytes, step, str(request.type), request.body, server.new_id())
    match = await conditional.find(server, access, str(request.type), criteria, header="If-None-Exist")
    if match.version is not None:
        return Step(None, current=match.version)
    made = await sized(request.body_bytes, step, str(request.type), request.body, server.new_id())
    return Step(made.change, conditions=(match.condition,), created=True)


def step(type_: str, body: Json, id_: str) -> Step:
    """A new resource of `type_` under `id_`; an id in the body is not used (the specification says so)."""
    check(type_, body)
    return Step(Change("POST", type_, id_, None, with_id(body, id_)), created=True)


def late_step(type_: str, body: Json, id_: str) -> Step:
    """As `step`, but the commit checks the body, whose resourceType has been compared: one of many is quicker so."""
    if not isinstance(body.get("meta", {}), dict):
        return step(type_, body, id_)
    change = Change("POST", type_, id_, None, with_id(body, id_), check=partial(check, type_, body))
    return Step(change, created=True)


def check(type_: str, body: Json) -> None:
    """Raises Unprocessable for what cannot be stored as a resource of `type_`."""
    validation.check(body, type_)
    subsets.check_whole(body)


def with_id(resource: Json, id_: str) -> Json:
    """The resource with this id, placed right behind resourceType."""
    copy = {"resourceType": resource["resourceType"], "id": id_, **resource}
    copy["id"] = id_
    return copy
