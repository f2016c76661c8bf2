"""`_include` and `_revinclude`: which reference parameters lead from the matches to what comes along with them.

Rule: pure; what is written wrongly is refused with the name and what is allowed. An include follows the parameters that
a search could ask for. See https://hl7.org/fhir/R4/search.html#include.

    _include=Observation:subject    _include=Observation:subject:Patient    _revinclude:iterate=Observation:has-member
    _include=Observation:*          _include=*
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from fhir_server.search import canonicals
from fhir_server.search.upgrade import check_current
from resources.outcome import BadRequest
from resources.parameters import ParameterSet
from resources.registry import RESOURCE_TYPES

EVERY = "*"
ITERATE = ":iterate"
NAMES = ("_include", f"_include{ITERATE}", "_revinclude", f"_revinclude{ITERATE}")
"""The parameters that are read here."""


@dataclass(frozen=True, slots=True)
class Way:
    """A reference parameter that is followed: from resources of type `source`, by their entries of `key`
    (`Observation.subject`), to those of type `targets`, of which it may name those of `by_url` by their url."""

    source: str
    key: str
    targets: frozenset[str]
    by_url: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Include:
    """One `_include`, or, with `reverse`, `_revinclude`, as the client wrote it in `text`, and the ways that it stands
    for. With `iterate` it is followed from what comes along, too."""

    text: str
    ways: tuple[Way, ...]
    reverse: bool = False
    iterate: bool = False


def parse(name: str, value: str, parameters: ParameterSet, types: Collection[str]) -> Include:
    """The include that the pair asks for in a search for `types`; without ways where none of these has part in it.

    Raises BadRequest.
    """
    reverse, iterate = name.startswith("_rev"), name.endswith(ITERATE)
    shown = f"{name}={value[:80]}"
    source, code, target = _parts(shown, value)
    if source != EVERY and source not in RESOURCE_TYPES:
        raise BadRequest(f"Parameter {shown}: {source[:40]!r} is not a resource type")
    sources = sorted(RESOURCE_TYPES) if source == EVERY else (source,)
    check_current(parameters, sources)
    found = tuple(way for each in sources for way in ways(parameters, each) if code in (EVERY, _code(way)))
    if not found:
        allowed = ", ".join(_code(way) for way in ways(parameters, source)) or "none"
        raise BadRequest(f"Parameter {shown}: {code[:40]!r} is not a reference parameter of {source}; {allowed} can be "
                         "followed")  # fmt: skip
    if target:
        found = _leading_to(shown, found, target)
    if not iterate:
        found = tuple(way for way in found if _has_part(way, types, reverse=reverse))
    return Include(shown, found, reverse, iterate)


def _parts(shown: str, value: str) -> tuple[str, str, str]:
    """Source type, parameter and target type of `Observation:subject:Patient`; the last may be empty."""
    if value == EVERY:
        return EVERY, EVERY, ""
    parts = value.split(":")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise BadRequest(f"Parameter {shown}: [type]:[reference parameter] is expected, with :[target type] behind it "
                         "if wanted, or [type]:* or *")  # fmt: skip
    return parts[0], parts[1], parts[2] if len(parts) == 3 else ""


def _code(way: Way) -> str:
    return way.key.partition(".")[2]


def _leading_to(shown: str, found: tuple[Way, ...], target: str) -> tuple[Way, ...]:
    """The same ways to one type of target. Raises BadRequest where none leads there."""
    only = frozenset({target})
    kept = tuple(Way(way.source, way.key, only, way.by_url & only) for way in found if target in way.targets)
    if not kept:
        allowed = sorted(frozenset[str]().union(*(way.targets for way in found)))
        one_of = ", ".join(allowed) if len(allowed) < 20 else "a resource type"
        raise BadRequest(f"Parameter {shown}: it leads to {one_of}, not to {target[:40]!r}")
    return kept


def _has_part(way: Way, types: Collection[str], *, reverse: bool) -> bool:
    """Whether a way begins, or, in reverse, ends, at resources of `types`."""
    return not way.targets.isdisjoint(types) if reverse else way.source in types


@lru_cache(maxsize=1024)
def ways(parameters: ParameterSet, type_: str) -> tuple[Way, ...]:
    """The reference parameters of a type that can be followed, sorted by code."""
    return tuple(_ways(parameters, type_))


def _ways(parameters: ParameterSet, type_: str) -> Iterator[Way]:
    for parameter in parameters.searchable(type_):
        if parameter.type == "reference":
            targets = frozenset(parameter.targets) or RESOURCE_TYPES
            named = canonicals.named(type_, parameter, targets)
            yield Way(type_, f"{type_}.{parameter.code}", targets, named)
