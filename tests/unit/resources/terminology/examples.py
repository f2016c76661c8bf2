"""ValueSets and CodeSystems for the tests, and a source that has them beside HL7's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from resources.terminology import shapes, shipped, systems
from resources.terminology.lookups import Found, Wanted
from resources.terminology.shapes import CodeSystem, ValueSet
from resources.terminology.systems import System

Json = dict[str, Any]
PETS = "http://test.example/pets"


def code_system(*concepts: Json, url: str = PETS, **members: Any) -> Json:
    return {"resourceType": "CodeSystem", "url": url, "content": "complete", "concept": list(concepts), **members}


def concept(code: str, *nested: Json, **properties: Any) -> Json:
    """A concept; `properties` are given as name → a code, True, or a list of codes."""
    found = [
        {"code": name, ("valueBoolean" if isinstance(value, bool) else "valueCode"): value}
        for name, values in properties.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return {"code": code, "concept": list(nested), "property": found}


def value_set(url: str, *include: Json, exclude: tuple[Json, ...] = (), **members: Any) -> Json:
    compose = {"include": list(include), "exclude": list(exclude)}
    return {"resourceType": "ValueSet", "url": url, "compose": compose, **members}


def listed(*codes: str, system: str = PETS) -> Json:
    return {"system": system, "concept": [{"code": code} for code in codes]}


def filtered(property_: str, op: str, value: str, system: str = PETS) -> Json:
    return {"system": system, "filter": [{"property": property_, "op": op, "value": value}]}


def imported(*urls: str) -> Json:
    return {"valueSet": list(urls)}


def decoded(resource: Json) -> ValueSet | System:
    text = msgspec.json.encode(resource)
    if resource["resourceType"] == "ValueSet":
        return shapes.decode(text, ValueSet)
    return systems.prepare(shapes.decode(text, CodeSystem))


def source(*resources: Json) -> Callable[[Wanted], Found]:
    """Finds these, then HL7's own."""
    held = {(resource["resourceType"], resource["url"]): decoded(resource) for resource in resources}

    def find(wanted: Wanted) -> Found:
        found = held.get((wanted.type, wanted.url))
        return found if found is not None and wanted.version in (None, found.version) else shipped.find(wanted)

    return find
