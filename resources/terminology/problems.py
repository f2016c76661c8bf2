"""Why a value set or a hierarchy cannot be told.

Rule: one exception, in words that the person who asks or who stores the resource can act on.
"""

from __future__ import annotations

from typing import Literal

from resources.outcome import BadRequest

Reason = Literal["not-found", "not-supported", "too-costly", "invalid"]


class NotExpandable(BadRequest):
    """The codes cannot be told. `reason`, also the code of the issue, is not-found (a resource or code is unknown
    here), not-supported (the definition needs what is not here), too-costly (too many codes) or invalid (the
    definition contradicts itself)."""

    def __init__(self, diagnostics: str, reason: Reason) -> None:
        super().__init__(diagnostics, code=reason)
        self.reason: Reason = reason

    def within(self, outer: str) -> NotExpandable:
        """The same problem, found while `outer` was evaluated."""
        return NotExpandable(f"{outer}: {self}", self.reason)
