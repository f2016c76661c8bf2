"""What a rule has to say about a value.

Rule: `at` is relative to the value that the rule was given; whoever walks the resource knows where that stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """`words` a person can act on, `code` an IssueType, `at` the rest of the FHIRPath (`.period.end`)."""

    words: str
    code: str = "invariant"
    at: str = ""


Rule = Callable[[Json], Iterable[Problem]]

NONE: tuple[Problem, ...] = ()


def quoted(value: str) -> str:
    """`value` in quotation marks for a message: short, on one line, without characters that FHIR forbids."""
    shown = value if len(value) <= 60 else value[:57] + "…"
    return '"' + "".join(character if character.isprintable() else ascii(character)[1:-1] for character in shown) + '"'
