"""How much work a patch may be, counted while it is done: it follows from paths, criteria and lists together.

Rule: whoever walks over values of a resource says so beforehand; one patch is refused before it takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from resources.outcome import Unprocessable

MOST: Final = 300_000
"""Values that one patch may look at: a second or two. An honest one looks at some hundreds."""


@dataclass(slots=True)
class Work:
    """What one patch may still do."""

    left: int = MOST

    def spend(self, values: int) -> None:
        """Count that so many values are looked at. Raises Unprocessable (too costly) where they are too many."""
        self.left -= values
        if self.left < 0:
            raise Unprocessable(
                "The patch is too much work for this resource. Send fewer operations at a time, with shorter paths, or "
                "replace the resource by an update.",
                code="too-costly",
            )
