"""The search tree: what is asked, as frozen values. Two readings: `compile` (MongoDB) and `match` (in memory).

Rule: leaves hold search entries and values already normalized, as the extractor writes them; a node that crosses to
another resource type is visited by `rewrite.map_links`. Nothing here knows MongoDB.

`Chain`, `Has`, `Concept` and `Under` need other resources: `store.links` replaces them by leaves where it can, and
tests the other links row by row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; `All(())` is everything."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Any_:  # noqa: N801 - Any is typing's
    """At least one part holds; `Any_(())` is nothing."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Expr


@dataclass(frozen=True, slots=True)
class InCompartment:
    """The resource belongs to the compartment of `Patient/1`."""

    key: str


@dataclass(frozen=True, slots=True)
class OfType:
    """The resource is of one of these types."""

    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasId:
    """The resource is one of these: `Patient/1`."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Updated:
    """The resource was last updated from `low` to `high`: microseconds since the epoch, inclusive; None is open."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """The parameter `key` (`Patient.birthdate`) has a value; `ranged` says which kind of entry holds its values."""

    key: str
    ranged: bool


@dataclass(frozen=True, slots=True)
class Equals:
    """The index has this entry (`document.entry` has the forms)."""

    entry: str


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The index has an entry that begins with `prefix`: key, `|` and the beginning of a value, never empty."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Contains:
    """The index has an entry of `key` whose folded text contains `part`, which is not empty."""

    key: str
    part: str


@dataclass(frozen=True, slots=True)
class Within:
    """There is a range of `key` with `low_from` ≤ its low end ≤ `low_to` and `high_from` ≤ its high end ≤ `high_to`.

    Milliseconds for dates, floats for numbers; None is open. `beside` is what the same range must bear as well (of
    composites). `begins` says that `key` is the beginning of keys.
    """

    key: str
    low_from: float | None = None
    low_to: float | None = None
    high_from: float | None = None
    high_to: float | None = None
    beside: tuple[str, ...] = ()
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """There is a place of `key` at most so many metres from this one; degrees."""

    key: str
    latitude: float
    longitude: float
    metres: float


@dataclass(frozen=True, slots=True)
class Linked:
    """The index has the entry of `key` for one of these resources (`Patient/1`, or a name as `search.canonicals` gives
    it). `many` says that a resource may refer to several by `key`."""

    key: str
    ids: tuple[str, ...]
    many: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """The reference parameter `key` (`Observation.subject`) leads to a resource of type `target` that satisfies
    `inner`; `by_url` says that it may name it by its canonical url. `name` is what the client wrote, for the words of
    an error."""

    key: str
    target: str
    inner: Expr
    many: bool
    by_url: bool = False
    name: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Has:
    """A resource of type `source` that satisfies `inner` refers to this one by its reference parameter `key`, which may
    name those of types `by_url` by their canonical url."""

    source: str
    key: str
    inner: Expr
    by_url: tuple[str, ...] = ()
    name: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Concept:
    """A token of `key` is in the value set `value`, or is, or is above or below, the code `value` of `system`.

    `fold` says whether codes of this parameter are compared without case; `bare` whether it has codes whose system is
    not known, so that one without a system counts for any. `name` as in `Chain`.
    """

    key: str
    relation: Literal["in", "above", "below"]
    system: str
    value: str
    fold: bool
    bare: bool = False
    name: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Under:
    """The reference parameter `key` leads to the resource `id` (`Location/1`) or to one below it (`up`: above it) in
    the hierarchy that `parent` (`Location.partof`), a reference parameter of its type, makes."""

    key: str
    parent: str
    id: str
    up: bool
    many: bool
    name: str = field(default="", compare=False, repr=False)


Leaf = InCompartment | OfType | HasId | Updated | Present | Equals | StartsWith | Contains | Within | Near | Linked
Link = Chain | Has
Lookup = Concept | Under
"""What stands for tokens or references that are looked up before the search."""
Expr = All | Any_ | Not | Leaf | Link | Lookup

EVERYTHING: Expr = All(())
NOTHING: Expr = Any_(())


def conjuncts(tree: Expr) -> tuple[Expr, ...]:
    """The parts that must all hold."""
    return tree.parts if isinstance(tree, All) else (tree,)


def has_node(tree: Expr, *kinds: type) -> bool:
    """Whether a node of these kinds is in the tree; not behind its links."""
    match tree:
        case All(parts) | Any_(parts):
            return any(has_node(part, *kinds) for part in parts)
        case Not(part):
            return has_node(part, *kinds)
    return isinstance(tree, kinds)


def all_of(*parts: Expr) -> Expr:
    """The conjunction, flattened; NOTHING if a part is."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Expr] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, All) else (part,))
    if NOTHING in flat:
        return NOTHING
    return flat[0] if len(flat) == 1 else All(tuple(dict.fromkeys(flat)))


def any_of(*parts: Expr) -> Expr:
    """The disjunction, flattened; EVERYTHING if a part is."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Expr] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Any_) else (part,))
    if EVERYTHING in flat:
        return EVERYTHING
    return flat[0] if len(flat) == 1 else Any_(tuple(dict.fromkeys(flat)))
