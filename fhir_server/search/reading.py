"""What the pairs of a query have said so far: the state that the grammar and the result parameters fill.

Rule: lives for one parse only; what comes out is the frozen `Query`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fhir_server.search.criteria import Asking
from fhir_server.search.includes import Include
from fhir_server.search.query import SortKey
from fhir_server.search.tree import Expr
from resources.outcome import Issue
from resources.subsets import Subset


@dataclass(slots=True)
class Reading:
    """`type` is None at the root, where `types` are those that `_type` named. `only_count` says that no resources are
    asked for, whatever `count` is."""

    type: str | None
    asking: Asking
    strict: bool
    max_count: int
    count: int
    types: tuple[str, ...] = ()
    tests: list[Expr] = field(default_factory=list)
    sort: tuple[SortKey, ...] = ()
    total: str | None = None
    cursor: str | None = None
    subset: Subset | None = None
    only_count: bool = False
    includes: dict[Include, None] = field(default_factory=dict)
    applied: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)
    explain: bool = False
    contained: str = "false"
    contained_type: str = "container"
    errors: list[Issue] = field(default_factory=list)

    def leave_out(self, reason: str, code: str = "not-supported") -> None:
        """Strict: an error; lenient: a warning."""
        if self.strict:
            self.errors.append(Issue("error", code, reason))
        else:
            self.warnings.append(Issue("warning", code, f"{reason}; it was left out"))
