"""HL7's published SearchParameters, and with them those defined here, looked up by resource type and code.

Rule: a parameter is known if HL7 defines it, and searchable if this server answers it; only searchable ones are in the
CapabilityStatement, and one that is merely known is refused by name, never ignored.
See https://hl7.org/fhir/R4/searchparameter-registry.html.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

from resources import definitions
from resources.registry import RESOURCE_TYPES, STRUCTURES

SEARCHABLE_TYPES = frozenset(
    {"composite", "date", "number", "quantity", "reference", "special", "string", "token", "uri"}
)
"""The parameter types that this server answers."""

WORDS = frozenset({"_text", "_content"})
"""Without an expression: answered from the words of texts."""

WITHOUT_ENTRIES = frozenset({"_id", "_lastUpdated"})
"""Answered from the stored document itself."""


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a composite: the url of the parameter that gives its type, and its expression from the base."""

    definition: str
    expression: str

    @property
    def parameter(self) -> SearchParameter:
        """The parameter that gives its type: one of HL7's."""
        return BY_URL[self.definition]


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One SearchParameter. `expression` is empty where HL7 gives none (`_text`); `targets` are resource types."""

    id: str
    url: str
    code: str
    type: str
    base: tuple[str, ...]
    expression: str = ""
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    description: str = ""
    general: bool = False
    """Whether its expression is for the FHIRPath engine (`paths`), since it is outside of what is compiled."""
    off: bool = False
    """Whether it is not answered because nobody switched it on."""

    @property
    def types(self) -> tuple[str, ...]:
        """The resource types that it applies to."""
        return tuple(type_ for base in self.base for type_ in _concrete(base))

    @property
    def searchable(self) -> bool:
        """Whether this server answers it."""
        return (bool(self.expression) or self.code in WORDS) and self.type in SEARCHABLE_TYPES and not self.off


@dataclass(frozen=True, slots=True)
class Unready:
    """Why a parameter that is defined cannot be asked for: `reason` in words; `passing` says that it will be."""

    reason: str
    passing: bool


class ParameterSet:
    """An immutable set of SearchParameters, by the resource types that they apply to."""

    def __init__(
        self,
        parameters: Iterable[SearchParameter],
        *,
        beside: ParameterSet | None = None,
        unready: Mapping[tuple[str, str], Unready] | None = None,
        outdated: Mapping[str, str] | None = None,
    ) -> None:
        """`beside` are those that are there already; none of `parameters` has the code of one of them."""
        given = tuple(parameters)
        self.all: tuple[SearchParameter, ...] = (*beside.all, *given) if beside else given
        """Every parameter once, in the order given."""
        self.added = given if beside else ()
        """Those that came beside others: they are not HL7's."""
        self.unready: Mapping[tuple[str, str], Unready] = MappingProxyType(dict(unready or {}))
        """(type, code) → why it cannot be asked for, of parameters that are not in the set."""
        self.outdated: Mapping[str, str] = MappingProxyType(dict(outdated or {}))
        """Type → how far the reindexing of it is, where its entries are still those of another release."""
        self.content = any(parameter.code == "_content" and parameter.searchable for parameter in self.all)
        """Whether the words of all texts are found, not those of narratives only."""
        by_type: dict[str, dict[str, SearchParameter]] = defaultdict(dict)
        for parameter in given:
            for type_ in parameter.types:
                by_type[type_][parameter.code] = parameter
        self._by_type: dict[str, Mapping[str, SearchParameter]] = {}
        if beside:
            self._by_type.update({type_: beside.for_type(type_) for type_ in RESOURCE_TYPES})
        for type_, found in by_type.items():
            found.update(self._by_type.get(type_, {}))
            self._by_type[type_] = MappingProxyType(dict(sorted(found.items())))

    def get(self, type_: str, code: str) -> SearchParameter | None:
        """The parameter that `code` means for a resource type, also if it is inherited from Resource."""
        return self._by_type[type_].get(code)

    def for_type(self, type_: str) -> Mapping[str, SearchParameter]:
        """Code → parameter, of all that HL7 defines for a resource type."""
        return self._by_type[type_]

    def searchable(self, type_: str) -> tuple[SearchParameter, ...]:
        """What this server answers for a resource type, sorted by code: the CapabilityStatement's `searchParam`."""
        return tuple(parameter for parameter in self._by_type[type_].values() if parameter.searchable)


def _concrete(base: str) -> Iterable[str]:
    if base == "Resource":
        return sorted(RESOURCE_TYPES)
    if base == "DomainResource":
        return [type_ for type_ in sorted(RESOURCE_TYPES) if "text" in STRUCTURES[type_].elements]
    return (base,)


def _parameter(raw: dict[str, Any]) -> SearchParameter:
    return SearchParameter(
        id=raw["id"],
        url=raw["url"],
        code=raw["code"],
        type=raw["type"],
        base=tuple(raw["base"]),
        expression=raw.get("expression", ""),
        targets=tuple(raw.get("target", ())),
        components=_components(raw),
        description=raw.get("description", ""),
        off=raw["code"] == "_content",
    )


def _components(raw: dict[str, Any]) -> tuple[Component, ...]:
    definitions_ = [part["definition"] for part in raw.get("component", ())]
    if raw["id"] == "DocumentReference-relationship":  # `code` has the definition of `target` there, and vice versa
        definitions_.reverse()
    expressions = [part["expression"] for part in raw.get("component", ())]
    return tuple(map(Component, definitions_, expressions))


BASE = ParameterSet(_parameter(raw) for raw in definitions.load("search-parameters"))
"""The 1,375 of R4 4.0.1; `_content` is off."""
BY_URL: Mapping[str, SearchParameter] = MappingProxyType({parameter.url: parameter for parameter in BASE.all})


@cache
def with_content() -> ParameterSet:
    """The same with `_content`."""
    return ParameterSet(replace(parameter, off=False) for parameter in BASE.all)


_HL7 = "http://hl7.org/fhir/SearchParameter/"
_UNIONS = {
    "Observation-combo-code": ("code", "component-code"),
    "Observation-combo-value-concept": ("value-concept", "component-value-concept"),
    "Observation-combo-value-quantity": ("value-quantity", "component-value-quantity"),
    "Observation-combo-code-value-concept": ("code-value-concept", "component-code-value-concept"),
    "Observation-combo-code-value-quantity": ("code-value-quantity", "component-code-value-quantity"),
}


def united(parameter: SearchParameter) -> tuple[SearchParameter, ...]:
    """The parameters whose values together are those of this one: it needs no entries of its own. Of most parameters
    that is itself."""
    codes = _UNIONS.get(parameter.id, ()) if parameter.url == f"{_HL7}{parameter.id}" else ()
    return tuple(found for code in codes if (found := BASE.get("Observation", code))) or (parameter,)
