"""Whatever JSON arrives: validation never raises, its answer can be sent, and its proof agrees with its walk."""

from __future__ import annotations

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from resources import json_codec, schemas, validation
from resources.outcome import operation_outcome
from resources.registry import RESOURCE_TYPES, STRUCTURES
from resources.rules import contained

Json = dict[str, Any]

_SAMPLES = Path(__file__).parents[1] / "unit" / "resources" / "validation_samples.json"
SAMPLES: list[Json] = list(json_codec.decode(_SAMPLES.read_bytes()).values())
NAMES = sorted({member for structure in STRUCTURES.values() for element in structure.elements.values()
                for member in (*element.members, "_" + element.name)} | {"resourceType"})  # fmt: skip
TEXTS = [
    "Patient", "#gp", "#", "Patient/1", "2024-02-30", "2024", "", " ", "male", "\x00", "\ud800", "http://loinc.org",
    "javascript:x", "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>", "<div>", "9999-12-31T23:59:60.9+14:00",
    "0001-01-01T00:00:00+14:00", "transaction", "document", "x" * 2000,
]  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.decimals(allow_nan=False, allow_infinity=False).map(lambda value: Decimal(str(value)))
    | st.text(max_size=20)
    | st.sampled_from(TEXTS)
)
names = st.sampled_from(NAMES) | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each (container, key) in a JSON value."""
    found: list[tuple[Any, Any]] = []
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found += [(value, key), *places(value[key])]
    return found


@st.composite
def mutated(draw: st.DrawFn) -> Json:
    """A valid resource with one to four changes at random places."""
    resource = copy.deepcopy(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 4))):
        container, key = draw(st.sampled_from(places(resource)))
        change = draw(st.sampled_from(["replace", "remove", "rename", "repeat", "move"]))
        if change == "replace":
            container[key] = draw(values)
        elif change == "remove":
            del container[key]
        elif change == "rename" and isinstance(container, dict):
            container[draw(names)] = container.pop(key)
        elif change == "repeat":
            container[key] = [container[key], container[key]]
        elif change == "move":
            _, other = draw(st.sampled_from(places(resource)))
            container[key] = copy.deepcopy(draw(st.sampled_from([c[k] for c, k in places(resource) if k == other])))
        if not places(resource):
            break
    return resource


def walk(resource: Any) -> int:
    """The number of problems that the walk alone finds."""
    report = validation._Report()
    validation._Walk(report, contained.types_by_id(resource)).resource(resource, "x")
    return report.count


@given(resource=mutated())
def test_mutated_resources_give_issues_that_can_be_sent(resource: Json) -> None:
    before = copy.deepcopy(resource)
    issues = validation.validate(resource)
    assert resource == before
    if issues:
        outcome = operation_outcome(issues)
        assert validation.validate(outcome) == []
        json_codec.encode(outcome)


@given(resource=mutated())
def test_what_is_proved_the_walk_finds_no_fault_with(resource: Json) -> None:
    proved = schemas.proves(resource)
    if isinstance(resource.get("resourceType"), str) and resource["resourceType"] in RESOURCE_TYPES:
        assert not (proved and walk(resource))
    else:
        assert not proved


@given(value=values | st.dictionaries(names, values).map(lambda members: members | {"resourceType": "Bundle"}))
def test_any_json_gives_issues_that_can_be_sent(value: Any) -> None:
    issues = validation.validate(value)
    if issues:
        assert validation.validate(operation_outcome(issues)) == []
