"""The OpenAPI description of the service, made from its CapabilityStatement.

Rule: nothing is said here that the CapabilityStatement does not say, but for what it has no place for: the levels of an
operation, the result parameters, the types within a compartment; these come from the tables that do the work. What all
types share is written once, under `components`, and referred to.
See https://spec.openapis.org/oas/v3.1.0 and https://hl7.org/fhir/R4/http.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fhir_server.http.negotiate import FHIR_JSON, FHIR_XML, FORM, JSON_PATCH
from fhir_server.model import Json
from fhir_server.operations.catalogue import OPERATIONS
from fhir_server.search.results import CURSOR, RESULT_PARAMETERS
from resources.compartments import COMPARTMENTS, holds
from resources.registry import RESOURCE_TYPES

ID_FORM = "^[A-Za-z0-9\\-.]{1,64}$"
_METHODS = {
    "read": ("get", "/{type}/{{id}}"),
    "vread": ("get", "/{type}/{{id}}/_history/{{version_id}}"),
    "update": ("put", "/{type}/{{id}}"),
    "patch": ("patch", "/{type}/{{id}}"),
    "delete": ("delete", "/{type}/{{id}}"),
    "history-instance": ("get", "/{type}/{{id}}/_history"),
    "history-type": ("get", "/{type}/_history"),
    "create": ("post", "/{type}"),
    "search-type": ("get", "/{type}"),
}
_CONDITIONAL = {"update": "put", "patch": "patch", "delete": "delete"}
_SUCCESS: Mapping[str, str] = {"create": "201", "delete": "204"}
_PARTS = ("_summary", "_elements")
_CRITERIA = ("_has", "_filter", "_list")
"""Criteria that no SearchParameter defines."""
_RESULTS = tuple(name for name in RESULT_PARAMETERS if ":" not in name and name not in ("_type", CURSOR))
_SEARCH = (*_CRITERIA, *_RESULTS)
_HISTORY = ("_count", "_since", "_at", *_PARTS)
_QUERIES: Mapping[str, Sequence[str]] = {"read": _PARTS, "vread": _PARTS, "search-type": _SEARCH}


def document(statement: Json) -> Json:
    """The OpenAPI 3.1 document of the server that `statement`, a CapabilityStatement, describes."""
    rest = statement["rest"][0]
    paths: dict[str, Any] = _system_paths(rest) | _compartment_paths(rest)
    for resource in rest["resource"]:
        paths |= _type_paths(resource)
    for path, item in paths.items():
        item["parameters"] = [_reference("parameters", name) for name in (*_placeholders(path), "_format", "_pretty")]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": statement["title"],
            "version": statement["software"]["version"],
            "description": f"FHIR {statement['fhirVersion']}: {len(rest['resource'])} resource types. "
            "The CapabilityStatement under /metadata says the same in FHIR's words.",
        },
        "servers": [{"url": statement["implementation"]["url"]}],
        "tags": [{"name": "system"}, *({"name": resource["type"]} for resource in rest["resource"])],
        "paths": paths,
        "components": _components(),
    }


def _system_paths(rest: Json) -> Json:
    codes = {each["code"] for each in rest["interaction"]}
    paths: Json = {"/metadata": {"get": _operation("system", "capabilities", "The CapabilityStatement")}}
    if "transaction" in codes:
        described = _operation("system", "transaction", "Batch or transaction", body="resource")
        paths["/"] = {"post": described}
    if "search-system" in codes:
        described = _operation("system", "searchAll", "Search all types", query=("criteria", "_type", *_SEARCH))
        paths.setdefault("/", {})["get"] = described
        paths["/_search"] = {"post": _by_form("system", "search-post-all", "Search all types by form")}
    if "history-system" in codes:
        paths["/_history"] = {"get": _operation("system", "historyAll", "History of everything", query=_HISTORY)}
    for operation in rest.get("operation", ()):
        paths[f"/${operation['name']}"] = _invocation("system", operation)
    return paths


def _compartment_paths(rest: Json) -> Json:
    names = {name.lower(): name for name in COMPARTMENTS}
    paths: Json = {}
    for name in [names[definition.rpartition("/")[2]] for definition in rest.get("compartment", ())]:
        types = ["*", *(type_ for type_ in sorted(RESOURCE_TYPES) if holds(name, type_))]
        searched = {"name": "searched", "in": "path", "required": True, "schema": {"enum": types}}
        path, summary = f"/{name}/{{id}}/{{searched}}", f"Search what belongs to a {name}"
        paths[path] = {"get": _operation(name, f"search-compartment-{name}", summary, query=("criteria", *_SEARCH))}
        paths[f"{path}/_search"] = {"post": _by_form(name, f"search-post-compartment-{name}", f"{summary} by form")}
        for item in (paths[path]["get"], paths[f"{path}/_search"]["post"]):
            item["parameters"].append(searched)
    return paths


def _by_form(tag: str, name: str, summary: str) -> Json:
    described = _operation(tag, name, summary, query=("criteria", *_SEARCH))
    return {**described, "requestBody": _reference("requestBodies", "form")}


def _type_paths(resource: Json) -> Json:
    type_ = resource["type"]
    codes = {each["code"] for each in resource["interaction"]}
    paths: dict[str, Json] = {}
    for code, (method, template) in _METHODS.items():
        if code in codes:
            path = template.format(type=type_)
            paths.setdefault(path, {})[method] = _interaction(resource, code)
    for code, method in _CONDITIONAL.items():
        if code in codes:
            summary = f"Conditional {code} of {type_}"
            paths.setdefault(f"/{type_}", {})[method] = _operation(
                type_, f"conditional-{code}-{type_}", summary, query=["criteria"], body=_body(code)
            )
    if "search-type" in codes:
        paths[f"/{type_}/_search"] = {"post": _by_form(type_, f"search-post-{type_}", f"Search {type_} by form")}
    for operation in resource.get("operation", ()):
        levels = OPERATIONS[operation["name"]].levels
        if "type" in levels:
            paths[f"/{type_}/${operation['name']}"] = _invocation(type_, operation)
        if "instance" in levels:
            paths[f"/{type_}/{{id}}/${operation['name']}"] = _invocation(type_, operation, at="instance-")
    return paths


def _interaction(resource: Json, code: str) -> Json:
    type_: str = resource["type"]
    query = _HISTORY if code.startswith("history") else _QUERIES.get(code, ())
    described = _operation(
        type_, f"{code}-{type_}", f"{code} of {type_}", query=query, body=_body(code), success=_SUCCESS.get(code, "200")
    )
    if code == "search-type":
        described["parameters"] += [
            {"name": each["name"], "in": "query", "description": each["type"], "schema": {"type": "string"}}
            for each in resource.get("searchParam", ())
        ]
    if code in ("update", "patch", "delete"):
        described["parameters"].append(_reference("parameters", "If-Match"))
    if code == "create":
        described["parameters"].append(_reference("parameters", "If-None-Exist"))
    return described


def _body(code: str) -> str | None:
    return {"create": "resource", "update": "resource", "patch": "patch"}.get(code)


def _invocation(tag: str, operation: Json, *, at: str = "") -> Json:
    name = operation["name"]
    posted = _operation(tag, f"{at}{name}-{tag}", operation["documentation"])
    posted["requestBody"] = _reference("requestBodies", "parameters")
    if not OPERATIONS[name].reads:
        return {"post": posted}
    return {"post": posted, "get": _operation(tag, f"{at}{name}-get-{tag}", operation["documentation"])}


def _operation(
    tag: str, name: str, summary: str, *, query: Iterable[str] = (), body: str | None = None, success: str = "200"
) -> Json:
    described: Json = {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "parameters": [_reference("parameters", each) for each in query],
        "responses": {
            success: _reference("responses", "success"),
            "default": _reference("responses", "outcome"),
        },
    }
    if body is not None:
        described["requestBody"] = _reference("requestBodies", body)
    return described


def _placeholders(path: str) -> list[str]:
    return [name for name in ("id", "version_id") if f"{{{name}}}" in path]


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _components() -> Json:
    resource = _reference("schemas", "Resource")
    both = {FHIR_JSON: {"schema": resource}, FHIR_XML: {"schema": {"type": "string"}}}
    patch = {"type": "array", "items": {"type": "object", "required": ["op", "path"]}}
    form = {"type": "object", "additionalProperties": {"type": "string"}}
    return {
        "schemas": {
            "Resource": {
                "type": "object",
                "required": ["resourceType"],
                "properties": {"resourceType": {"type": "string"}},
            }
        },
        "parameters": _parameters(),
        "requestBodies": {
            "resource": {"required": True, "content": both},
            "parameters": {"content": both},
            "patch": {"required": True, "content": both | {JSON_PATCH: {"schema": patch}}},
            "form": {"content": {FORM: {"schema": form}}},
        },
        "responses": {
            "success": {"description": "What was asked for; no body with 204, 304 and Prefer: return=minimal"},
            "outcome": {"description": "An OperationOutcome that says what is wrong", "content": both},
        },
    }


def _parameters() -> Json:
    identifier = {"type": "string", "pattern": ID_FORM}
    text = {"type": "string"}
    return {
        "id": {"name": "id", "in": "path", "required": True, "schema": identifier},
        "version_id": {"name": "version_id", "in": "path", "required": True, "schema": identifier},
        "_format": {"name": "_format", "in": "query", "schema": {"enum": ["json", "xml", FHIR_JSON, FHIR_XML]}},
        "_pretty": {"name": "_pretty", "in": "query", "schema": {"enum": ["true", "false"]}},
        "_since": {"name": "_since", "in": "query", "schema": {"type": "string", "format": "date-time"}},
        "_at": {"name": "_at", "in": "query", "schema": text},
        "If-Match": {"name": "If-Match", "in": "header", "schema": text, "example": 'W/"1"'},
        "If-None-Exist": {"name": "If-None-Exist", "in": "header", "schema": text, "example": "identifier=sys|1"},
        "criteria": {
            "name": "criteria",
            "in": "query",
            "description": "Search parameters of the type with modifiers and chains, each a query parameter of its own",
            "style": "form",
            "explode": True,
            "schema": {"type": "object", "additionalProperties": text},
        },
        **{
            name: {"name": name, "in": "query", "schema": text, **_SEARCHING.get(name, {})}
            for name in (*_CRITERIA, "_type", *_RESULTS)
        },
    }


_SEARCHING: Mapping[str, Json] = {
    "_count": {"schema": {"type": "integer", "minimum": 0}},
    "_summary": {"schema": {"enum": ["true", "text", "data", "count", "false"]}},
    "_elements": {"example": "id,identifier"},
    "_total": {"schema": {"enum": ["none", "estimate", "accurate"]}},
    "_contained": {"schema": {"enum": ["true", "both", "false"]}},
    "_containedType": {"schema": {"enum": ["container", "contained"]}},
    "_explain": {"schema": {"enum": ["true", "false"]}, "description": "Where the settings allow it"},
    "_sort": {"example": "-date,patient.family"},
    "_type": {"example": "Patient,Observation"},
    "_include": {"example": "Observation:subject", "description": "Also _include:iterate"},
    "_revinclude": {"example": "Provenance:target", "description": "Also _revinclude:iterate"},
    "_has": {"description": "Written _has:[type]:[reference parameter]:[parameter]=[value]"},
    "_filter": {"example": 'birthdate ge 2014-10-10 and name co "peter"'},
    "_list": {"description": "The id of a List"},
}
