"""HL7's own examples: all valid but for those that break R4 themselves, each of which is listed with its reason."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resources import json_codec, schemas, validation
from resources.rules import contained

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

Json = dict[str, Any]

REFUSED: dict[str, str] = {
    entry["file"]: entry["expression"]
    for entry in tomllib.loads(Path(__file__).with_name("examples_refused.toml").read_text(encoding="utf-8"))["refused"]
}
RARE_SHAPES = 12
"""Valid examples that the compiled schemas need not prove: nulls in arrays, required primitives given by extensions."""


def examples(directory: Path) -> Iterator[tuple[str, Json]]:
    for file in sorted(directory.glob("*.json")):
        if file.name != "package.json":
            yield file.name, json_codec.decode(file.read_bytes())


def test_all_examples_are_valid_but_for_the_listed(official_examples: Path) -> None:
    refused: dict[str, str | None] = {}
    count = walked = 0
    for name, resource in examples(official_examples):
        count += 1
        issues = validation.validate(resource)
        if issues:
            refused[name] = issues[0].expression
        elif not schemas.proves(resource):
            walked += 1
    assert refused == REFUSED
    assert count == 5306
    assert walked <= RARE_SHAPES


def test_the_walk_finds_no_fault_with_what_the_schemas_prove(official_examples: Path) -> None:
    for name, resource in examples(official_examples):
        if name not in REFUSED:
            report = validation._Report()
            validation._Walk(report, contained.types_by_id(resource)).resource(resource, resource["resourceType"])
            assert report.issues() == [], name


def test_synthetic_patients_are_valid(pytestconfig: pytest.Config) -> None:
    """Synthea's Bundles, where they lie beside the working copy."""
    for file in (pytestconfig.rootpath.parent / "shared" / "data" / "synthea").rglob("*.json"):
        assert validation.validate(json_codec.decode(file.read_bytes())) == [], file.name
