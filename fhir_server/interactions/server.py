"""What an interaction needs of the world, in one frozen handle made by the composition root (`fhir_server.app`).

Rule: clock and ids are arguments, so that tests can assert whole headers and bodies.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from fhir_server.access.limits import Access
from fhir_server.interactions.turns import Turns
from fhir_server.model import FhirRequest, FhirResponse, Interaction
from fhir_server.room import Room
from fhir_server.settings import Settings
from fhir_server.store.committer import Committer
from fhir_server.store.current import CurrentParameters
from fhir_server.store.database import Database
from fhir_server.store.lookup import Lookup
from fhir_server.threads import Threads
from resources.parameters import ParameterSet

Handler = Callable[["Server", Access, FhirRequest], Awaitable[FhirResponse]]
"""One interaction or operation: answers, or raises a `FhirError`."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the registry (https://hl7.org/fhir/R4/operations.html).

    `levels` are among system, type and instance; `reads` says that it changes nothing (then GET is allowed too);
    `types` limits it to some resource types.
    """

    name: str
    levels: frozenset[str]
    reads: bool
    definition: str
    summary: str
    run: Handler
    types: frozenset[str] | None = None

    def applies(self, level: str, type_: str | None) -> bool:
        """Whether it can be called at this level, on this type."""
        return level in self.levels and (type_ is None or self.types is None or type_ in self.types)


@dataclass(frozen=True, slots=True, eq=False)
class Server:
    """The parts that interactions work with, and the tables of what this server can do."""

    settings: Settings
    database: Database
    committer: Committer
    search_parameters: CurrentParameters
    secret: bytes
    """Signs paging cursors."""
    interactions: Mapping[Interaction, Handler]
    operations: Mapping[str, Operation]
    new_id: Callable[[], str]
    clock: Callable[[], int]
    """Microseconds since the epoch."""
    lookup: Lookup
    """Reads what single writes replace."""
    turns: Turns
    """By resource (`Patient/1`) or criteria."""
    threads: Threads
    """For what would hold the event loop."""
    pages: Room
    """Rows of large pages that are made at a time."""
    sorting: Room
    """Searches that sort by what is computed, at a time."""

    @property
    def parameters(self) -> ParameterSet:
        """Those that a search may use now; a request asks once. Raises Unavailable."""
        return self.search_parameters.for_search()


def ordered_id() -> str:
    """A new resource id: a UUID of version 7 (RFC 9562 §5.7), so that ids made later sort later and the index on
    them grows at its end."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
