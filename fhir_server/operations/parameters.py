"""Parameters resources: reading what an operation is given, writing what it returns.

See https://hl7.org/fhir/R4/parameters.html and https://hl7.org/fhir/R4/operations.html#executing.
"""

from __future__ import annotations

from typing import Any

from fhir_server.model import FhirRequest, Json
from resources import validation
from resources.outcome import BadRequest


def given(request: FhirRequest) -> list[Json]:
    """The parameters of a call by POST: `{"name": …, "value…" | "resource": …}`. Raises BadRequest, Unprocessable."""
    body = request.body
    if body is None:
        return []
    if not isinstance(body, dict) or body.get("resourceType") != "Parameters":
        raise BadRequest(f"${request.operation} takes a Parameters resource.", expression="Parameters")
    validation.check(body, "Parameters")
    return list(body.get("parameter", ()))


def one(parameters: list[Json], name: str, member: str) -> Any:
    """The value of the one parameter `name` (in `member`, such as valueMeta or resource), None where it is absent.

    Raises BadRequest where it is repeated or of another type.
    """
    found = [parameter for parameter in parameters if parameter["name"] == name]
    if not found:
        return None
    if len(found) > 1 or member not in found[0]:
        raise BadRequest(f"The parameter {name} is given once, as {member}.", expression="Parameters.parameter")
    return found[0][member]


def returned(name: str, member: str, value: Any) -> Json:
    """A Parameters resource with one parameter; an empty value is left out, since FHIR has no empty objects."""
    if not value:
        return {"resourceType": "Parameters", "parameter": [{"name": name}]}
    return {"resourceType": "Parameters", "parameter": [{"name": name, member: value}]}
