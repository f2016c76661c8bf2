"""What a caller may reach: one restriction (a search tree) per resource type.

Rule: `access` is the first argument of every public coroutine of `fhir_server.store`; there is no data without one.
The restriction is planted into every plan (`search.rewrite.restrict`), never applied to an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.model import ANYONE, Principal
from fhir_server.search.tree import EVERYTHING, Expr


@dataclass(frozen=True, slots=True)
class Access:
    """The limits under which a request runs. Until access control exists there are two: everything for whoever calls
    an open server, and everything for the server's own work."""

    principal: Principal
    reason: str | None = None

    def limit(self, type_: str) -> Expr:  # noqa: ARG002 - every type alike, until access control exists
        """The tree that every resource of this type must satisfy to be seen or written."""
        return EVERYTHING

    @classmethod
    def open(cls, principal: Principal = ANYONE) -> Access:
        """For a server started with `--open`."""
        return cls(principal)

    @classmethod
    def system(cls, reason: str) -> Access:
        """For the server's own work; `reason` is for the record."""
        return cls(Principal("system"), reason)
