"""Resources of every type, cut in every way: what is left is a part of the whole, and all that was asked."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources import subsets
from resources.registry import PRIMITIVES, RESOURCE_TYPES, STRUCTURES, Element, Structure
from resources.subsets import Subset

Json = dict[str, Any]
Path = tuple[str | int, ...]

TYPES = sorted(RESOURCE_TYPES)
DEEPEST = 3
EXTENSION = [{"url": "http://e.example/x", "valueString": "y"}]
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def resources(draw: st.DrawFn) -> Json:
    """A resource of any type, with members of the right shape."""
    type_ = draw(st.sampled_from(TYPES))
    return {"resourceType": type_, **made(draw, STRUCTURES[type_], 0), "id": "1", "meta": {"versionId": "1"}}


def made(draw: st.DrawFn, structure: Structure, depth: int) -> Json:
    optional = [
        each for each in structure.elements.values() if not each.minimum and each.name not in ("contained", "id")
    ]
    wanted = [each for each in structure.elements.values() if each.minimum]
    wanted += draw(st.lists(st.sampled_from(optional), min_size=not wanted, max_size=6 if depth < DEEPEST else 1))
    found: Json = {}
    for element in wanted:
        type_ = draw(st.sampled_from(element.types[:8]))
        if type_ in PRIMITIVES and draw(st.integers(0, 4)) == 0:
            found["_" + element.member(type_)] = (
                [{"extension": EXTENSION}] if element.many else {"extension": EXTENSION}
            )
        else:
            found[element.member(type_)] = value(draw, element, type_, depth)
    return found


def value(draw: st.DrawFn, element: Element, type_: str, depth: int) -> Any:
    count = draw(st.integers(1, 2)) if element.many else 1
    items = [item(draw, type_, depth) for _ in range(count)]
    return items if element.many else items[0]


def item(draw: st.DrawFn, type_: str, depth: int) -> Any:
    if type_ in PRIMITIVES:
        return draw(st.sampled_from(["a", "b", "2020", 1, True]))
    if type_ == "Extension":
        return EXTENSION[0]
    if type_ == "Resource" or depth > 2 * DEEPEST:
        return {"resourceType": "Basic", "code": {"text": "x"}}
    return made(draw, STRUCTURES[type_], depth + 1)


def is_part(part: Any, whole: Any) -> bool:
    """Whether `part` is `whole` with members and items left out."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and is_part(part[name], whole[name]) for name in part)
    if isinstance(part, list):
        rest = iter(whole)
        return all(any(is_part(item, other) for other in rest) for item in part)
    return bool(part == whole)


def marked(value: Any, structure: Structure) -> Iterator[str]:
    """The values in the summary, read from the definitions one by one: `name.family=a`."""
    for element in structure.elements.values():
        is_own = element.name in ("id", "extension") and not structure.is_resource
        if not (element.summary or element.modifier or element.minimum or is_own):
            continue
        for member, type_ in element.members.items():
            for name in (member, "_" + member):
                held = value.get(name, [])
                for each in held if isinstance(held, list) else [held]:
                    if name == member and type_ in STRUCTURES and type_ not in ("Extension", "Resource"):
                        yield from (f"{name}.{inner}" for inner in marked(each, STRUCTURES[type_]))
                    else:
                        yield f"{name}={each}"


def without_tag(resource: Json) -> Json:
    found = copy.deepcopy(resource)
    assert found["meta"].pop("tag")[-1] == dict(subsets.SUBSETTED)
    return found


def holes(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return inner is not None and (not inner or any(map(holes, inner)))


@quick
@given(resources(), st.sampled_from(["true", "text", "data"]))
def test_a_summary_is_a_part_without_holes(resource: Json, kind: Any) -> None:
    before = copy.deepcopy(resource)

    part = subsets.apply(Subset(kind), resource)

    assert resource == before
    assert is_part(without_tag(part), resource)
    assert not holes(part)
    assert subsets.apply(Subset(kind), part) == part


@quick
@given(resources())
def test_everything_marked_is_in_the_summary(resource: Json) -> None:
    structure = STRUCTURES[resource["resourceType"]]
    part = without_tag(subsets.apply(Subset("true"), resource))

    assert sorted(marked(part, structure)) == sorted(marked(resource, structure))


@quick
@given(resources())
def test_narrative_and_data_make_the_whole(resource: Json) -> None:
    data = subsets.apply(Subset("data"), resource)
    text = subsets.apply(Subset("text"), resource)

    assert without_tag(data) | without_tag(text) == resource


@quick
@given(resources(), st.data())
def test_elements_leave_what_was_asked_and_what_must_be(resource: Json, data: st.DataObject) -> None:
    elements = STRUCTURES[resource["resourceType"]].elements
    names = set(data.draw(st.lists(st.sampled_from(sorted(elements)), min_size=1, max_size=4)))
    subset = subsets.parse_elements(",".join(names), (resource["resourceType"],))

    part = without_tag(subsets.apply(subset, resource))

    wanted = [
        element
        for name, element in elements.items()
        if name in names | {"id", "meta"} or element.minimum or element.modifier
    ]
    members = {"resourceType"} | {name for each in wanted for member in each.members for name in (member, "_" + member)}
    assert part == {name: value for name, value in resource.items() if name in members}
