"""The codes of a ValueSet, evaluated from its definition.

Rules: a definition (`compose`) that can be evaluated is; where it cannot, an `expansion` that came with the resource
and is whole stands in for it. Abstract and inactive codes are members like others. What is compared are systems and
codes as they are written. See https://hl7.org/fhir/R4/valueset.html#compositions.
"""

from __future__ import annotations

from collections.abc import Iterable

from resources.terminology import lookups
from resources.terminology.lookups import Code, Effort, Steps
from resources.terminology.problems import NotExpandable
from resources.terminology.shapes import Contained, Expansion, Include, ValueSet

_Codes = dict[Code, None]
"""A set of codes that keeps their order."""

_DEEPEST = 20
_PARTIAL = frozenset({"filter", "limitedExpansion", "offset"})
"""Parameters of expansions that are not all of the value set."""


def expand(canonical: str, most: int) -> Steps[tuple[Code, ...]]:
    """Every code of the ValueSet `url` or `url|version`, at most `most`, in the order of its definition.

    Raises NotExpandable: unknown, needs a terminology that is not here, more than `most` codes, imports itself.
    """
    codes = yield from _value_set(canonical, (), Effort())
    if len(codes) > most:
        raise NotExpandable(
            f"ValueSet {canonical} has {len(codes):,} codes, and at most {most:,} can be asked for at once; "
            "use a smaller value set",
            "too-costly",
        )
    return tuple(codes)


def _value_set(canonical: str, way: tuple[str, ...], effort: Effort) -> Steps[_Codes]:
    """The codes of a ValueSet; `way` are those that import it."""
    found = yield from lookups.value_set(canonical, effort)
    name = f"{found.url}|{found.version}"
    if name in way:
        raise NotExpandable(f"ValueSet {found.url} imports itself: {_arrows((*way, name))}", "invalid")
    if len(way) == _DEEPEST:
        raise NotExpandable(f"value sets import each other more than {_DEEPEST} levels deep", "too-costly")
    try:
        return (yield from _composed(found, (*way, name), effort))
    except NotExpandable as problem:
        if found.expansion is None or not _is_whole(found.expansion):
            raise problem.within(f"ValueSet {canonical} cannot be expanded") from problem
        codes = dict.fromkeys(_contained(found.expansion.contains))
        effort.consider(len(codes))
        return codes


def _composed(resource: ValueSet, way: tuple[str, ...], effort: Effort) -> Steps[_Codes]:
    if resource.compose is None or not resource.compose.include:
        raise NotExpandable("it has no definition (compose.include) and no expansion that is whole", "not-supported")
    codes: _Codes = {}
    for include in resource.compose.include:
        codes |= yield from _included(include, way, effort)
    for exclude in resource.compose.exclude:
        for code in (yield from _included(exclude, way, effort)):
            codes.pop(code, None)
    return codes


def _included(include: Include, way: tuple[str, ...], effort: Effort) -> Steps[_Codes]:
    """The codes that are in all that one include, or exclude, names."""
    if include.concept and include.filter:
        raise NotExpandable("an include has both concepts and filters, which rule vsd-3 forbids", "invalid")
    if not include.system and (include.concept or include.filter or not include.value_set):
        raise NotExpandable("an include names no system, which rules vsd-1 and vsd-2 forbid", "invalid")
    codes = (yield from _of_system(include, effort)) if include.system else None
    for canonical in filter(None, include.value_set):
        imported = yield from _value_set(canonical, way, effort)
        effort.consider(len(imported))
        codes = imported if codes is None else {code: None for code in codes if code in imported}
    return codes or {}


def _of_system(include: Include, effort: Effort) -> Steps[_Codes]:
    """The codes of its system that an include selects: those it lists, those that pass all its filters, or all."""
    url, _, version = include.system.partition("|")  # HL7's sets of the older v2 tables have both here
    if include.concept:
        effort.consider(len(include.concept))
        return {(url, listed.code): None for listed in include.concept if listed.code}
    version = include.version or version
    canonical = f"{url}|{version}" if version else url
    system = (yield from lookups.code_system(canonical, effort)).complete()
    selected: Iterable[str] = system.parents
    for wanted in include.filter:
        effort.consider(len(system.parents))
        passing = frozenset(system.select(wanted))
        selected = [code for code in selected if code in passing]
    effort.consider(len(system.parents))
    return {(url, code): None for code in selected}


def _is_whole(expansion: Expansion) -> bool:
    if expansion.offset or not _PARTIAL.isdisjoint(parameter.name for parameter in expansion.parameter):
        return False
    return expansion.total is None or expansion.total <= sum(1 for _ in _contained(expansion.contains))


def _contained(items: Iterable[Contained]) -> Iterable[Code]:
    for item in items:
        if item.code:
            yield item.system, item.code
        yield from _contained(item.contains)


def _arrows(way: Iterable[str]) -> str:
    return " → ".join(name.rstrip("|") for name in way)
