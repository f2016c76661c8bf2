"""What `_sort` can order by at once: scalars under `sort` in the stored document, written by the extractor.

Rule: a type that has a key always has its field, null where the resource has no value, so that nothing is lost from a
sorted answer. See https://hl7.org/fhir/R4/search.html#sort.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from fhir_server.document import layout
from resources import expressions
from resources.parameters import BASE

PRINCIPAL = "date"
"""The scalar of a type's principal date, which the indexes iD and tD have."""

WIDE = "wide"
"""The same scalar again, where the principal date is a span of a day or more."""
FIELDS: Mapping[str, str] = MappingProxyType({"_id": layout.ID, "_lastUpdated": layout.UPDATED})
"""Parameter code → field, of those that every document has."""

_PRINCIPAL_CODES = (
    "date", "authoredon", "authored-on", "authored", "issued", "recorded-date", "started", "start", "sent", "created",
    "occurrence", "performed", "effective", "effective-time", "whenhandedover", "datetime", "collected", "recorded",
    "identified", "datewritten", "start-date", "entered-date", "period", "timestamp",
)  # fmt: skip
_STRING_CODES = frozenset({"family", "given", "name", "title"})
_TOKEN_CODES = frozenset({"status"})


@cache
def dates(type_: str) -> tuple[str, ...]:
    """The codes of the date parameters that say when the thing happened, the principal one first."""
    known = BASE.for_type(type_)
    return tuple(code for code in _PRINCIPAL_CODES if code in known and known[code].type == "date")


def principal_date(type_: str) -> str | None:
    """The code of the first of them; None where a type has no such date."""
    return next(iter(dates(type_)), None)


@cache
def principal_key(type_: str) -> str | None:
    """The key of the ranges of a type's principal date, where a resource has one at most; else None."""
    code = principal_date(type_)
    if code is None or not expressions.is_single(type_, BASE.for_type(type_)[code]):
        return None
    return f"{type_}.{code}"


@cache
def scalars(type_: str) -> dict[str, str]:
    """Parameter code → name of its scalar under `sort`, which is the least of the parameter's values."""
    principal = principal_date(type_)
    found = {}
    for code, parameter in BASE.for_type(type_).items():
        if (
            (parameter.type == "date" and not code.startswith("_"))
            or (parameter.type == "string" and code in _STRING_CODES)
            or (parameter.type == "token" and code in _TOKEN_CODES)
        ):
            found[code] = PRINCIPAL if code == principal else code
    return found


def field(scalar: str) -> str:
    """The path of a scalar in the stored document."""
    return f"{layout.SORT}.{scalar}"
