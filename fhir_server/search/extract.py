"""A resource's search entries, made when it is written: resource → `Extracted`.

Rule: pure, and total for every valid resource; the compiler and the matcher read the same entries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fhir_server.document import entry
from fhir_server.search import contained, further
from fhir_server.search.sort import scalars
from fhir_server.search.types import words
from fhir_server.search.types.faces import FACES
from fhir_server.search.types.sink import MOST_ENTRIES, Sink
from resources import expressions, references
from resources.compartments import COMPARTMENTS
from resources.expressions import Emitter, Leaf
from resources.parameters import BASE, WITHOUT_ENTRIES, ParameterSet, united

UNBOUNDED_BYTES = MOST_ENTRIES // 2
"""Texts up to it cannot have too many entries: one takes two bytes at the least."""
_REFERENCE = re.compile(rb'"reference":"([^"#][^"]*)"')


@dataclass(slots=True)  # not frozen: that takes a microsecond of a resource's twenty
class Extracted:
    """What is stored beside a resource to find it by; BSON-ready, each value once.

    `index`: entries `Type.param|value`; `rare`: those of them that are seldom asked for. `ranges`:
    `{"k": "Type.param", "lo": …, "hi": …}` (milliseconds or floats).
    `sort`: scalars by parameter code, null where the resource has no value. `compartments`: `Patient/1`.
    `references`: `Type/id` of the resources of this server that its reference parameters point to.
    """

    index: list[str]
    ranges: list[dict[str, Any]]
    sort: dict[str, str | float | None]
    compartments: list[str]
    references: list[str]
    rare: list[str] = field(default_factory=list)


def extract(
    resource: dict[str, Any], base_url: str, parameters: ParameterSet = BASE, *, bounded: bool = False
) -> Extracted:
    """The entries of a valid resource; `base_url` is the server's own, whose references count as relative.

    `parameters`: HL7's, and those defined here that are to be found as well. Raises PayloadTooLarge, where `bounded`,
    for more entries than one resource may have.
    """
    type_ = resource["resourceType"]
    run, sort_keys = _extractor(type_)
    sink = Sink(base_url, resource, sort_keys.copy(), bounded=bounded)
    if type_ in COMPARTMENTS and "id" in resource:
        sink.compartments.append(f"{type_}/{resource['id']}")
    run(resource, sink)
    words.emit(resource, sink, content=parameters.content)
    compartments, pointed_to = dict.fromkeys(sink.compartments), dict.fromkeys(sink.references)
    if parameters.added:  # they come and go: compartments and integrity rest on HL7's own
        further.extract(resource, sink, parameters)
    return Extracted(
        index=list(dict.fromkeys(sink.index)),
        ranges=list(sink.ranges),
        sort=sink.sort,
        compartments=list(compartments),
        references=list(pointed_to),
        rare=list(dict.fromkeys(sink.rare)),
    )


def uncovered(resource: dict[str, Any], text: bytes, covered: Collection[str], base_url: str) -> list[str]:
    """Entries of the references to resources of this server that are not among `covered` (`Extracted.references`): in
    extensions, contained resources, and elements without a parameter.

    `text` is the resource encoded: looked through first, since nearly always nothing is left.
    """
    if {value.decode() for value in _REFERENCE.findall(text)} <= set(covered):
        return []
    parsed = (references.parse(value, base_url) for _, _, value in references.references_in(resource))
    keys = {reference.key for reference in parsed if reference is not None and reference.key is not None}
    return [entry.exact(entry.UNCOVERED, key) for key in sorted(keys.difference(covered))]


def complete(
    resource: dict[str, Any], text: bytes, base_url: str, parameters: ParameterSet, *, bounded: bool = False
) -> Extracted:
    """All entries that are stored beside a resource: of the parameters, and of references that none covers.

    `text` is the resource encoded. Raises PayloadTooLarge, where `bounded`, as soon as they are too many.
    """
    extracted = extract(resource, base_url, parameters, bounded=bounded and len(text) > UNBOUNDED_BYTES)
    if "contained" in resource:
        _add_contained(extracted, resource, base_url, parameters)
    extracted.index.extend(uncovered(resource, text, extracted.references, base_url))
    return extracted


def _add_contained(extracted: Extracted, resource: dict[str, Any], base_url: str, parameters: ParameterSet) -> None:
    """Add the entries of what a resource contains."""
    texts: dict[str, None] = {}
    for each in contained.held(resource):
        inner = extract(each, base_url, parameters)
        here = entry.exact(each["resourceType"], each["id"])
        texts.update(dict.fromkeys(map(entry.of_contained, [here, *inner.index, *inner.rare])))
        extracted.ranges.extend(found | {"k": entry.of_contained(found["k"])} for found in inner.ranges)
    extracted.rare.extend(texts)


@cache
def _extractor(type_: str) -> tuple[Callable[[dict[str, Any], Sink], None], dict[str, str | float | None]]:
    """The compiled extractor of a type, and its sort keys without values; made on first use."""
    parameters = [
        parameter
        for parameter in BASE.searchable(type_)
        if parameter.code not in WITHOUT_ENTRIES and united(parameter) == (parameter,)
    ]
    return expressions.extractor(type_, parameters, _emitter), dict.fromkeys(scalars(type_).values())


def _emitter(leaf: Leaf) -> Emitter | None:
    return FACES[leaf.parameter.type].emitter(leaf)
