"""A Bundle posted at the service base: https://hl7.org/fhir/R4/http.html#transaction.

Rule: only `Bundle.type` decides which of the two it is; a Bundle posted to /Bundle is a resource like any other.
"""

from __future__ import annotations

from fhir_server.access.limits import Access
from fhir_server.interactions import batch, transaction
from fhir_server.interactions.server import Server
from fhir_server.model import FhirRequest, FhirResponse
from resources.outcome import BadRequest, Unprocessable


async def bundle(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """200 with a Bundle of responses in the order of the request.

    Raises BadRequest and Unprocessable for what is not a batch or transaction, and whatever makes a transaction fail.
    """
    body = request.body
    if not isinstance(body, dict) or body.get("resourceType") != "Bundle":
        raise BadRequest(
            "At the base of the service only a Bundle is posted, of type batch or transaction. "
            "Any other resource goes to its type, as POST /Patient.",
            code="structure",
        )
    match body.get("type"):
        case "transaction":
            return await transaction.transaction(server, access, request)
        case "batch":
            return await batch.batch(server, request)
    raise Unprocessable(
        f"A Bundle of type {body.get('type')!r} cannot be processed: at the base of the service the type is batch or "
        "transaction. To store a Bundle as it is, post it to /Bundle.",
        code="value",
        expression="Bundle.type",
    )
