"""FHIRPath Patch: a Parameters resource of add, insert, delete, replace and move on the dict of a resource.

Rule: all or nothing; the argument is never changed, and what comes out is for the validation to judge.
See https://hl7.org/fhir/R4/fhirpatch.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from resources import places
from resources.json_codec import MAX_DEPTH, is_deeper
from resources.outcome import BadRequest, FhirError, Issue, Unprocessable
from resources.patch_work import Work
from resources.places import Place
from resources.registry import STRUCTURES, Element

Json = dict[str, Any]
_PARTS = {
    "add": {"path": "String", "name": "String", "value": ""},
    "insert": {"path": "String", "index": "Integer", "value": ""},
    "delete": {"path": "String"},
    "replace": {"path": "String", "value": ""},
    "move": {"path": "String", "source": "Integer", "destination": "Integer"},
}
MAX_OPERATIONS = 1000
"""In one patch: each may walk the whole resource."""
_KINDS: dict[str, type] = {"String": str, "Integer": int}


@dataclass(frozen=True, slots=True)
class _Operation:
    type: str
    path: places.Path
    name: str
    value: Json
    """The part called `value`, whole."""
    index: int
    destination: int


def apply(document: Json, parameters: Json) -> Json:
    """The resource after all operations of `parameters`, a Parameters resource as decoded.

    Raises BadRequest for what is no FHIRPath Patch (all problems at once), and Unprocessable, naming the operation and
    its path, where one cannot be applied, or all are too much work. A `delete` of what is not there changes nothing.
    """
    operations = _parse(parameters)
    patched = deepcopy(document)
    work = Work()
    for index, operation in enumerate(operations):
        try:
            _STEPS[operation.type](patched, operation, work)
        except Unprocessable as error:
            where = f"Operation {index} of the patch ({operation.type} {operation.path.text!r}) cannot be applied"
            code, expression = error.issues[0].code, f"Parameters.parameter[{index}]"
            raise Unprocessable(f"{where}: {error}", code=code, expression=expression) from None
    if is_deeper(patched, MAX_DEPTH):
        raise Unprocessable(f"The patched resource would be nested more than {MAX_DEPTH} levels deep.")
    return patched


def _parse(parameters: Any) -> list[_Operation]:
    listed = parameters.get("parameter") if isinstance(parameters, dict) else None
    if not isinstance(listed, list) or parameters.get("resourceType") != "Parameters":
        raise BadRequest("A FHIRPath Patch is a Parameters resource with a parameter for each operation.")
    if len(listed) > MAX_OPERATIONS:
        raise BadRequest(f"A FHIRPath Patch has at most {MAX_OPERATIONS} operations; this one has {len(listed)}.")
    operations: list[_Operation] = []
    issues: list[Issue] = []
    for index, parameter in enumerate(listed):
        try:
            operations.append(_operation(parameter))
        except FhirError as error:
            place = f"Parameters.parameter[{index}]"
            issues += (
                Issue("error", "invalid", f"Operation {index} of the patch: {issue.diagnostics}", place)
                for issue in error.issues
            )
    if issues:
        raise BadRequest(issues=issues)
    return operations


def _operation(parameter: Any) -> _Operation:
    parts = _parts(parameter)
    if not isinstance(parameter, dict) or parameter.get("name") != "operation":
        raise BadRequest("its parameter is not called 'operation'.")
    type_ = parts.get("type", {}).get("valueCode", parts.get("type", {}).get("valueString"))
    if not isinstance(type_, str) or type_ not in _PARTS:
        raise BadRequest(f"it has no part 'type' that is one of {', '.join(_PARTS)}.")
    if faults := list(_faults(type_, parts)):
        raise BadRequest(issues=[Issue("error", "invalid", words) for words in faults])
    return _Operation(
        type=type_,
        path=places.parse(parts["path"]["valueString"]),
        name=parts["name"]["valueString"].removesuffix("[x]") if type_ == "add" else "",
        value=parts.get("value", {}),
        index=parts.get("source" if type_ == "move" else "index", {}).get("valueInteger", 0),
        destination=parts.get("destination", {}).get("valueInteger", 0),
    )


def _parts(parameter: Any) -> dict[str, Json]:
    listed = parameter.get("part") if isinstance(parameter, dict) else None
    found: dict[str, Json] = {}
    for part in listed if isinstance(listed, list) else ():
        if isinstance(part, dict) and isinstance(part.get("name"), str):
            if part["name"] in found:
                raise BadRequest(f"the part '{part['name'][:60]}' occurs more than once.")
            found[part["name"]] = part
    return found


def _faults(type_: str, parts: dict[str, Json]) -> Iterator[str]:
    for name, kind in _PARTS[type_].items():
        if name not in parts:
            yield f"{type_} needs a part '{name}'."
        elif kind:
            value = parts[name].get(f"value{kind}")
            if type(value) is not _KINDS[kind]:
                yield f"the part '{name}' needs a value{kind}."
            elif isinstance(value, int) and value < 0:
                yield f"the part '{name}' must not be negative."


@dataclass(frozen=True, slots=True)
class _Value:
    """What to put into an element: `value`, and for a primitive `extra` with its id and extensions."""

    member: str
    type: str
    value: Any
    extra: Json | None


def _value(part: Json, element: Element) -> _Value:
    """The value of a part (`value[x]`, `resource`, or parts for an element without a data type) for `element`."""
    given = {name[5:]: value for name, value in part.items() if name.startswith("value") and name != "value"}
    extras = {name[6:]: value for name, value in part.items() if name.startswith("_value") and name != "_value"}
    names = given.keys() | extras.keys()
    if len(names) + ("part" in part) + ("resource" in part) != 1:
        raise Unprocessable("a value is exactly one of value[x], a resource, and parts.")
    if "resource" in part:
        if element.types != ("Resource",):
            raise Unprocessable(f"{element.name} does not take a resource.")
        return _Value(element.name, "Resource", deepcopy(part["resource"]), None)
    if "part" in part:
        return _built(part["part"], element)
    (name,) = names
    type_ = next((one for one in element.types if one[0].upper() + one[1:] == name), None)
    if type_ is None:
        if element.choice or (name in STRUCTURES) != (element.types[0] in STRUCTURES):
            raise Unprocessable(f"{element.name} does not take a value{name[:60]}.")
        type_ = element.types[0]
    value, extra = given.get(name), extras.get(name)
    if (type_ in STRUCTURES and not isinstance(value, dict)) or not isinstance(extra, dict | None):
        raise Unprocessable(f"the value{name[:60]} is not what its type says.")
    return _Value(element.member(type_), type_, deepcopy(value), deepcopy(extra))


def _built(parts: Any, element: Element) -> _Value:
    """An object from parts that are named like its children, such as a contact of a Patient."""
    type_ = next((one for one in element.types if one in STRUCTURES), None)
    if type_ is None or element.choice or not isinstance(parts, list) or not parts:
        raise Unprocessable(f"{element.name} cannot be made of parts.")
    node: Json = {}
    holder = Place({"it": node}, type_, element, "it")
    for part in parts:
        if not isinstance(part, dict) or not isinstance(part.get("name"), str):
            raise Unprocessable("a part has no name.")
        _add_to(holder, part["name"].removesuffix("[x]"), part)
    return _Value(element.name, type_, node, None)


def _add(document: Json, operation: _Operation, work: Work) -> None:
    found = operation.path.find(document, work)
    if len(found) != 1:
        raise Unprocessable(f"the path finds {len(found)} elements; it must be one.")
    _add_to(found[0], operation.name, operation.value)


def _add_to(place: Place, name: str, part: Json) -> None:
    element = places.element_of(place, name)
    new = _value(part, element)
    node = _node(place)
    if element.many:
        _insert_at(node, new, len(_aligned(node, new.member)))
    elif places.has(place, element):
        raise Unprocessable(f"{element.name} is there already and does not repeat; use replace.")
    else:
        _set(node, new)


def _node(place: Place) -> Json:
    """The object to put children into; a primitive gets one for its extensions where it has none."""
    if place.node is not None:
        return place.node
    if place.type in STRUCTURES or place.element is None:
        raise Unprocessable(f"{place.member or place.type} is not an object.")
    node: Json = {}
    if place.index is None:
        place.holder[f"_{place.member}"] = node
    else:
        values = _aligned(place.holder, place.member)
        extras = [extra for _, extra in values]
        extras[place.index] = node
        place.holder[f"_{place.member}"] = extras
    return node


def _set(node: Json, new: _Value) -> None:
    if new.value is not None:
        node[new.member] = new.value
    if new.extra is not None:
        node[f"_{new.member}"] = new.extra


def _aligned(node: Json, member: str) -> list[tuple[Any, Any]]:
    """The items of an array, each with what stands in `_member` beside it."""
    values, extras = node.get(member) or [], node.get(f"_{member}") or []
    if not isinstance(values, list) or not isinstance(extras, list):
        raise Unprocessable(f"{member} is not an array.")
    length = max(len(values), len(extras))
    padded = (items + [None] * (length - len(items)) for items in (values, extras))
    return list(zip(*padded, strict=True))


def _store(node: Json, member: str, items: list[tuple[Any, Any]]) -> None:
    """Write `items` back as `_aligned` read them; an array with nothing in it is left out."""
    for name, values in ((member, [value for value, _ in items]), (f"_{member}", [extra for _, extra in items])):
        if any(value is not None for value in values):
            node[name] = values
        else:
            node.pop(name, None)


def _insert_at(node: Json, new: _Value, index: int) -> None:
    items = _aligned(node, new.member)
    if index > len(items):
        raise Unprocessable(f"the index {index} is beyond the {len(items)} elements there are.")
    items.insert(index, (new.value, new.extra))
    _store(node, new.member, items)


def _list_of(document: Json, path: places.Path, work: Work) -> tuple[Place, Element]:
    """The one holder of the list that `path` names, and the element that repeats."""
    if path.name is None:
        raise Unprocessable("the path must end with the name of the list.")
    holders = path.find_parents(document, work)
    if len(holders) != 1:
        raise Unprocessable(f"the list is in {len(holders)} elements; it must be in one.")
    element = places.element_of(holders[0], path.name)
    if not element.many:
        raise Unprocessable(f"{element.name} does not repeat.")
    return holders[0], element


def _insert(document: Json, operation: _Operation, work: Work) -> None:
    holder, element = _list_of(document, operation.path, work)
    _insert_at(_node(holder), _value(operation.value, element), operation.index)


def _move(document: Json, operation: _Operation, work: Work) -> None:
    holder, element = _list_of(document, operation.path, work)
    node = _node(holder)
    items = _aligned(node, element.name)
    if max(operation.index, operation.destination) >= len(items):
        raise Unprocessable(f"there are {len(items)} elements, counted from 0.")
    items.insert(operation.destination, items.pop(operation.index))
    _store(node, element.name, items)


def _delete(document: Json, operation: _Operation, work: Work) -> None:
    found = operation.path.find(document, work)
    if len(found) > 1:
        raise Unprocessable(f"the path finds {len(found)} elements; a delete takes one at most.")
    for place in found:
        _remove(place)


def _remove(place: Place) -> None:
    if place.element is None:
        raise Unprocessable("the resource itself cannot be deleted by a patch.")
    if place.index is None:
        place.holder.pop(place.member, None)
        place.holder.pop(f"_{place.member}", None)
    else:
        items = _aligned(place.holder, place.member)
        del items[place.index]
        _store(place.holder, place.member, items)
    if not place.holder and place.parent is not None:
        _remove_node(place.parent)


def _remove_node(place: Place) -> None:
    """Remove an object that has lost its last child: FHIR has no empty ones. A primitive keeps its value."""
    if place.type in STRUCTURES or place.value is None:
        _remove(place)
    elif place.index is None:
        del place.holder[f"_{place.member}"]
    else:
        items = _aligned(place.holder, place.member)
        items[place.index] = (place.value, None)
        _store(place.holder, place.member, items)


def _replace(document: Json, operation: _Operation, work: Work) -> None:
    found = operation.path.find(document, work)
    if len(found) != 1:
        raise Unprocessable(f"the path finds {len(found)} elements; a replace takes one.")
    (place,) = found
    if place.element is None:
        raise Unprocessable("the resource itself cannot be replaced by a patch.")
    new = _value(operation.value, place.element)
    if place.index is None:
        for member in place.element.members:
            place.holder.pop(member, None)
            place.holder.pop(f"_{member}", None)
        _set(place.holder, new)
    else:
        items = _aligned(place.holder, place.member)
        items[place.index] = (new.value, new.extra)
        _store(place.holder, place.member, items)


_STEPS: dict[str, Callable[[Json, _Operation, Work], None]] = {
    "add": _add, "insert": _insert, "delete": _delete, "replace": _replace, "move": _move,
}  # fmt: skip
