"""update, update-as-create and conditional update: https://hl7.org/fhir/R4/http.html#update, #cond-update."""

from __future__ import annotations

from fhir_server.access.limits import Access
from fhir_server.interactions import address, binary, conditional
from fhir_server.interactions.create import with_id
from fhir_server.interactions.server import Server
from fhir_server.interactions.writing import Step, carry_out, check_body, check_preconditions
from fhir_server.model import Change, Condition, FhirRequest, FhirResponse, Json, Version
from fhir_server.store.encoding import stamped
from resources import json_codec, subsets, validation
from resources.outcome import BadRequest, PreconditionFailed


async def update(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """200, or 201 where there was none. Raises BadRequest, Unprocessable, PreconditionFailed."""
    if request.content is not None:
        return await binary.store(server, access, request, prepare)
    return await carry_out(server, access, request, prepare)


async def prepare(server: Server, access: Access, request: FhirRequest) -> Step:
    """The step of an update: reads what it replaces, or finds it by the criteria."""
    check_body(request)
    if request.id is not None:
        current = await server.lookup.read(access, str(request.type), request.id)
        return await server.threads.sized(request.body_bytes, step, request, current)
    match = await conditional.find(server, access, str(request.type), request.query)
    if match.version is not None:
        return await server.threads.sized(request.body_bytes, step, request, match.version)
    return await prepare_new(server, access, request, match.condition)


async def prepare_new(server: Server, access: Access, request: FhirRequest, condition: Condition) -> Step:
    """A conditional update that matched nothing creates: under the body's id if it has one, else under a new one."""
    wanted = request.body.get("id")
    if wanted is None:
        made = await server.threads.sized(request.body_bytes, step, request, None, server.new_id())
    else:
        current = await server.lookup.read(access, str(request.type), str(wanted))
        if current is not None and not current.deleted:
            raise PreconditionFailed(
                f"The criteria match nothing, but {request.type}/{wanted}, which the body names, exists."
            )
        made = await server.threads.sized(request.body_bytes, step, request, current, str(wanted))
    return Step(made.change, made.current, (condition,), made.created)


def step(request: FhirRequest, current: Version | None, id_: str | None = None) -> Step:
    """Replace `current` (None: nothing was ever there) by the body. The id is `id_`, else the url's, else `current`'s.

    Raises BadRequest where the body names another id, PreconditionFailed, Unprocessable.
    """
    name = id_ or request.id or (current.id if current else None)
    assert name is not None, "an update has a target"  # noqa: S101 - callers' contract
    body: Json = request.body
    check_id(request, body, name)
    check_preconditions(request.when, current, f"{request.type}/{name}")
    validation.check(body, str(request.type))
    subsets.check_whole(body)
    after = with_id(body, name)
    if current is not None and is_unchanged(current, after):
        return Step(None, current=current)
    return Step(
        Change(request.method, str(request.type), name, current, after),
        current=current,
        created=current is None or current.deleted,
    )


def check_id(request: FhirRequest, body: Json, name: str) -> None:
    """The id in the body is the resource's, and required where the url names one. Raises BadRequest."""
    address.check_reachable(name)
    given = body.get("id")
    if given is None and request.id is None:
        return
    if given != name:
        said = "has no id" if given is None else f"has the id {given}"
        raise BadRequest(
            f"The resource {said}, but it would be stored as {request.type}/{name}: the two must agree.",
            expression=f"{request.type}.id",
        )


def is_unchanged(current: Version, after: Json) -> bool:
    """Whether `after` says the same as the stored text, but for meta.versionId and meta.lastUpdated.

    Digits count (1.50 is not 1.5), the order of members does not.
    """
    if current.text is None or current.blob is not None:
        return False
    if len(json_codec.encode(stamped(after, current.version, current.updated))) != len(current.text):
        return False  # the same members in another order are as long
    return canonical(json_codec.decode_own(current.text)) == canonical(after)


def canonical(resource: Json) -> bytes:
    """The text of a resource without what the server stamps, in one order of members."""
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return json_codec.encode_sorted(rest | {"meta": meta} if meta else rest)
