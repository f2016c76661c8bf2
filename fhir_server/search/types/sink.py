"""Where emitters put what they find in a resource.

Rule: emitters only add; `extract` makes the result of it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from resources import references


class Sink:
    """The entries of one resource in the making."""

    __slots__ = ("base_url", "compartments", "index", "ranges", "references", "sort")

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.index: list[str] = []
        self.ranges: list[dict[str, Any]] = []
        self.sort: dict[str, str | float | None] = {}
        self.compartments: list[str] = []
        self.references: list[str] = []

    def least(self, name: str, value: str | float) -> None:
        """Keep the least of the values of a sort key."""
        held: Any = self.sort.get(name)
        if held is None or value < held:
            self.sort[name] = value

    def forms_of(self, reference: str) -> tuple[str | None, tuple[str, ...]]:
        """The type that a reference to a resource here names, else None, and the forms that it can be found by."""
        found = reference_forms(reference, self.base_url)
        if found[0] is not None:
            self.references.append(found[1][0])
        return found


@lru_cache(maxsize=16384)  # the same patients and encounters, again and again
def reference_forms(reference: str, base_url: str) -> tuple[str | None, tuple[str, ...]]:
    """See `Sink.forms_of`: without version, and with it where there is one. A fragment has no form."""
    parsed = references.parse(reference, base_url)
    if parsed is None:
        return None, (reference,)
    if parsed.id is not None:
        plain = f"{parsed.type}/{parsed.id}"
        here = None if parsed.base else parsed.type
        plain = f"{parsed.base}/{plain}" if parsed.base else plain
        return here, (plain, f"{plain}/_history/{parsed.version}") if parsed.version else (plain,)
    if parsed.uri is not None and parsed.version:
        return None, (parsed.uri, f"{parsed.uri}|{parsed.version}")
    return None, () if parsed.fragment is not None else (reference,)
