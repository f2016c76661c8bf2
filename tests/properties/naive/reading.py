"""A third reading of a search, beside MongoDB's and the matcher's: what R4's text says, in plain loops.

Rule: written from https://hl7.org/fhir/R4/search.html and HL7's SearchParameters; shares no code with the server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from resources import definitions
from tests.properties.naive import ranges, texts
from tests.properties.naive.elements import Node, evaluate

Json = dict[str, Any]
NOW_MS = 1_700_000_000_000

PARAMETERS: dict[tuple[str, str], Json] = {
    (base, raw["code"]): raw for raw in definitions.load("search-parameters") for base in raw["base"]
}
BY_URL: dict[str, Json] = {raw["url"]: raw for raw in definitions.load("search-parameters")}

KINDS = {
    "token": {
        "Coding": ["meta.tag", "meta.security", "class", "useContext.code", "operationalStatus", "content.format"],
        "CodeableConcept": ["code", "category", "type", "communication.language", "component.code", "jurisdiction",
                            "method", "prediction.qualitativeRisk", "dataAbsentReason", "reasonCode"],
        "Identifier": ["identifier", "masterIdentifier"],
        "ContactPoint": ["telecom"],
        "boolean": ["active"],
        "code": ["gender", "status", "relatesTo.code", "address.use", "compose.include.concept.code",
                 "expansion.contains.code", "content.attachment.contentType", "content.attachment.language"],
        "string": ["version"],
    },
    "string": {"HumanName": ["name"], "Address": ["address"]},
    "date": {"Period": ["period", "location.period", "context.period"]},
    "quantity": {"Quantity": ["length"]},
}  # fmt: skip
"""The types of elements that are no choice, by parameter type; those that are not here are what the type is called."""
PRIMITIVES = {"string": "string", "date": "dateTime", "number": "decimal"}

SYSTEMS = {
    ("Patient", "gender"): "http://hl7.org/fhir/administrative-gender",
    ("Observation", "status"): "http://hl7.org/fhir/observation-status",
    ("Encounter", "status"): "http://hl7.org/fhir/encounter-status",
    ("DocumentReference", "status"): "http://hl7.org/fhir/document-reference-status",
    ("DocumentReference", "code"): "http://hl7.org/fhir/document-relationship-type",
    ("ValueSet", "status"): "http://hl7.org/fhir/publication-status",
    ("Location", "status"): "http://hl7.org/fhir/location-status",
    ("Patient", "use"): "http://hl7.org/fhir/address-use",
    ("Location", "use"): "http://hl7.org/fhir/address-use",
}
"""The systems that the bindings of codes say."""


World = Mapping[str, Json]
"""The resources that may be seen, by type and id."""


def satisfies(resource: Json, criteria: list[tuple[str, str]], world: World) -> bool:
    """Whether a resource has all that is asked for: pairs of a parameter with its modifier, and values with commas;
    `world` is where links lead."""
    return all(_criterion(resource, *pair, world) for pair in criteria)


def _criterion(resource: Json, name: str, text: str, world: World) -> bool:
    head, _, rest = name.partition(".")
    if name.startswith("_has:"):
        return _has(resource, name, text, world)
    if rest:
        code, _, type_ = head.partition(":")
        reached = [world[key] for key in _targets(resource, code) if key in world and key.startswith(type_)]
        return any(_criterion(other, rest, text, world) for other in reached)
    code, _, modifier = name.partition(":")
    type_ = resource["resourceType"]
    if code == "_id":
        return resource["id"] in text.split(",")
    raw = _parameter(type_, code)
    values = texts.parts(text, ",")
    if modifier == "missing":
        return _is_missing(resource, raw) == (text == "true")
    found = any(_one(resource, raw, "" if modifier == "not" else modifier, value) for value in values)
    return not found if modifier == "not" else found


def _has(resource: Json, name: str, text: str, world: World) -> bool:
    """"Resources of this type that refer to it by this parameter" and satisfy the rest."""
    _, source, code, rest = name.split(":", 3)
    key = f"{resource['resourceType']}/{resource['id']}"
    referring = [other for other in world.values() if other["resourceType"] == source and key in _targets(other, code)]
    return any(_criterion(other, rest, text, world) for other in referring)


def _targets(resource: Json, code: str) -> list[str]:
    """What a resource refers to by a parameter. Open: a reference to a version leads to the resource as it is now."""
    raw = _parameter(resource["resourceType"], code)
    held = [texts.Target.of(node.value.get("reference", "")) for node, _ in _values(resource, raw)]
    return [target.whole for target in held if target is not None]


def _parameter(type_: str, code: str) -> Json:
    bases = (type_, "DomainResource", "Resource")
    return next(PARAMETERS[base, code] for base in bases if (base, code) in PARAMETERS)


def _one(resource: Json, raw: Json, modifier: str, asked: str) -> bool:
    if raw["type"] == "composite":
        return _composite(resource, raw, asked)
    test = TESTS[raw["type"]]
    return any(test(node, kind, modifier, asked, resource) for node, kind in _values(resource, raw))


def _values(resource: Json, raw: Json, expression: str = "", base: Node | None = None) -> list[tuple[Node, str]]:
    nodes = evaluate(expression or raw["expression"], resource, base)
    return [(node, node.kind or _kind(raw["type"], node)) for node in nodes]


def _kind(type_: str, node: Node) -> str:
    path = ".".join(node.steps)
    for kind, paths in KINDS.get(type_, {}).items():
        if path in paths and (not isinstance(node.value, str) or kind in ("code", "string")):
            return kind
    return PRIMITIVES.get(type_, type_)


def _composite(resource: Json, raw: Json, asked: str) -> bool:
    """Both parts must hold of the same element."""
    return any(
        all(
            any(TESTS[part["type"]](node, kind, "", text, resource) for node, kind in values)
            for (part, values), text in zip(parts, texts.parts(asked, "$"), strict=True)
        )
        for parts in _parts(resource, raw)
    )


def _parts(resource: Json, raw: Json) -> list[list[tuple[Json, list[tuple[Node, str]]]]]:
    """Of each element that a composite looks at, its components and their values. Open: a coding without a code is
    nothing that a value could go with."""
    found = []
    for base in evaluate(raw["expression"], resource):
        parts: list[tuple[Json, list[tuple[Node, str]]]] = []
        for part, component in _components(raw):
            values = _values(resource, part, component["expression"], base)
            if part["type"] == "token" and not parts:
                values = [(one, kind) for node, kind in values for one in texts.with_codes(node, kind)]
            parts.append((part, values))
        found.append(parts)
    return found


def _components(raw: Json) -> list[tuple[Json, Json]]:
    """Open: HL7 has the definitions of DocumentReference-relationship the wrong way round; the expressions count."""
    found = [BY_URL[component["definition"]] for component in raw["component"]]
    if raw["id"] == "DocumentReference-relationship":
        found.reverse()
    return list(zip(found, raw["component"], strict=True))


def _is_missing(resource: Json, raw: Json) -> bool:
    """"All the resources that don't have a value for the parameter". Open: what has only extensions, or nothing that
    the parameter could be asked for in any way, has no value."""
    if raw["type"] == "composite":
        return not any(
            all(any(_can_be_part(node, kind, part["type"]) for node, kind in values) for part, values in parts)
            for parts in _parts(resource, raw)
        )
    return not any(_has_value(node, kind, raw["type"]) for node, kind in _values(resource, raw))


def _can_be_part(node: Node, kind: str, type_: str) -> bool:
    """Open: for `:missing` a composite's value is something that has a code too."""
    return _has_value(node, kind, type_) and (type_ != "token" or bool(texts.with_codes(node, kind)))


def _has_value(node: Node, kind: str, type_: str) -> bool:
    match type_:
        case "token":
            return texts.has_something(kind, node.value)
        case "string":
            return bool(texts.strings(kind, node.value))
        case "date":
            return _span(node, kind) is not None
        case "quantity" | "number":
            return bool(_amounts(node, kind))
        case "reference":
            held = node.value if isinstance(node.value, dict) else {"reference": node.value}
            identifier = held.get("identifier", {})
            return bool(texts.Target.of(held.get("reference", ""))) or any(map(identifier.get, ("system", "value")))
    return True


# One function a type: value, its type, modifier, what is asked for.


def _string(node: Node, kind: str, modifier: str, asked: str, _resource: Json) -> bool:
    if kind == "CodeableConcept":
        return False
    return any(texts.string(modifier, texts.plain(asked), held) for held in texts.strings(kind, node.value))


def _token(node: Node, kind: str, modifier: str, asked: str, resource: Json) -> bool:
    if modifier == "text":
        return any(texts.string("", texts.plain(asked), held) for held in texts.words(kind, node.value))
    if modifier == "of-type":
        return texts.of_type(asked, node.value)
    implied = SYSTEMS.get((resource["resourceType"], node.steps[-1] if node.steps else ""), "")
    return any(texts.token(asked, held) for held in texts.tokens(kind, node.value, implied))


def _reference(node: Node, _kind: str, modifier: str, asked: str, _resource: Json) -> bool:
    held = node.value if isinstance(node.value, dict) else {"reference": node.value}
    if modifier == "identifier":
        return any(texts.token(asked, one) for one in texts.tokens("Identifier", held.get("identifier", {}), ""))
    return texts.reference(modifier, texts.plain(asked), held.get("reference", ""))


def _uri(node: Node, _kind: str, modifier: str, asked: str, _resource: Json) -> bool:
    return texts.uri(modifier, texts.plain(asked), node.value)


def _span(node: Node, kind: str) -> ranges.Range | None:
    readers: dict[str, Callable[[Any], ranges.Range | None]] = {"Period": ranges.period, "Timing": ranges.timing}
    return readers.get(kind, ranges.date)(node.value)


def _date(node: Node, kind: str, _modifier: str, asked: str, _resource: Json) -> bool:
    held = _span(node, kind)
    prefix, text = ranges.prefixed(asked)
    return held is not None and ranges.compare(prefix, ranges.of_dates(prefix, text, NOW_MS), held)


def _amounts(node: Node, kind: str) -> list[ranges.Amount]:
    return ranges.amounts(kind, node.value if isinstance(node.value, dict) else {"value": node.value})


def _amount(node: Node, kind: str, _modifier: str, asked: str, _resource: Json) -> bool:
    prefix, text = ranges.prefixed(asked)
    number, *unit = [texts.plain(part) for part in texts.parts(text, "|")]
    return any(ranges.compare_amounts(prefix, number, unit, held) for held in _amounts(node, kind))


TESTS: dict[str, Callable[[Node, str, str, str, Json], bool]] = {
    "string": _string,
    "token": _token,
    "reference": _reference,
    "uri": _uri,
    "date": _date,
    "number": _amount,
    "quantity": _amount,
}
