"""A CodeSystem: its codes, what is above and below each, and the filters of value sets.

Rule: the hierarchy is the nesting of concepts together with properties that name parents or children; a concept may
have several parents. See https://hl7.org/fhir/R4/codesystem.html#hierarchy and
https://hl7.org/fhir/R4/valueset-filter-operator.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from resources.terminology.problems import NotExpandable
from resources.terminology.shapes import CodeSystem, Concept, Filter, Property

_DEFINED = "http://hl7.org/fhir/concept-properties#"
_PARENT = frozenset({"parent", "subsumedBy"})
_CHILD = frozenset({"child", "subsumes"})
_CONCEPT = frozenset({"concept", "code"})
_NO_SUBSUMPTION = frozenset({"part-of", "grouped-by", "classified-with"})
_SHOWN = 60


@dataclass(frozen=True)
class System:
    """A CodeSystem made ready: `parents` has every code, in the order of the definition; `children` those that have
    some; `properties` those that have any, without parents and children."""

    url: str
    version: str
    date: str
    content: str
    case_sensitive: bool | None
    hierarchy_meaning: str
    declared: frozenset[str]
    parents: Mapping[str, tuple[str, ...]]
    children: Mapping[str, tuple[str, ...]]
    properties: Mapping[str, tuple[Property, ...]]

    @cached_property
    def _folded(self) -> Mapping[str, str]:
        return {code.casefold(): code for code in reversed(list(self.parents))}

    @property
    def has_hierarchy(self) -> bool:
        """Whether codes are above others here, or could be."""
        return bool(self.hierarchy_meaning or self.children)

    def complete(self) -> System:
        """Itself, whose codes are all here. Raises NotExpandable."""
        if self.content != "complete":
            raise NotExpandable(
                f"CodeSystem {self.url} has not all its codes here (its content is {self.content or 'not said'}, "
                "not complete)",
                "not-supported",
            )
        return self

    def find(self, asked: str) -> str:
        """A code as the definition writes it; case matters only where the definition says so. Raises NotExpandable."""
        if asked in self.parents:
            return asked
        if not self.case_sensitive and (found := self._folded.get(asked.casefold())):
            return found
        likely = get_close_matches(asked[:_SHOWN], self.parents, n=3, cutoff=0.6)
        hint = f"; similar: {', '.join(likely)}" if likely else ""
        raise NotExpandable(f"CodeSystem {self.url} has no code {asked[:_SHOWN]}{hint}", "not-found")

    def below(self, code: str) -> tuple[str, ...]:
        """The code itself and all its descendants."""
        return _reached(code, self.children)

    def above(self, code: str) -> tuple[str, ...]:
        """The code itself and all its ancestors."""
        return _reached(code, self.parents)

    def select(self, wanted: Filter) -> Iterable[str]:
        """The codes that a filter of a value set lets through. Raises NotExpandable."""
        selectors: dict[str, Callable[[Filter], Iterable[str]]] = {
            "is-a": lambda wanted: self.below(self._root(wanted)),
            "descendent-of": lambda wanted: self.below(self._root(wanted))[1:],
            "is-not-a": lambda wanted: self._without(self.below(self._root(wanted))),
            "generalizes": lambda wanted: self.above(self._root(wanted)),
            "=": lambda wanted: self._having(wanted.property, {wanted.value.strip()}),
            "in": lambda wanted: self._having(wanted.property, _listed(wanted.value)),
            "not-in": lambda wanted: self._without(self._having(wanted.property, _listed(wanted.value))),
            "exists": self._existing,
        }
        selector = selectors.get(wanted.op)
        if selector is None:
            raise NotExpandable(
                f"the filter {_shown(wanted)} is not evaluated here, only {', '.join(selectors)}; "
                "store the ValueSet with its expansion",
                "not-supported",
            )
        return selector(wanted)

    def _root(self, wanted: Filter) -> str:
        """The code that a filter by hierarchy starts from."""
        if wanted.property not in _CONCEPT:
            raise NotExpandable(f"the filter {_shown(wanted)} can be told for the property concept only", "invalid")
        if self.hierarchy_meaning in _NO_SUBSUMPTION:
            raise NotExpandable(
                f"the filter {_shown(wanted)} asks for kinds of a concept, but the hierarchy of {self.url} means "
                f"{self.hierarchy_meaning}",
                "not-supported",
            )
        return self.find(wanted.value.strip())

    def _existing(self, wanted: Filter) -> Iterable[str]:
        if wanted.value not in ("true", "false"):
            raise NotExpandable(f"the filter {_shown(wanted)} needs true or false", "invalid")
        having = [code for code, values in self._values(wanted.property) if values]
        return having if wanted.value == "true" else self._without(having)

    def _having(self, name: str, values: set[str]) -> Iterable[str]:
        """The codes of which a property has one of the values."""
        if name in _CONCEPT:
            return tuple(dict.fromkeys(map(self.find, values)))
        return [code for code, held in self._values(name) if not values.isdisjoint(held)]

    def _values(self, name: str) -> Iterable[tuple[str, Iterable[str]]]:
        """Each code with its values of a property."""
        if name in _CONCEPT:
            return ((code, (code,)) for code in self.parents)
        if name in _PARENT:
            return self.parents.items()
        if name in _CHILD:
            return ((code, self.children.get(code, ())) for code in self.parents)
        if name not in self.declared:
            known = ", ".join(sorted({"concept", "parent", "child"} | self.declared))
            raise NotExpandable(
                f"CodeSystem {self.url} has no property {name[:_SHOWN]}; its filters can be on {known}", "not-supported"
            )
        return (
            (code, [property_.text for property_ in self.properties.get(code, ()) if property_.code == name])
            for code in self.parents
        )

    def _without(self, codes: Iterable[str]) -> Iterable[str]:
        left_out = frozenset(codes)
        return [code for code in self.parents if code not in left_out]


def prepare(resource: CodeSystem) -> System:
    """The system that a CodeSystem describes."""
    roles = {declared.code: declared.uri.removeprefix(_DEFINED) for declared in resource.property if declared.uri}
    parents: dict[str, dict[str, None]] = {}
    properties: dict[str, tuple[Property, ...]] = {}
    links: list[tuple[str, str]] = []
    for concept, above in _nested(resource.concept):
        parents.setdefault(concept.code, {}).update(above)
        named = [(roles.get(held.code, held.code), held) for held in concept.property]
        links += [(held.text, concept.code) for role, held in named if role in _PARENT]
        links += [(concept.code, held.text) for role, held in named if role in _CHILD]
        if others := tuple(held for role, held in named if role not in _PARENT | _CHILD):
            properties[concept.code] = others
    for parent, child in links:
        if parent in parents and child in parents:
            parents[child][parent] = None
    return System(
        url=resource.url,
        version=resource.version,
        date=resource.date,
        content=resource.content,
        case_sensitive=resource.case_sensitive,
        hierarchy_meaning=resource.hierarchy_meaning,
        declared=frozenset(
            [declared.code for declared in resource.property]
            + [property_.code for held in properties.values() for property_ in held]
        ),
        parents={code: tuple(above) for code, above in parents.items()},
        children=_inverted(parents),
        properties=properties,
    )


def _nested(concepts: Iterable[Concept], *above: str) -> Iterator[tuple[Concept, dict[str, None]]]:
    """Every concept of a tree that has a code, and the code that it is nested in."""
    for concept in concepts:
        if concept.code:
            yield concept, dict.fromkeys(above)
        yield from _nested(concept.concept, *filter(None, [concept.code]))


def _inverted(parents: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    children: dict[str, list[str]] = {}
    for code, above in parents.items():
        for parent in above:
            children.setdefault(parent, []).append(code)
    return {code: tuple(below) for code, below in children.items()}


def _reached(start: str, steps: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Where `steps` lead to from `start`, itself first, each once (so that rings end)."""
    reached = {start: None}
    pending = [start]
    while pending:
        for code in steps.get(pending.pop(), ()):
            if code not in reached:
                reached[code] = None
                pending.append(code)
    return tuple(reached)


def _listed(value: str) -> set[str]:
    return {part.strip() for part in value.split(",")}


def _shown(wanted: Filter) -> str:
    return f"{wanted.property} {wanted.op} {wanted.value[:_SHOWN]}"
