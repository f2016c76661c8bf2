"""capabilities: the CapabilityStatement, derived from the tables that do the work.

Rule: nothing is claimed here that is not looked up in the server's interactions, operations or parameters.
See https://hl7.org/fhir/R4/http.html#capabilities and https://hl7.org/fhir/R4/capabilitystatement.html.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version

from fhir_server.access.limits import Access
from fhir_server.interactions.server import Server
from fhir_server.model import FhirRequest, FhirResponse, Interaction, Json
from fhir_server.search import includes
from resources import json_codec
from resources.compartments import COMPARTMENTS
from resources.outcome import BadRequest
from resources.parameters import ParameterSet
from resources.registry import RESOURCE_TYPES

RELEASED = "2026-11-24"
"""The day of this release: a statement changes with the software, not with the hour."""
COMPARTMENT_DEFINITION = "http://hl7.org/fhir/CompartmentDefinition"
TYPE_INTERACTIONS = (
    Interaction.READ,
    Interaction.VREAD,
    Interaction.UPDATE,
    Interaction.PATCH,
    Interaction.DELETE,
    Interaction.HISTORY_INSTANCE,
    Interaction.HISTORY_TYPE,
    Interaction.CREATE,
    Interaction.SEARCH_TYPE,
)


async def capabilities(server: Server, access: Access, request: FhirRequest) -> FhirResponse:  # noqa: ARG001
    """The statement of this server, the same for everybody. Raises BadRequest for another mode than full."""
    for name, value in request.query:
        if name != "mode" or value not in ("full", "normative"):
            raise BadRequest(f"metadata takes mode=full or mode=normative; found {name}.", code="not-supported")
    return FhirResponse(200, text=_text(server, server.parameters, request.base_url))


@lru_cache(maxsize=8)
def _text(server: Server, parameters: ParameterSet, base_url: str) -> bytes:  # noqa: ARG001 - it is what changes
    return json_codec.encode(statement(server, base_url))


def statement(server: Server, base_url: str) -> Json:
    """The CapabilityStatement resource."""
    return {
        "resourceType": "CapabilityStatement",
        "id": "fhir-server",
        "name": "FhirServer",
        "title": "FHIR R4 server",
        "status": "active",
        "date": RELEASED,
        "kind": "instance",
        "software": {"name": "fhir-server", "version": version("fhir-server")},
        "implementation": {"description": "FHIR R4 server", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json", "application/fhir+xml"],
        "rest": [rest(server)],
    }


def rest(server: Server) -> Json:
    """What the REST endpoint offers."""
    described: Json = {
        "mode": "server",
        "security": {
            "cors": False,
            "description": "Started with --open: no sign-in, on the loopback interface only.",
        },
        "resource": [resource(server, type_) for type_ in sorted(RESOURCE_TYPES)],
        "interaction": system_interactions(server),
        "compartment": [f"{COMPARTMENT_DEFINITION}/{compartment.lower()}" for compartment in sorted(COMPARTMENTS)],
    }
    if found := operations(server, "system", None):
        described["operation"] = found
    return described


def system_interactions(server: Server) -> list[Json]:
    """The interactions at the base URL."""
    codes = [
        code.value for code in (Interaction.HISTORY_SYSTEM, Interaction.SEARCH_SYSTEM) if code in server.interactions
    ]
    if Interaction.BUNDLE in server.interactions:
        codes += ["transaction", "batch"]
    return [{"code": code} for code in codes]


def resource(server: Server, type_: str) -> Json:
    """What can be done with one resource type."""
    settings = server.settings
    described: Json = {
        "type": type_,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{type_}",
        "interaction": [{"code": code.value} for code in TYPE_INTERACTIONS if code in server.interactions],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "multiple" if settings.conditional_delete_multiple else "single",
        "referencePolicy": ["literal", "logical", "local"]
        + (["enforced"] if settings.referential_integrity_on_write else []),
        "searchInclude": ["*", f"{type_}:*", *map(_name, includes.ways(server.parameters, type_))],
        "searchRevInclude": ["*", *map(_name, _referring(server, type_))],
        "searchParam": [
            {"name": parameter.code, "definition": parameter.url, "type": parameter.type}
            for parameter in server.parameters.searchable(type_)
        ],
    }
    if found := [*operations(server, "type", type_), *operations(server, "instance", type_)]:
        described["operation"] = list({each["name"]: each for each in found}.values())
    return described


def _name(way: includes.Way) -> str:
    return way.key.replace(".", ":")


def _referring(server: Server, type_: str) -> list[includes.Way]:
    """The parameters by which resources of any type may refer to one of `type_`."""
    every = (way for source in sorted(RESOURCE_TYPES) for way in includes.ways(server.parameters, source))
    return [way for way in every if type_ in way.targets]


def operations(server: Server, level: str, type_: str | None) -> list[Json]:
    """The operations that can be called at this level."""
    return [
        {"name": name, "definition": operation.definition, "documentation": operation.summary}
        for name, operation in sorted(server.operations.items())
        if operation.applies(level, type_)
    ]
