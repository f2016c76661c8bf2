"""HL7's ValueSets, expanded here, against the expansions that HL7 published with them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from resources.terminology import expansion, lookups, shipped
from resources.terminology.lookups import Code, Wanted
from resources.terminology.systems import System

Json = dict[str, Any]

LEFT_OUT = {("notSelectable", "true"), ("abstract", "true"), ("status", "deprecated"), ("status", "retired")}
BY_PROPERTY = {
    "http://hl7.org/fhir/ValueSet/detectedissue-category",
    "http://terminology.hl7.org/ValueSet/v3-ActPharmacySupplyType",
}
"""Here codes are children by the property `child` alone, which HL7's tool did not follow."""

pytestmark = pytest.mark.long


def contained(items: Iterable[Json]) -> Iterator[Code]:
    for item in items:
        yield item["system"].partition("|")[0], item["code"]  # older tables of v2 have their version in it
        yield from contained(item.get("contains", ()))


def published(package: Path) -> dict[str, set[Code]]:
    """Those that are not marked as cut short; the codes that HL7's tool knew."""
    bundle = json.loads((package / "Bundle-valueset-expansions.json").read_bytes())
    found = {}
    for resource in (entry["resource"] for entry in bundle["entry"]):
        parameters = resource.get("expansion", {}).get("parameter", ())
        if "expansion" in resource and not any(held["name"] == "limitedExpansion" for held in parameters):
            found[resource["url"]] = set(contained(resource["expansion"].get("contains", ())))
    return found


def is_left_out(code: Code) -> bool:
    """Whether HL7's tool left a code out of expansions: abstract ones and those out of use."""
    system = shipped.find(Wanted("CodeSystem", code[0]))
    assert isinstance(system, System)
    held = {(property_.code, property_.text) for property_ in system.properties.get(code[1], ())}
    return not held.isdisjoint(LEFT_OUT)


def test_the_codes_are_those_that_hl7_published(official_examples: Path) -> None:
    expected = published(official_examples)
    assert len(expected) == 461
    for url, codes in expected.items():
        ours = set(lookups.run(expansion.expand(url, 100_000), shipped.find))
        assert codes <= ours, url
        assert all(map(is_left_out, ours - codes)) or url in BY_PROPERTY, url
