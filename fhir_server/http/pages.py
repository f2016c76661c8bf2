"""The pages for people and for whoever watches the server: `/`, `/docs`, `/openapi.json`, `/health`, `/ready`.

Rule: nothing is fetched from elsewhere and no script runs: hospitals' networks are closed, and a page of plain HTML
shows 146 types faster than a script could.
"""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from fhir_server.http import health, openapi
from fhir_server.http.door import Door
from fhir_server.interactions import capabilities
from fhir_server.model import Json
from resources import json_codec

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "summary{cursor:pointer}code{background:#eee;padding:0 .2em}td{padding:0 1em 0 0;vertical-align:top}"
)


def state(door: Door) -> APIRouter:
    """`/health` and `/ready`."""
    routes = APIRouter()

    @routes.get("/health")
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/ready")
    async def ready() -> JSONResponse:
        reason = await health.unready(door)
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reason": reason}, 503, {"Retry-After": "2"})

    return routes


def documentation(door: Door) -> APIRouter:
    """`/`, `/docs` and `/openapi.json`; made when first asked for."""
    routes = APIRouter()
    described: dict[str, bytes] = {}

    @routes.get("/")
    async def root() -> RedirectResponse:
        return RedirectResponse("/docs")

    @routes.get("/openapi.json")
    async def description() -> Response:
        if (statement := _statement(door)) is None:
            return _starting()
        if "json" not in described:
            described["json"] = json_codec.encode(openapi.document(statement))
        return Response(described["json"], media_type="application/json")

    @routes.get("/docs")
    async def docs() -> Response:
        if (statement := _statement(door)) is None:
            return _starting()
        if "html" not in described:
            described["html"] = page(statement).encode()
        return HTMLResponse(described["html"], headers=_HEADERS)

    return routes


def _statement(door: Door) -> Json | None:
    if door.server is None:
        return None
    return capabilities.statement(door.server, door.settings.base_url)


def _starting() -> JSONResponse:
    return JSONResponse({"status": "not ready", "reason": health.WAITING}, 503, {"Retry-After": "2"})


def page(statement: Json) -> str:
    """The documentation as HTML: what one can do with each resource type, from the CapabilityStatement."""
    rest = statement["rest"][0]
    base = escape(statement["implementation"]["url"])
    title = escape(statement["title"])
    types = "".join(_type_entry(base, resource) for resource in rest["resource"])
    everywhere = _names(rest["interaction"], "code") + _operations(rest)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        f"<h1>{title}</h1><p>FHIR {escape(statement['fhirVersion'])} at <code>{base}</code>. "
        f"For programs: <a href='{base}/metadata'>CapabilityStatement</a>, <a href=/openapi.json>OpenAPI</a>. "
        "State: <a href=/health>health</a>, <a href=/ready>ready</a>.</p>"
        f"<p>Try <code>curl '{base}/Patient?_count=3&amp;_pretty=true'</code></p>"
        f"<p>For all types together: {everywhere}.</p><h2>{len(rest['resource'])} resource types</h2>{types}</html>"
    )


def _type_entry(base: str, resource: Json) -> str:
    type_ = escape(resource["type"])
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code><td>{escape(each['type'])}" for each in resource["searchParam"]
    )
    return (
        f"<details id={type_}><summary><b>{type_}</b></summary>"
        f"<p><a href='{base}/{type_}?_pretty=true'>{base}/{type_}</a> · <a href='https://hl7.org/fhir/R4/"
        f"{type_.lower()}.html'>specification</a></p>"
        f"<p>{_names(resource['interaction'], 'code')}{_operations(resource)}</p><table>{rows}</table></details>"
    )


def _operations(described: Json) -> str:
    names = _names(described.get("operation", []), "name", before="$")
    return f"; operations {names}" if names else ""


def _names(items: list[Any], member: str, before: str = "") -> str:
    return ", ".join(f"<code>{before}{escape(item[member])}</code>" for item in items)
