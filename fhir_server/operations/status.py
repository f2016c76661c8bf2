"""`$status`: how far the search parameters are that are defined on this server, and the entries of all resources.

On SearchParameter and on one of them; an operation of this server's own. See docs/operations.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir_server.access.limits import Access
from fhir_server.interactions.read import found
from fhir_server.interactions.server import Operation, Server
from fhir_server.model import FhirRequest, FhirResponse, Json
from fhir_server.search import declarations
from fhir_server.search.declarations import TYPE
from fhir_server.search.life import Life
from fhir_server.store import lives, reader
from fhir_server.store.lives import Stored
from resources import instants, json_codec

AS_HL7S: Final = "hl7"
"""The state of a SearchParameter that says no more than HL7 does."""
NOT_ACTIVE: Final = "not active"


async def status(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """A Parameters resource: `parameter` for each search parameter, `upgrade` for each type that has to wait for one.

    Raises NotFound, Unavailable.
    """
    stored = await lives.load(access, server.database)
    if request.id is not None:
        described = [await _one(server, access, request, stored)]
    else:
        described = [_parameter(stored, life) for life in stored.lives]
        described += _upgrades(server, stored)
    body: Json = {"resourceType": "Parameters"}
    if described:
        body["parameter"] = described
    return FhirResponse(200, text=json_codec.encode(body))


async def _one(server: Server, access: Access, request: FhirRequest, stored: Stored) -> Json:
    version = found(await reader.read(access, server.database, TYPE, str(request.id)), request)
    life = next((life for life in stored.lives if life.id == version.id), None)
    if life is not None and life.version == version.version:
        return _parameter(stored, life)
    resource = json_codec.decode_own(version.text or b"")
    if declarations.is_in_force(resource):
        state = "declared"  # so new that it has not been seen yet
    else:
        state = NOT_ACTIVE if resource["status"] != "active" else AS_HL7S
    facts = {"url": resource["url"], "code": resource["code"], "version": str(version.version)}
    return {"name": "parameter", "part": [_text("state", state), *(_text(*fact) for fact in facts.items())]}


def _parameter(stored: Stored, life: Life) -> Json:
    return {"name": "parameter", "part": list(_parts(stored, life))}


def _parts(stored: Stored, life: Life) -> Iterator[Json]:
    definition = life.definition
    yield _text("state", life.state)
    if life.reason:
        yield _text("reason", life.reason)
    yield _text("progress", stored.progress(life))
    yield {"name": "since", "valueInstant": instants.instant_text(life.changed)}
    yield {"name": "definition", "valueReference": {"reference": f"{TYPE}/{life.id}/_history/{life.version}"}}
    yield {"name": "url", "valueUri": definition.url}
    yield _text("code", definition.code)
    yield _text("type", definition.type)
    yield from (_text("base", base) for base in definition.base)
    yield {"name": "reindexed", "valueInteger": stored.done(life)}
    yield {"name": "total", "valueInteger": max(life.total, stored.done(life))}
    yield {"name": "verified", "valueInteger": life.sampled}


def _upgrades(server: Server, stored: Stored) -> Iterator[Json]:
    outdated = stored.outdated(lives.form(server.search_parameters.base))
    for type_, how_far in outdated.items():
        yield {"name": "upgrade", "part": [_text("type", type_), _text("progress", how_far)]}


def _text(name: str, value: str) -> Json:
    return {"name": name, "valueString": value}


STATUS = Operation(
    "status",
    frozenset({"type", "instance"}),
    reads=True,
    definition="http://fhir-server.example/OperationDefinition/SearchParameter-status",
    summary="How far search parameters are that are defined here: declared, indexing, verified, searchable",
    run=status,
    types=frozenset({TYPE}),
)
