"""The pages for people and for whoever watches the server: `/`, `/docs`, `/openapi.json`, `/health`, `/ready`.

Rule: they stand beside FHIR and are made of what it says about itself; elsewhere a client is told where FHIR is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from fhir_server.http import health, openapi
from fhir_server.http.documentation import HEADERS, page
from fhir_server.http.door import Door
from fhir_server.interactions import capabilities
from fhir_server.model import Json
from resources import json_codec
from resources.outcome import Issue, NotFound, operation_outcome


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
        return HTMLResponse(described["html"], headers=HEADERS)

    return routes


def _statement(door: Door) -> Json | None:
    if door.server is None:
        return None
    return capabilities.statement(door.server, door.settings.base_url)


def _starting() -> JSONResponse:
    return JSONResponse({"status": "not ready", "reason": health.WAITING}, 503, {"Retry-After": "2"})


def elsewhere(base_url: str) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The handler of addresses, and methods, for which there is nothing beside `/fhir`."""
    words = f"There is nothing here. FHIR is at {base_url}; what can be done there is described at /docs."
    outcome = json_codec.encode(operation_outcome([Issue("error", NotFound.code, words)]))

    async def answer(_: Request, error: Exception) -> Response:
        status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (404, None)
        return Response(outcome, status, headers, "application/fhir+json")

    return answer
