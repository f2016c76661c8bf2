"""Every operation of this server, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fhir_server.interactions.server import Operation
from fhir_server.operations.everything import EVERYTHING
from fhir_server.operations.meta import META, META_ADD, META_DELETE
from fhir_server.operations.status import STATUS
from fhir_server.operations.validate import VALIDATE

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {operation.name: operation for operation in (EVERYTHING, VALIDATE, META, META_ADD, META_DELETE, STATUS)}
)
