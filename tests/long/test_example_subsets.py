"""HL7's examples cut in every way: what is left is valid, but for rules that ask for elements which may be left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from resources import json_codec, subsets, validation
from resources.subsets import Subset

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

MANDATORY_ONLY = {"app-3", "bdl-9", "bdl-10", "bdl-11", "bdl-12"}
"""Rules that make an optional element mandatory by what another one says; `_summary=text` and `_elements` follow the
definition of each element only."""


def broken(subset: Subset, files: list[Path]) -> set[str]:
    """The rules that parts of valid examples break."""
    found: set[str] = set()
    for file in files:
        resource = json_codec.decode(file.read_bytes())
        if subset.kind == "elements":
            subset = subsets.parse_elements("id", (resource["resourceType"],))
        problems = validation.validate(subsets.apply(subset, resource))
        if problems and not validation.validate(resource):
            for problem in problems:
                rule = re.search(r"\(([a-z]+-\d+)\)$", problem.diagnostics)
                found.add(rule[1] if rule else f"{file.name}: {problem.diagnostics}")
    return found


@pytest.mark.parametrize(
    ("kind", "rules"), [("true", set()), ("data", set()), ("text", MANDATORY_ONLY), ("elements", MANDATORY_ONLY)]
)
def test_parts_of_examples_are_valid(official_examples: Path, kind: subsets.Kind, rules: set[str]) -> None:
    files = [file for file in sorted(official_examples.glob("*.json")) if file.name != "package.json"]

    assert broken(Subset(kind), files) == rules
