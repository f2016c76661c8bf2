"""delete and conditional delete, of one or of many: https://hl7.org/fhir/R4/http.html#delete, #3.1.0.7.1."""

from __future__ import annotations

from fhir_server.access.limits import Access
from fhir_server.interactions import conditional, retries
from fhir_server.interactions.server import Server
from fhir_server.interactions.writing import Step, carry_out, check_preconditions
from fhir_server.model import Change, Commit, FhirRequest, FhirResponse, Version
from resources import json_codec
from resources.outcome import Issue, PreconditionFailed, operation_outcome

MANY = 1000
"""Most resources that one conditional delete removes; it is one transaction."""
TRIES = 8
FIRST_PAUSE_SECONDS = 0.005


async def delete(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """204, also for what is not there. Raises PreconditionFailed, Conflict (referential integrity)."""
    if request.id is None and server.settings.conditional_delete_multiple:
        return await delete_many(server, access, request)
    return await carry_out(server, access, request, prepare)


async def prepare(server: Server, access: Access, request: FhirRequest) -> Step:
    """The step of a delete: reads what is to be deleted, or finds it by the criteria."""
    if request.id is not None:
        current = await server.lookup.read(access, str(request.type), request.id)
        return step(request, current)
    match = await conditional.find(server, access, str(request.type), request.query)
    return step(request, match.version)


def step(request: FhirRequest, current: Version | None) -> Step:
    """Delete `current`; nothing to do where there is none. Raises PreconditionFailed."""
    named = current.key if current else request.type if request.id is None else f"{request.type}/{request.id}"
    check_preconditions(request.when, current, str(named))
    if current is None or current.deleted:
        return Step(None, current=current)
    return Step(Change("DELETE", current.type, current.id, current, None), current=current)


async def delete_many(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """Delete all that match, in one transaction. Raises PreconditionFailed as `steps` does."""

    async def attempt() -> FhirResponse:
        changes = tuple(step.change for step in await steps(server, access, request) if step.change)
        if not changes:
            return FhirResponse(204)
        await server.committer.commit(access, Commit(changes))
        told = Issue("information", "informational", f"{len(changes)} {request.type} resources were deleted.")
        return FhirResponse(200, text=json_codec.encode(operation_outcome([told])))

    return await retries.until_undisturbed(
        attempt, "the matching resources", tries=TRIES, first_pause=FIRST_PAUSE_SECONDS
    )


async def steps(server: Server, access: Access, request: FhirRequest) -> tuple[Step, ...]:
    """The steps of a conditional delete of many. If-Match and its like speak of one resource, so they are for one match
    at most.

    Raises PreconditionFailed, also when they are more than `MANY`.
    """
    versions = await conditional.find_all(server, access, str(request.type), request.query, MANY)
    when = request.when
    if when.if_match or when.if_none_match or when.if_unmodified_since is not None:
        if len(versions) > 1:
            raise PreconditionFailed(
                "If-Match, If-None-Match and If-Unmodified-Since speak of one resource, but the criteria match "
                f"{len(versions)} of {request.type}.",
                code="multiple-matches",
            )
        return (step(request, versions[0] if versions else None),)
    return tuple(step(request, version) for version in versions)
