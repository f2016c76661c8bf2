"""What is above and below a code in the hierarchy of its system: `:above` and `:below` of tokens.

Rule: any hierarchy that the CodeSystem gives counts (https://hl7.org/fhir/R4/search.html#token: "is-a, or hierarchical
relationships"); a system without one is refused, since the answer would look like an equality.
"""

from __future__ import annotations

from typing import Literal

from resources.terminology import lookups
from resources.terminology.lookups import Code, Effort, Steps
from resources.terminology.problems import NotExpandable

Direction = Literal["above", "below"]


def subsumed(system: str, code: str, direction: Direction, most: int) -> Steps[tuple[Code, ...]]:
    """The code and all its descendants (below) or ancestors (above), at most `most`.

    Raises NotExpandable: the system is unknown, incomplete here or has no hierarchy, or the code is unknown in it.
    """
    found = (yield from lookups.code_system(system, Effort())).complete()
    if not found.has_hierarchy:
        raise NotExpandable(
            f"CodeSystem {system} has no hierarchy: nothing in it is above or below {code[:60]}", "not-supported"
        )
    start = found.find(code)
    reached = found.below(start) if direction == "below" else found.above(start)
    if len(reached) > most:
        raise NotExpandable(
            f"{system}|{start} has {len(reached):,} codes {direction} it, and at most {most:,} can be asked for at "
            "once; use a narrower code",
            "too-costly",
        )
    return tuple((system, each) for each in reached)
