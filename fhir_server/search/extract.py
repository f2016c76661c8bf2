"""A resource's search entries, made when it is written: resource → `Extracted`.

Rule: pure, and total for every valid resource; the compiler and the matcher read the same entries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fhir_server.document import entry
from fhir_server.search import canonicals, contained, further, inside, uncovered
from fhir_server.search.sort import scalars
from fhir_server.search.types import words
from fhir_server.search.types.faces import FACES
from fhir_server.search.types.sink import MOST_ENTRIES, Sink
from resources import expressions
from resources.compartments import COMPARTMENTS
from resources.expressions import Emitter, Leaf
from resources.parameters import BASE, WITHOUT_ENTRIES, ParameterSet, united

UNBOUNDED_BYTES = MOST_ENTRIES // 2
"""Texts up to it cannot have too many entries: one takes two bytes at the least."""


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
    return _extracted(_gather(resource, base_url, parameters, bounded=bounded))


def complete(
    resource: dict[str, Any], text: bytes, base_url: str, parameters: ParameterSet, *, bounded: bool = False
) -> Extracted:
    """All entries that are stored beside a resource: also those of what it contains, and of references that no
    parameter covers.

    `text` is the resource encoded. Raises PayloadTooLarge, where `bounded`, as soon as they are too many.
    """
    sink = _gather(resource, base_url, parameters, bounded=bounded and len(text) > UNBOUNDED_BYTES)
    extracted = _extracted(sink)
    inner = []
    if "contained" in resource:
        inner = [_gather(each, base_url, parameters) for each in contained.held(resource)]
        _add_contained(extracted, inner)
    extracted.index += uncovered.entries(resource, text, sink, inner)
    return extracted


def _gather(resource: dict[str, Any], base_url: str, parameters: ParameterSet, *, bounded: bool = False) -> Sink:
    type_ = resource["resourceType"]
    run, sort_keys = _extractor(type_)
    sink = Sink(base_url, resource, sort_keys.copy(), bounded=bounded)
    if type_ in COMPARTMENTS and "id" in resource:
        sink.compartments.append(f"{type_}/{resource['id']}")
    run(resource, sink)
    sink.index += canonicals.entries(resource)
    for key, held in sink.inside:
        inside.add(sink, key, _gather(held, base_url, BASE))
    words.emit(resource, sink, content=parameters.content)
    if parameters.added:  # they come and go: compartments and integrity rest on HL7's own
        further.extract(resource, sink.aside(), parameters)
    return sink


def _extracted(sink: Sink) -> Extracted:
    return Extracted(
        index=list(dict.fromkeys(sink.index)),
        ranges=list(sink.ranges),
        sort=sink.sort,
        compartments=list(dict.fromkeys(sink.compartments)),
        references=list(dict.fromkeys(sink.references)),
        rare=list(dict.fromkeys(sink.rare)),
    )


def _add_contained(extracted: Extracted, inner: list[Sink]) -> None:
    """Add the entries of what a resource contains."""
    texts: dict[str, None] = {}
    for each in inner:
        here = entry.exact(each.resource["resourceType"], each.resource["id"])
        texts.update(dict.fromkeys(map(entry.of_contained, [here, *each.index, *each.rare])))
        extracted.ranges.extend(found | {"k": entry.of_contained(found["k"])} for found in each.ranges)
    extracted.rare.extend(texts)


@cache
def _extractor(type_: str) -> tuple[Callable[[dict[str, Any], Sink], None], dict[str, str | float | None]]:
    """The compiled extractor of a type, and its sort keys without values; made on first use."""
    parameters = [
        parameter
        for parameter in BASE.searchable(type_)
        if parameter.code not in WITHOUT_ENTRIES and united(parameter) == (parameter,)
    ]
    parameters.append(uncovered.parameter(type_, parameters))
    return expressions.extractor(type_, parameters, _emitter), dict.fromkeys(scalars(type_).values())


def _emitter(leaf: Leaf) -> Emitter | None:
    if leaf.parameter.code == entry.UNCOVERED:
        return uncovered.emit
    return FACES[leaf.parameter.type].emitter(leaf)
