"""References to resources of this server that no parameter covers: for referential integrity they have entries too.

Rule: the walk for the parameters notes each Reference that it passes, and passes those without a parameter as well;
only where the text has more of them, in data types and extensions, the whole resource is gone through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fhir_server.document import entry
from fhir_server.search.types import reference
from fhir_server.search.types.sink import Sink
from resources import expressions, references
from resources.parameters import SearchParameter
from resources.registry import STRUCTURES

_MARK = b'"reference":"'
"""What the encoded text has for each reference, and inside of strings never: there quotes are escaped."""


def parameter(type_: str, parameters: Iterable[SearchParameter]) -> SearchParameter:
    """What looks at the Reference elements of a resource type that none of these parameters looks at."""
    covered = {
        leaf.path
        for each in parameters
        for leaf in (expressions.leaves(type_, each) if each.type == "reference" else ())
        if leaf.element_type == "Reference"
    }
    paths = [f"({'.'.join((type_, *path))} as Reference)" for path in _paths((type_,)) if path not in covered]
    return SearchParameter(entry.UNCOVERED, "", entry.UNCOVERED, "reference", (type_,), " | ".join(paths))


def _paths(structures: tuple[str, ...], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names of the elements to each Reference in the last of `structures`, which is inside of those before it;
    through backbone elements, but not through what is inside of its own kind, as items of items are."""
    for element in STRUCTURES[structures[-1]].elements.values():
        path = (*above, element.name)
        for type_ in element.types:
            if type_ == "Reference":
                yield path
            elif type_ in STRUCTURES and STRUCTURES[type_].kind == "backbone" and type_ not in structures:
                yield from _paths((*structures, type_), path)


def emit(sink: Sink, held: dict[str, Any]) -> None:
    """Note a Reference that no parameter looks at."""
    if "reference" in held:
        type_, forms = reference.reference_forms(held["reference"], sink.base_url)
        sink.holders[id(held)] = None if type_ is None else forms[0]


def entries(resource: dict[str, Any], text: bytes, sink: Sink, inner: Sequence[Sink]) -> list[str]:
    """The entries of the references that none of a resource's own parameters covers; `text` is the resource encoded,
    `sink` has what was found in it, and `inner` what was found in the resources that it contains."""
    holders = sink.holders
    for each in inner:
        holders = holders | each.holders
    found = set(holders.values())
    if text.count(_MARK) > len(holders):
        found.update(_keys(resource, sink.base_url))
    found.difference_update(sink.references)
    return [entry.exact(entry.UNCOVERED, key) for key in sorted(key for key in found if key is not None)]


def _keys(resource: dict[str, Any], base_url: str) -> Iterator[str | None]:
    texts = {text for _, _, text in references.references_in(resource)}
    return (parsed.key for text in texts if (parsed := references.parse(text, base_url)) is not None)
