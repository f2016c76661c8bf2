"""The compiled schemas: what they prove, what they leave to the walk, and that they know every type."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from resources import schemas, validation
from resources.registry import RESOURCE_TYPES, STRUCTURES, Element
from resources.rules import bindings

Json = dict[str, Any]

SAID = {"url": "http://example.org", "valueString": "said elsewhere"}
VALUES: dict[str, Any] = {
    "base64Binary": "QUJD",
    "boolean": True,
    "canonical": "http://example.org/x",
    "code": "a",
    "date": "2024-05-17",
    "dateTime": "2024-05-17T10:00:00Z",
    "decimal": Decimal("1.50"),
    "id": "a",
    "instant": "2024-05-17T10:00:00Z",
    "integer": 1,
    "markdown": "a",
    "oid": "urn:oid:1.2",
    "positiveInt": 1,
    "string": "a",
    "time": "10:00:00",
    "unsignedInt": 1,
    "uri": "http://example.org",
    "url": "http://example.org",
    "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
}


def smallest(path: str) -> Json:
    """The smallest object of a structure: its required elements, with their first type."""
    made: Json = {"resourceType": path} if path in RESOURCE_TYPES else {}
    for element in STRUCTURES[path].elements.values():
        if element.minimum > 0:
            type_ = element.types[0]
            value = value_of(element, type_)
            made[element.member(type_)] = [value] * element.minimum if element.many else value
    return made


def value_of(element: Element, type_: str) -> Any:
    if element.value_set and bindings.codes(element.value_set):
        return bindings.codes(element.value_set)[0]
    return VALUES[type_] if type_ in VALUES else smallest(type_) or {"extension": [SAID]}


MADE_VALID: dict[str, Json] = {
    # what an invariant asks beyond the required elements, or what has no required element at all
    "Appointment": {
        "status": "proposed",
        "participant": [{"status": "accepted", "actor": {"display": "a"}}],
    },
    "Bundle": {"type": "collection"},
}


@pytest.mark.parametrize("type_", sorted(RESOURCE_TYPES))
def test_every_resource_type_is_proved_and_the_walk_agrees(type_: str) -> None:
    resource = smallest(type_) | MADE_VALID.get(type_, {})
    before = copy.deepcopy(resource)
    assert validation.validate(resource) == []
    assert schemas.proves(resource)
    assert resource == before


@pytest.mark.parametrize("type_", sorted(RESOURCE_TYPES))
def test_every_required_element_is_missed_by_both(type_: str) -> None:
    resource = smallest(type_) | MADE_VALID.get(type_, {})
    for element in STRUCTURES[type_].elements.values():
        if element.minimum > 0:
            rest = {name: value for name, value in resource.items() if name not in element.members}
            assert not schemas.proves(rest)
            assert (f"{type_}.{element.name}", "required") in [
                (issue.expression, issue.code) for issue in validation.validate(rest)
            ]


@pytest.mark.parametrize("value", [None, True, 1, Decimal(1), "Patient", [], {}, {"resourceType": "Alien"}])
def test_what_is_no_resource_is_not_proved(value: Any) -> None:
    assert not schemas.proves(value)


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "name": [{"given": ["a", None], "_given": [None, {"id": "b"}]}]},
        {"resourceType": "Basic", "code": {"text": "x"}, "_created": {"id": "a"}},
        {"resourceType": "Slot", "_status": {"id": "x"}, "schedule": {"display": "x"}, "start": VALUES["instant"]}
        | {"end": VALUES["instant"]},
    ],
)
def test_rare_shapes_are_valid_whether_or_not_they_are_proved(resource: Json) -> None:
    assert validation.validate(resource) == []


def test_deep_nesting_is_not_proved_and_does_not_raise() -> None:
    deep: Json = {"url": "http://e", "valueString": "x"}
    for _ in range(5000):
        deep = {"url": "http://e", "extension": [deep]}
    assert not schemas.proves({"resourceType": "Patient", "extension": [deep]})
