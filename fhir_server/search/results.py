"""Result parameters: how the answer of a search is to look, one reader each.

Rule: what changes only the look of an answer is left out with a warning when lenient; what is written wrongly is
always refused. See https://hl7.org/fhir/R4/search.html#return.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from fhir_server.search import includes, sorting
from fhir_server.search.reading import Reading
from fhir_server.search.tree import NOTHING, OfType
from resources import subsets
from resources.outcome import BadRequest
from resources.registry import RESOURCE_TYPES
from resources.subsets import Subset

CURSOR = "_cursor"
MOST_INCLUDES = 30
"""Of one search."""


def _count(reading: Reading, text: str) -> None:
    _once(reading, "_count")
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadRequest(f"Parameter _count={text[:40]}: a number of at least 0 is expected")
    reading.count = min(int(text), reading.max_count)
    reading.applied.append(("_count", str(reading.count)))


def _sort(reading: Reading, text: str) -> None:
    _once(reading, "_sort")
    types = (reading.type,) if reading.type else reading.types or tuple(sorted(RESOURCE_TYPES))
    reading.sort = sorting.keys(reading.asking, types, text)
    reading.applied.append(("_sort", text))


def _explain(reading: Reading, text: str) -> None:
    reading.explain = _one_of("_explain", text, "true", "false") == "true"


def _total(reading: Reading, text: str) -> None:
    reading.total = _chosen(reading, "_total", text, "none", "estimate", "accurate")


def _contained(reading: Reading, text: str) -> None:
    reading.contained = _chosen(reading, "_contained", text, "true", "both", "false")


def _contained_type(reading: Reading, text: str) -> None:
    reading.contained_type = _chosen(reading, "_containedType", text, "container", "contained")


def _summary(reading: Reading, text: str) -> None:
    _once(reading, "_summary")
    wanted = subsets.parse_summary(text)
    if wanted == "count":
        reading.only_count = True
    elif wanted is not None:
        _cut(reading, wanted)
        _check_together(reading)
    reading.applied.append(("_summary", text))


def _elements(reading: Reading, text: str) -> None:
    _once(reading, "_elements")
    wanted, issues = subsets.known_elements(text, (reading.type,) if reading.type else reading.types)
    for issue in issues:
        reading.leave_out(issue.diagnostics)
    if wanted is not None:
        _cut(reading, wanted)
        reading.applied.append(wanted.parameter)


def _cut(reading: Reading, wanted: Subset) -> None:
    if reading.subset is not None:
        raise BadRequest("Give either _summary or _elements: together they ask for two different parts.")
    reading.subset = wanted


def _check_together(reading: Reading) -> None:
    """What FHIR rules out: https://hl7.org/fhir/R4/search.html#summary."""
    if reading.includes and reading.subset is not None and reading.subset.kind == "text":
        raise BadRequest("_summary=text cannot be given with _include or _revinclude")


def _chosen(reading: Reading, name: str, text: str, *choices: str) -> str:
    """The choice that is applied. Raises BadRequest."""
    _once(reading, name)
    reading.applied.append((name, _one_of(name, text, *choices)))
    return text


def _one_of(name: str, text: str, *choices: str) -> str:
    if text not in choices:
        allowed = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise BadRequest(f"Parameter {name}={text[:40]}: {allowed} is expected")
    return text


def _once(reading: Reading, name: str) -> None:
    if any(applied == name for applied, _ in reading.applied):
        raise BadRequest(f"Parameter {name} is there twice")


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


def _include(name: str, reading: Reading, text: str) -> None:
    types = (reading.type,) if reading.type else reading.types or RESOURCE_TYPES
    found = includes.parse(name, text, reading.asking.parameters, types)
    if not found.ways:
        place = "leads to" if found.reverse else "begins at"
        reading.leave_out(
            f"Parameter {found.text}: none of it {place} what is searched, {', '.join(types)}; "
            f"{name}{includes.ITERATE} also follows what comes along"
        )
        return
    reading.includes[found] = None
    _check_together(reading)
    if len(reading.includes) > MOST_INCLUDES:
        raise BadRequest(f"Parameter {name}: a search has at most {MOST_INCLUDES} includes", code="too-costly")
    reading.applied.append((name, text))


def _cursor(reading: Reading, text: str) -> None:
    if reading.cursor is not None:
        raise BadRequest(f"Parameter {CURSOR} is there twice")
    reading.cursor = text


RESULT_PARAMETERS: Mapping[str, Callable[[Reading, str], None]] = MappingProxyType({
    "_count": _count,
    "_sort": _sort,
    "_total": _total,
    "_explain": _explain,
    "_contained": _contained,
    "_containedType": _contained_type,
    "_summary": _summary,
    "_elements": _elements,
    "_type": _type,
    CURSOR: _cursor,
    **{name: partial(_include, name) for name in includes.NAMES},
})


def forms(name: str) -> list[str]:
    """The result parameters that `name` is one of but for its modifier."""
    code = name.partition(":")[0]
    return [known for known in RESULT_PARAMETERS if known.partition(":")[0] == code]
