"""How a wrong value is told to a person: what was found, what is expected, what may have been meant.

Rule: nothing here decides whether a value is right; words never hold regular expressions or a library's terms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from typing import Any

from resources.primitives import MAXIMUM_LENGTH, PRIMITIVES
from resources.rules.problem import Problem, quoted

_DAY = re.compile(r"\d{4}-\d\d-\d\d(?=T|$)", re.ASCII)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def found(value: Any) -> str:
    """The JSON type of `value`, with the value itself where it is short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        return f"the string {quoted(value)}"
    return f"the number {str(value)[:40]}"


def unknown_member(name: str, known: Iterable[str], where: str) -> Problem:
    """About a member that its object may not have."""
    near = get_close_matches(name[:64], list(known), n=1, cutoff=0.7)
    hint = f"; did you mean {quoted(near[0])}?" if near else ""
    return Problem(f"{quoted(name)} is not an element of {where} in R4{hint}", "structure")


def wrong_primitive(type_: str, value: Any) -> Problem:
    """About a value that the primitive `type_` does not accept."""
    primitive = PRIMITIVES[type_]
    if _kind(value) != primitive.kind:
        return Problem(f"expected a {primitive.kind} ({primitive.words}), found {found(value)}", "structure")
    if not isinstance(value, str):
        return Problem(f"{str(value)[:40]} is not {primitive.words}", "value")
    if len(value) > MAXIMUM_LENGTH and type_ in ("string", "markdown"):
        return Problem(f"{len(value):,} characters are too many: at most {MAXIMUM_LENGTH:,}", "too-long")
    return Problem(_wrong_text(type_, value), "value")


def _wrong_text(type_: str, value: str) -> str:
    if not value:
        return "a value must not be empty: leave the element out instead"
    if forbidden := _FORBIDDEN.search(value):
        return f"the character U+{ord(forbidden[0]):04X} at position {forbidden.start() + 1} is not allowed in text"
    if type_ in ("date", "dateTime", "instant") and (day := _DAY.match(value)) and not _exists(day[0]):
        return f"{quoted(value)}: there is no such day"
    return f"{quoted(value)} is not {PRIMITIVES[type_].words}"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "other" if value is None or isinstance(value, dict | list | float) else "number"


def _exists(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True
