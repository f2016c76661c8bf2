"""What `_sort` can order by: scalars under `sort` in the stored document, written by the extractor.

Rule: a type that has a key always has its field, null where the resource has no value, so that nothing is lost from a
sorted answer. See https://hl7.org/fhir/R4/search.html#sort.
"""

from __future__ import annotations

from functools import cache

from fhir_server.document import layout
from resources import expressions
from resources.parameters import BASE

PRINCIPAL = "date"
"""The scalar of a type's principal date, which the indexes iD and tD have."""

WIDE = "wide"
"""The same scalar again, where the principal date is a span of a day or more."""

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
    """Parameter code → name of its scalar under `sort`, for what a resource type can be sorted by."""
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


def field_of(type_: str | None, code: str) -> str | None:
    """The field of the stored document that holds the order of a parameter, None where it cannot be sorted by.

    With `type_` None (search at the root) only `_id` and `_lastUpdated` can be.
    """
    if code == "_id":
        return layout.ID
    if code == "_lastUpdated":
        return layout.UPDATED
    name = scalars(type_).get(code) if type_ else None
    return f"{layout.SORT}.{name}" if name else None


def sortable(type_: str | None) -> list[str]:
    """Codes that `_sort` takes, for error texts."""
    return sorted(["_id", "_lastUpdated", *(scalars(type_) if type_ else ())])
