"""Result parameters: how the answer of a search is to look, one reader each.

Rule: what changes only the look of an answer is left out with a warning when lenient; what is written wrongly is
always refused. See https://hl7.org/fhir/R4/search.html#return.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from fhir_server.search import sort
from fhir_server.search.criteria import NOT_YET as NOT_SUPPORTED_YET
from fhir_server.search.query import SortKey
from fhir_server.search.reading import Reading
from fhir_server.search.tree import NOTHING, OfType
from resources.outcome import BadRequest
from resources.registry import RESOURCE_TYPES

CURSOR = "_cursor"
NOT_YET = frozenset({"_include", "_revinclude", "_elements", "_contained", "_containedType"})


def _count(reading: Reading, text: str) -> None:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadRequest(f"Parameter _count={text[:40]}: a number of at least 0 is expected")
    reading.count = min(int(text), reading.max_count)
    reading.applied.append(("_count", str(reading.count)))


def _sort(reading: Reading, text: str) -> None:
    keys = []
    for part in text.split(","):
        code = part.removeprefix("-").removeprefix("+")
        found = sort.field_of(reading.type, code)
        if found is None:
            allowed = ", ".join(sort.sortable(reading.type))
            raise BadRequest(f"Parameter _sort={text[:80]}: {code[:40]!r} cannot be sorted by; {allowed} can")
        keys.append(SortKey(found, descending=part.startswith("-")))
    if len({key.field for key in keys}) < len(keys):
        raise BadRequest(f"Parameter _sort={text[:80]}: a key is there twice")
    reading.sort = tuple(keys)
    reading.applied.append(("_sort", text))


def _total(reading: Reading, text: str) -> None:
    if text not in ("none", "estimate", "accurate"):
        raise BadRequest(f"Parameter _total={text[:40]}: none, estimate or accurate is expected")
    reading.total = text
    reading.applied.append(("_total", text))


def _summary(reading: Reading, text: str) -> None:
    if text == "count":
        reading.count = 0
    elif text in ("true", "text", "data"):
        reading.leave_out(f"Parameter _summary={text} {NOT_SUPPORTED_YET}")
        return
    elif text != "false":
        raise BadRequest(f"Parameter _summary={text[:40]}: true, text, data, count or false is expected")
    reading.applied.append(("_summary", text))


def _type(reading: Reading, text: str) -> None:
    if reading.type is not None:
        raise BadRequest("Parameter _type is for searches over all types")
    types = text.split(",")
    unknown = [type_[:40] for type_ in types if type_ not in RESOURCE_TYPES]
    if unknown:
        raise BadRequest(f"Parameter _type: {', '.join(unknown)} is not a resource type")
    reading.types = tuple(sorted(set(types) & set(reading.types or types)))
    reading.tests.append(OfType(reading.types) if reading.types else NOTHING)
    reading.applied.append(("_type", text))


def _cursor(reading: Reading, text: str) -> None:
    if reading.cursor is not None:
        raise BadRequest(f"Parameter {CURSOR} is there twice")
    reading.cursor = text


RESULT_PARAMETERS: Mapping[str, Callable[[Reading, str], None]] = MappingProxyType({
    "_count": _count,
    "_sort": _sort,
    "_total": _total,
    "_summary": _summary,
    "_type": _type,
    CURSOR: _cursor,
})
