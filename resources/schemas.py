"""HL7's StructureDefinitions compiled to one `pydantic_core` validator for all types: the quick proof of validity.

Rule: `proves` never says yes to a resource in which `validation` would find a problem. It may say no to a valid one of
a rare shape (null in an array of primitives, a required primitive given as extension): then `validation` decides.

Why a proof only: `pydantic_core` applies object rules after the members, hence not at all where a member is wrong, and
its words are not for people. See docs/decisions/0001-validate-with-compiled-schemas.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Any, cast

from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator, ValidationError, core_schema

from resources.primitives import MAXIMUM_LENGTH, NOT_IN_TEXT, PRIMITIVES
from resources.registry import RESOURCE_TYPES, STRUCTURES, Element, Structure
from resources.rules import bindings, contained, narrative, objects, references
from resources.rules.catalog import RULES
from resources.rules.problem import Json, Problem

_Pending = list[tuple[str, frozenset[str]]]
"""Local references met so far and not yet resolved: id, and the types that the element allows."""

_Info = core_schema.ValidationInfo[_Pending]

_USUAL: Mapping[str, Mapping[str, bool]] = {
    "Coding": {"system": False, "code": True, "display": False},
    "CodeableConcept": {"coding": True, "text": False},
    "Identifier": {"use": False, "type": False, "system": True, "value": True},
    "Money": {"value": True, "currency": False},
    "Quantity": {"value": True, "unit": False, "system": True, "code": False},
}
"""Data types that nearly always have these members and no others, and which of them have to be there: then the object
is not empty and no rule on it can be broken, so there is no check to call."""

_SIBLING = "_sibling"
_RESOURCE = "Resource"
_HOLDERS = ("Bundle.entry", "Parameters.parameter")
"""Structures whose `resource` is a resource of its own, with its own contained ones."""


def proves(resource: Any) -> bool:
    """Whether `resource` (any JSON value) is certainly a valid R4 resource. It is not changed."""
    pending: _Pending = []
    try:
        _validator().validate_python(resource, context=pending)
    except (ValidationError, RecursionError):
        return False
    return not pending


@cache
def _validator() -> SchemaValidator:
    definitions = [*_structures(), _sibling(), *_references(), _any_resource()]
    return SchemaValidator(core_schema.definitions_schema(_reference_to(_RESOURCE), definitions))


def _reference_to(name: str) -> CoreSchema:
    return core_schema.definition_reference_schema(name)


def _any_resource() -> CoreSchema:
    choices = {type_: _reference_to(type_) for type_ in sorted(RESOURCE_TYPES)}
    return core_schema.tagged_union_schema(choices, discriminator="resourceType", ref=_RESOURCE)


def _structures() -> Iterator[CoreSchema]:
    for structure in STRUCTURES.values():
        if structure.path != "Reference" and (structure.kind != "abstract" or structure.path.endswith("Element")):
            yield _structure(structure)


def _structure(structure: Structure) -> CoreSchema:
    """The object, then each check on it; `pydantic_core` knows it by the path of the structure."""
    schema = _object(structure)
    for check in _checks(structure):
        schema = core_schema.no_info_after_validator_function(check, schema)
    if "contained" in structure.elements:
        schema = core_schema.with_info_after_validator_function(_resolve, schema)
    elif structure.path in _HOLDERS:
        schema = core_schema.with_info_after_validator_function(_all_resolved, schema)
    return _named(structure.path, _usual_or(structure.path, schema))


def _usual_or(path: str, schema: CoreSchema) -> CoreSchema:
    """The usual form of a data type, and `schema` where an object is not of it. NOTE: what is inside of a usual form is
    of its own usual form only, for otherwise each level would be looked at twice as often as the one above."""
    return core_schema.union_schema([_usual(path), schema], mode="left_to_right") if path in _USUAL else schema


def _usual(path: str) -> CoreSchema:
    fields = {}
    for member, required in _USUAL[path].items():
        element = STRUCTURES[path].elements[member]
        [type_] = element.types
        value = _usual(type_) if type_ in _USUAL else _value(element, type_)
        fields[member] = core_schema.typed_dict_field(_repeated(element, value), required=required)
    return core_schema.typed_dict_schema(fields, extra_behavior="forbid")


def _checks(structure: Structure) -> Iterator[Callable[[Json], Json]]:
    rules = RULES.get(structure.path, ())
    if rules:
        yield _passes(*rules)
    choices = objects.choices(structure.path)
    yield from map(_extension if structure.path == "Extension" else _choice, choices)
    if not _has_required_member(structure):
        yield _has_content


def _named(name: str, schema: CoreSchema) -> CoreSchema:
    return cast(CoreSchema, {**schema, "ref": name})


def _object(structure: Structure) -> CoreSchema:
    fields = {}
    if structure.is_resource:
        fields["resourceType"] = core_schema.typed_dict_field(core_schema.literal_schema([structure.path]))
    for element in structure.elements.values():
        for member, type_ in element.members.items():
            required = element.minimum > 0 and not element.choice
            fields[member] = core_schema.typed_dict_field(_member(element, type_), required=required)
            if objects.has_sibling(element, type_) and not element.many:
                fields["_" + member] = core_schema.typed_dict_field(_reference_to(_SIBLING), required=False)
    return core_schema.typed_dict_schema(fields, extra_behavior="forbid")


def _member(element: Element, type_: str) -> CoreSchema:
    return _repeated(element, _value(element, type_))


def _repeated(element: Element, schema: CoreSchema) -> CoreSchema:
    if not element.many:
        return schema
    return core_schema.list_schema(
        schema, strict=True, min_length=max(1, element.minimum), max_length=element.maximum, fail_fast=True
    )


def _value(element: Element, type_: str) -> CoreSchema:
    if type_ == "Reference":
        return _reference_to(_reference_name(frozenset(element.targets)))
    if type_ == "xhtml":
        return _followed_by(PRIMITIVES[type_].schema, narrative.problems)
    if type_ in PRIMITIVES:
        return bindings.schema(element.value_set) if element.value_set else PRIMITIVES[type_].schema
    if element.value_set and type_ == "CodeableConcept":
        bound = partial(bindings.concept_problems, value_set=element.value_set)
        return _followed_by(_reference_to(type_), bound)
    return _reference_to(type_)


def _followed_by(schema: CoreSchema, rule: Callable[[Any], Any]) -> CoreSchema:
    return core_schema.no_info_after_validator_function(_passes(rule), schema)


def _sibling() -> CoreSchema:
    """What stands in `_birthDate`: id and extensions of a primitive."""
    schema = core_schema.no_info_after_validator_function(_sibling_has_content, _object(STRUCTURES["Element"]))
    return _named(_SIBLING, schema)


def _reference_name(targets: frozenset[str]) -> str:
    return "|".join(["Reference", *sorted(targets)])


def _references() -> Iterator[CoreSchema]:
    """One schema for each set of types that an element may point to."""
    every = {frozenset(element.targets) for structure in STRUCTURES.values() for element in structure.elements.values()}
    for targets in every:
        schema = core_schema.with_info_after_validator_function(_pointing(targets), _object(STRUCTURES["Reference"]))
        usual = core_schema.union_schema([_usual_reference(targets), schema], mode="left_to_right")
        yield _named(_reference_name(targets), usual)


def _usual_reference(targets: frozenset[str]) -> CoreSchema:
    """`Patient/1` or `urn:uuid:…` and perhaps a display: what `references.problems` finds right at its first line."""
    types = "|".join(sorted(targets or RESOURCE_TYPES))
    pattern = rf"^(?:urn:uuid:[^{NOT_IN_TEXT}]*|(?:{types})/[A-Za-z0-9\-.]{{1,64}})$"
    text = core_schema.str_schema(strict=True, pattern=pattern, max_length=MAXIMUM_LENGTH)
    fields = {
        "reference": core_schema.typed_dict_field(text),
        "display": core_schema.typed_dict_field(PRIMITIVES["string"].schema, required=False),
    }
    return core_schema.typed_dict_schema(fields, extra_behavior="forbid")


def _has_required_member(structure: Structure) -> bool:
    required = (element.minimum > 0 and not element.choice for element in structure.elements.values())
    return structure.is_resource or any(required)


def _passes(*rules: Callable[[Any], Iterable[Problem]]) -> Callable[[Any], Any]:
    """A function for `pydantic_core` that refuses a value in which one of the rules finds a problem."""

    def check(value: Any) -> Any:
        for rule in rules:
            for _ in rule(value):
                raise _refused()
        return value

    return check


def _choice(choice: objects.Choice) -> Callable[[Json], Json]:
    members = frozenset(choice.members)
    thorough = _passes(choice.problems)
    sure = (1,) if choice.required else (0, 1)

    def check(value: Json) -> Json:
        if len(members.intersection(value)) not in sure:
            thorough(value)
        return value

    return check


def _extension(choice: objects.Choice) -> Callable[[Json], Json]:
    """Both rules of an extension; most have a url and one value, and are through at the first line."""
    members = frozenset(choice.members)
    thorough = _passes(choice.problems, partial(objects.extension_problems, choice=choice))

    def check(value: Json) -> Json:
        if len(value) == 2 and not members.isdisjoint(value):
            return value
        thorough(value)
        return value

    return check


def _has_content(value: Json) -> Json:
    if len(value) > 1 or objects.has_content(value):
        return value
    raise _refused()


def _sibling_has_content(value: Json) -> Json:
    if value:
        return value
    raise _refused()


def _pointing(targets: frozenset[str]) -> Callable[[Json, _Info], Json]:
    def check(value: Json, info: _Info) -> Json:
        if not objects.has_content(value) or references.problems(value, targets):
            raise _refused()
        local = references.local_id(value)
        if local is not None:
            info.context.append((local, targets))
        return value

    return check


def _resolve(resource: Json, info: _Info) -> Json:
    """Settles the local references of a container; those of a contained resource, met before, waited for it."""
    if "contained" in resource:
        for _ in contained.problems(resource):
            raise _refused()
        known = contained.types_by_id(resource)
        info.context[:] = [
            (id_, targets) for id_, targets in info.context if references.local_problems(id_, targets, known)
        ]
    return resource


def _all_resolved(holder: Json, info: _Info) -> Json:
    if info.context:
        raise _refused()
    return holder


def _refused() -> PydanticCustomError:
    return PydanticCustomError("rule", "a rule is broken")
