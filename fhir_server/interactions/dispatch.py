"""The one door: every request, whoever makes it, is decided, run and turned into an answer here.

Rule: an error becomes words in this file and nowhere else.
"""

from __future__ import annotations

import logging
import traceback

from fhir_server.access.limits import Access
from fhir_server.interactions.server import Handler, Server
from fhir_server.model import FhirRequest, FhirResponse, Interaction
from resources import json_codec
from resources.outcome import FhirError, InternalError, MethodNotAllowed, NotFound, operation_outcome

logger = logging.getLogger(__name__)


async def dispatch(server: Server, request: FhirRequest) -> FhirResponse:
    """Answer a request. A `FhirError` becomes its OperationOutcome; anything else a 500 that hides our inside."""
    try:
        access = Access.open(request.principal)
        return await find(server, request)(server, access, request)
    except FhirError as error:
        return failure(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and the log its place
        log(error, request)
        return failure(InternalError(f"The server failed. It was logged under the request id {request.request_id}."))


def log(error: Exception, request: FhirRequest) -> None:
    """Record an error by its type and place. NOTE: never its message, which may hold what a patient's record says."""
    place = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    fields = {"request_id": request.request_id, "interaction": request.interaction.value}
    logger.error("request failed", extra=fields | {"error": type(error).__name__, "place": place})


def find(server: Server, request: FhirRequest) -> Handler:
    """The handler of a request; raises NotFound or MethodNotAllowed for an operation that cannot be called so."""
    if request.interaction is not Interaction.OPERATION:
        return server.interactions[request.interaction]
    level = "instance" if request.id else "type" if request.type else "system"
    operation = server.operations.get(request.operation or "")
    if operation is None or not operation.applies(level, request.type):
        known = sorted(name for name, each in server.operations.items() if each.applies(level, request.type))
        raise NotFound(
            f"There is no operation ${request.operation} here. At this address there are: "
            + (", ".join(f"${name}" for name in known) or "none")
            + ".",
            code="not-supported",
        )
    if request.method == "GET" and not operation.reads:
        raise MethodNotAllowed(f"${operation.name} changes data: call it by POST.", headers=(("Allow", "POST"),))
    return operation.run


def failure(error: FhirError) -> FhirResponse:
    """The answer to an error."""
    text = json_codec.encode(operation_outcome(error.issues))
    return FhirResponse(error.status, text=text, headers=error.headers)
