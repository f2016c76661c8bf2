"""While entries are made anew after an upgrade: which searches have to wait.

Rule: whatever looks for resources by their entries asks here before, for each type that it looks through.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from resources.outcome import Unavailable
from resources.parameters import ParameterSet

SHOWN_TYPES: Final = 5
"""Types that a refusal names."""
RETRY_SECONDS: Final = 10


def check_current(parameters: ParameterSet, types: Iterable[str]) -> None:
    """Raises Unavailable where resources of one of the types have entries of another release: a search would miss
    some of them."""
    if not parameters.outdated:
        return
    outdated = sorted(parameters.outdated.keys() & set(types))
    if outdated:
        how_far = ", ".join(f"{type_} {parameters.outdated[type_]}" for type_ in outdated[:SHOWN_TYPES])
        more = f" and {len(outdated) - SHOWN_TYPES} more types" if len(outdated) > SHOWN_TYPES else ""
        raise Unavailable(
            f"The search entries are being made anew after an upgrade ({how_far}{more}); until a type is done it "
            "cannot be searched. Reads by id go on.",
            retry_after=RETRY_SECONDS,
        )
