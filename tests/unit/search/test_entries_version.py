"""The version of the search entries stands for what is extracted: neither changes without the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from fhir_server.document import layout
from fhir_server.search.extract import complete
from resources import expressions, json_codec
from resources.parameters import BASE, WITHOUT_ENTRIES, with_content
from resources.registry import RESOURCE_TYPES, STRUCTURES, Element

PINNED = (5, "895ab6d230573e522b7063c24f6a488a")
"""The version, and the digest of what it extracts."""

CODING = {"system": "http://loinc.org", "code": "8480-6", "display": "Systolic, upper arm"}
QUANTITY = {"value": 5.4, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
PERIOD = {"start": "2026-02-28", "end": "2026-03-01T10:00:00+01:00"}
VALUES: dict[str, Any] = {
    "Address": {"line": ["Straße 1"], "city": "São Paulo", "country": "BR", "use": "home"},
    "Age": {**QUANTITY, "code": "a"},
    "Annotation": {"text": "Noted"},
    "CodeableConcept": {"coding": [CODING, {"code": "Only|code"}], "text": "Blood pressure"},
    "Coding": CODING,
    "ContactPoint": {"system": "phone", "value": "+1 (555) 010", "use": "work"},
    "Duration": QUANTITY,
    "HumanName": {"family": "Müller-O'Hara", "given": ["Éva", "B."], "text": "Éva Müller"},
    "Identifier": {"system": "http://hospital.example/mrn", "value": "A|1", "type": {"coding": [CODING]}},
    "Money": {"value": 10, "currency": "EUR"},
    "Period": PERIOD,
    "Quantity": QUANTITY,
    "Range": {"low": QUANTITY, "high": {**QUANTITY, "value": 6}},
    "Reference": {"reference": "Patient/1", "identifier": {"system": "urn:x", "value": "1"}, "display": "Éva"},
    "Resource": {"resourceType": "Patient", "id": "inner"},
    "SampledData": {"origin": QUANTITY, "period": 1, "dimensions": 1, "data": "1 2 L"},
    "Timing": {"event": ["2026-01-01", "2026-01-02"]},
    "boolean": True,
    "canonical": "http://hospital.example/ValueSet/1|2",
    "code": "final",
    "date": "2026-02",
    "dateTime": "2026-02-28T23:30:00-05:00",
    "decimal": 1.50,
    "id": "Id.1",
    "instant": "2026-02-28T23:30:00.123Z",
    "integer": 7,
    "markdown": "Some *text*",
    "oid": "urn:oid:1.2.3",
    "positiveInt": 7,
    "string": "Größe, Øre 2",
    "unsignedInt": 7,
    "uri": "http://hospital.example/a",
    "url": "http://hospital.example/b",
}
"""A value of each type that search parameters look at."""
NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Words to find</p></div>'}


def resources() -> Iterator[dict[str, Any]]:
    """For each place that a search parameter looks at a resource with a value there."""
    for type_ in sorted(RESOURCE_TYPES):
        yield {"resourceType": type_, "id": "1", "text": NARRATIVE, "meta": {"tag": [CODING], "profile": ["http://p"]}}
        for parameter in BASE.searchable(type_):
            if not parameter.expression or parameter.code in WITHOUT_ENTRIES:
                continue
            for leaf in sorted(expressions.leaves(type_, parameter), key=repr):
                yield {"resourceType": type_, "id": "1", **planted(type_, leaf.path, leaf.element_type)}
    for type_ in ("Composition", "MessageHeader"):
        first = {"resourceType": type_, "id": "first", **whole(type_)}
        yield {"resourceType": "Bundle", "id": "1", "entry": [{"resource": first}]}
    inner = {"resourceType": "Observation", "id": "inner", **whole("Observation")}
    yield {"resourceType": "Basic", "id": "1", "contained": [inner]}


def planted(structure: str, path: tuple[str, ...], element_type: str) -> dict[str, Any]:
    """The member at the beginning of a path that leads to a value of a type; without a path, all members."""
    if not path:
        return whole(structure)
    element = STRUCTURES[structure].elements[path[0]]
    if len(path) == 1:
        return {element.member(element_type): listed(element, VALUES.get(element_type) or whole(element_type))}
    inner = next(type_ for type_ in element.types if type_ in STRUCTURES and path[1] in STRUCTURES[type_].elements)
    return {element.member(inner): listed(element, planted(inner, path[1:], element_type))}


def whole(structure: str) -> dict[str, Any]:
    """A value for each element of a structure that is not a structure of its own: what composites look at."""
    found = {}
    for element in STRUCTURES[structure].elements.values() if structure in STRUCTURES else ():
        type_ = next((type_ for type_ in element.types if type_ in VALUES), None)
        if type_ is not None and type_ != "Resource" and element.name != "id":
            found[element.member(type_)] = listed(element, VALUES[type_])
    return found


def listed(element: Element, value: Any) -> Any:
    return [value] if element.many else value


def digest() -> str:
    made = hashlib.sha256()
    for resource in resources():
        text = json_codec.encode(resource)
        extracted = complete(json_codec.decode(text), text, "http://here.example/fhir", with_content())
        fields = [
            sorted(extracted.index), sorted(extracted.rare), extracted.ranges, extracted.sort, extracted.compartments
        ]  # fmt: skip
        made.update(json.dumps(fields, sort_keys=True, default=str).encode())
    return made.hexdigest()[:32]


def test_what_is_extracted_changes_only_with_the_version() -> None:
    assert (layout.ENTRIES_VERSION, digest()) == PINNED, (
        "What is extracted from resources has changed: raise layout.ENTRIES_VERSION, so that databases are reindexed, "
        "and pin the new version and digest here."
    )


def test_entries_of_all_kinds_are_among_them() -> None:
    kinds = {"index": 0, "rare": 0, "ranges": 0, "compartments": 0}
    for resource in resources():
        extracted = complete(resource, json_codec.encode(resource), "http://here.example/fhir", BASE)
        for kind in kinds:
            kinds[kind] += len(getattr(extracted, kind))
    assert min(kinds.values()) > 100
