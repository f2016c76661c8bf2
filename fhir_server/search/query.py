"""What a search asks and how MongoDB is to answer it: `Query` (from the grammar) and `Plan` (from the compiler).

Rule: both are frozen values that a test can compare; neither holds a connection or a right.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fhir_server.model import Pairs
from fhir_server.search.includes import Include
from fhir_server.search.tree import EVERYTHING, Expr, Linked
from resources.outcome import Issue
from resources.subsets import Subset


@dataclass(frozen=True, slots=True)
class Stored:
    """A sort value that is a field of the stored document: its dotted path."""

    field: str


@dataclass(frozen=True, slots=True)
class Held:
    """A sort value among the entries of the parameter `code`, which is of the type `kind`. `type` is None where the
    resources are of several types."""

    type: str | None
    code: str
    kind: str


@dataclass(frozen=True, slots=True)
class Behind:
    """A sort value of the resource of type `target` to which the reference parameter `key` (`Observation.subject`)
    leads, if that satisfies `limit`: the caller's limit, None as long as it is not planted (`rewrite`). `by_url` says
    that it may name it by its canonical url."""

    key: str
    target: str
    value: SortValue
    by_url: bool = False
    limit: Expr | None = None


SortValue = Stored | Held | Behind


@dataclass(frozen=True, slots=True)
class SortKey:
    """One rule of `_sort`. Of several values, and of a value that repeats, the first in the direction counts. `name` is
    what the client wrote, for the words of an error."""

    values: tuple[SortValue, ...]
    descending: bool = False
    name: str = field(default="", compare=False)

    @property
    def stored(self) -> str | None:
        """The field of the document that has the value; None where it must be computed."""
        first = self.values[0]
        return first.field if len(self.values) == 1 and isinstance(first, Stored) else None


@dataclass(frozen=True, slots=True)
class Query:
    """One search, understood. `type` is None at the root, where `types` are those asked for (empty: all).

    `count` is the page's size, 0 for the number of matches only. `cursor` is the opaque `_cursor` as it came.
    `issues` are warnings for the answer's Bundle (lenient handling); `applied` are the pairs that took effect, for the
    self link, without `_cursor`. `total` is accurate, estimate, none, or None when the client did not say.
    `compartment` (`Patient/1`) is the one that is searched, if any. `subset` is the part of the resources that is
    wanted, None for all. `includes` say what comes along with the matches. `explain` asks how the search is run, not
    for its matches. `contained` says whether contained resources are found (false, true, both), `contained_type`
    whether the answer is these or what holds them (contained, container).
    """

    type: str | None
    tree: Expr = EVERYTHING
    types: tuple[str, ...] = ()
    sort: tuple[SortKey, ...] = ()
    count: int = 20
    cursor: str | None = None
    issues: tuple[Issue, ...] = ()
    applied: Pairs = ()
    total: str | None = None
    compartment: str | None = None
    subset: Subset | None = None
    includes: tuple[Include, ...] = ()
    explain: bool = False
    contained: str = "false"
    contained_type: str = "container"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the sort values of its last row, and the `_id`s already shown that have the same values.
    `group` is the first and last of the resources whose referrers were gone through."""

    values: tuple[str | float | None, ...]
    seen: tuple[str, ...]
    group: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Computed:
    """Sort values that are no fields of the document: `stages` of an aggregation make `{_id, …}` with the fields of the
    sort out of a document, and leave those behind the position. `names` are the keys, for the words of an error."""

    stages: tuple[dict[str, Any], ...]
    names: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One query of the `resources` collection: `find(filter).sort(sort).hint(hint).limit(limit)`.

    Where `also` is given, its rows belong to the answer too: they are merged by the order of both.

    Where `residual` is given, it must hold too: links that lead to so many resources that they are tested row by row.
    `groups` says that the rows come in groups of the resources that they refer to, which are asked for one after
    another: each of `filter` and the entries of its `Linked`. Where `computed` is given, the rows come from an
    aggregation: `filter`, its stages, `sort`.

    `limit` is one more than the page (`size`), so that the reader knows whether there is a next page; it then asks
    `cursor.advance(plan, rows of the page)` for the `Position` of the next link. Rows must carry `_id` and the fields
    of `sort`. `position` is where this page began, None for the first one.
    """

    filter: dict[str, Any]
    sort: tuple[tuple[str, int], ...]
    hint: str
    size: int
    position: Position | None = None
    residual: Expr | None = None
    groups: Linked | None = None
    also: Plan | None = None
    computed: Computed | None = None

    @property
    def limit(self) -> int:
        """Rows to ask for: the page and one more."""
        return self.size + 1
