"""Where emitters put what they find in a resource.

Rule: emitters only add; `extract` makes the result of it.
"""

from __future__ import annotations

from typing import Any


class Sink:
    """The entries of one resource in the making."""

    __slots__ = ("base_url", "compartments", "index", "ranges", "rare", "references", "resource", "sort")

    def __init__(self, base_url: str, resource: dict[str, Any]) -> None:
        self.base_url = base_url
        self.resource = resource
        self.index: list[str] = []
        self.rare: list[str] = []
        self.ranges: list[dict[str, Any]] = []
        self.sort: dict[str, str | float | None] = {}
        self.compartments: list[str] = []
        self.references: list[str] = []

    def least(self, name: str, value: str | float) -> None:
        """Keep the least of the values of a sort key."""
        held: Any = self.sort.get(name)
        if held is None or value < held:
            self.sort[name] = value
