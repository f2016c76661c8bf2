"""Every interaction of this server: what `dispatch` finds and the CapabilityStatement says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fhir_server.interactions.bundle import bundle
from fhir_server.interactions.capabilities import capabilities
from fhir_server.interactions.create import create
from fhir_server.interactions.delete import delete
from fhir_server.interactions.history import history
from fhir_server.interactions.patch import patch
from fhir_server.interactions.read import read, vread
from fhir_server.interactions.search import search
from fhir_server.interactions.server import Handler
from fhir_server.interactions.update import update
from fhir_server.model import Interaction

INTERACTIONS: Mapping[Interaction, Handler] = MappingProxyType(
    {
        Interaction.READ: read,
        Interaction.VREAD: vread,
        Interaction.CREATE: create,
        Interaction.UPDATE: update,
        Interaction.PATCH: patch,
        Interaction.DELETE: delete,
        Interaction.HISTORY_INSTANCE: history,
        Interaction.HISTORY_TYPE: history,
        Interaction.HISTORY_SYSTEM: history,
        Interaction.SEARCH_TYPE: search,
        Interaction.SEARCH_SYSTEM: search,
        Interaction.BUNDLE: bundle,
        Interaction.CAPABILITIES: capabilities,
    }
)
