"""Where emitters put what they find in a resource.

Rule: emitters only add; `extract` makes the result of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Self, TypeVar

from resources.outcome import PayloadTooLarge

T = TypeVar("T")

MOST_ENTRIES: Final = 100_000
"""Of one kind, of one resource: what a code system of ICD-10 has. Each is a key in an index of MongoDB's."""


class Bounded(list[T]):
    """A list that takes `MOST_ENTRIES` and then raises PayloadTooLarge (too costly)."""

    def append(self, item: T, /) -> None:
        """Add one."""
        if len(self) >= MOST_ENTRIES:
            raise PayloadTooLarge(
                f"The resource has more than {MOST_ENTRIES:,} values to find it by, such as names, codes or dates. "
                "Divide it.",
                code="too-costly",
            )
        super().append(item)

    def extend(self, items: Iterable[T], /) -> None:
        """Add some."""
        for item in items:
            self.append(item)

    def __iadd__(self, items: Iterable[T], /) -> Self:  # type: ignore[misc, override]
        self.extend(items)
        return self


class Sink:
    """The entries of one resource in the making; `bounded` where they might be too many.

    `inside`: the resources inside of it that parameters lead to, with their keys.
    `holders`: the identity of each Reference that was passed → the resource of this server that it names, if it does.
    """

    __slots__ = (
        "base_url", "compartments", "holders", "index", "inside", "ranges", "rare", "references", "resource", "sort",
    )  # fmt: skip

    def __init__(
        self,
        base_url: str,
        resource: dict[str, Any],
        sort: dict[str, str | float | None] | None = None,
        *,
        bounded: bool = False,
    ) -> None:
        self.base_url = base_url
        self.resource = resource
        self.index: list[str] = Bounded() if bounded else []
        self.rare: list[str] = Bounded() if bounded else []
        self.ranges: list[dict[str, Any]] = Bounded() if bounded else []
        self.sort: dict[str, str | float | None] = {} if sort is None else sort
        self.compartments: list[str] = []
        self.references: list[str] = []
        self.holders: dict[int, str | None] = {}
        self.inside: list[tuple[str, dict[str, Any]]] = []

    def aside(self) -> Self:
        """Another, whose entries are this one's, and whose references and compartments lead nowhere."""
        other = type(self)(self.base_url, self.resource, self.sort)
        other.index, other.rare, other.ranges = self.index, self.rare, self.ranges
        return other

    def least(self, name: str, value: str | float) -> None:
        """Keep the least of the values of a sort key."""
        held: Any = self.sort.get(name)
        if held is None or value < held:
            self.sort[name] = value
