"""Resources with a value at every place where a search parameter looks, made from HL7's definitions.

Rule: each comes with the search that finds it; where a binding allows few codes, many resources share them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, reduce
from itertools import chain, product, takewhile
from typing import Any

from resources import definitions, steps
from resources.parameters import Component, SearchParameter
from resources.registry import PRIMITIVES, STRUCTURES, Element
from resources.steps import As, Child, Item, Path, Resolves, Truth, Where

Json = dict[str, Any]
Made = tuple[Any, str]
"""A value, and what to ask for to find it; empty for a value of a type that the parameter does not look at."""

SYSTEM = "http://codes.example"
parse = cache(steps.parse)
_AMOUNTS = ("Quantity", "Age", "Duration", "Count", "Distance")


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes values of a parameter, each `number` another one."""

    type: str
    parameter: SearchParameter
    number: int

    def resources(self) -> Iterator[tuple[Json, str]]:
        """Resources with one value each, one for every place and type of value; and the text that finds it."""
        for held, text in self._held():
            if text:
                yield {"resourceType": self.type, **merged(held, self._beside())}, text

    def _held(self) -> Iterator[Made]:
        code = self.parameter.code
        if code in ("_id", "_lastUpdated"):  # those of the document itself
            yield {}, code
        elif code == "_text":
            yield {"text": {"div": f"<div>word{self.number:06}</div>"}}, f"word{self.number:06}"
        else:
            for path in parse(self.parameter.expression):
                first = path[0]
                if path == (Child(self.type),):
                    yield from self._composite(self.type)
                elif first in (Child(self.type), Child("Resource"), Child("DomainResource")):
                    yield from self._walk(self.type, path[1:])
                elif isinstance(first, Child) and first.name[0].islower():
                    yield from self._walk(self.type, path)

    def _walk(self, at: str, path: Path) -> Iterator[Made]:
        """Members of the structure `at` with a value where the path leads."""
        step, rest = path[0], path[1:]
        if not isinstance(step, Child):
            raise TypeError(path)
        element = STRUCTURES[at].elements[step.name]
        if rest[:1] == (Truth(),):
            yield {element.member("boolean"): True}, "true"
            return
        if rest and isinstance(rest[0], Item):
            rest = rest[1:]
        wanted = None
        if rest and isinstance(rest[0], As):
            wanted, rest = rest[0].type, rest[1:]
        conditions = tuple(takewhile(lambda step: isinstance(step, Where | Resolves), rest))
        rest = rest[len(conditions) :]
        for member, element_type in element.members.items():
            if wanted in (None, element_type):
                for value, text in self._below(element, element_type, conditions, rest):
                    yield {member: [value] if element.many else value}, text

    def _below(
        self, element: Element, element_type: str, conditions: Path, rest: Path
    ) -> Iterator[Made]:
        named = next((condition.type for condition in conditions if isinstance(condition, Resolves)), None)
        if rest:
            found = () if element_type in PRIMITIVES else self._walk(element_type, rest)
        elif self.parameter.type == "composite":
            found = self._composite(element_type)
        else:
            found = iter([self._value(self.parameter.type, element_type, element, named)])
        for value, text in found:
            for condition in conditions:
                if isinstance(condition, Where):
                    value[condition.member] = condition.text
            yield value, text

    def _composite(self, base: str) -> Iterator[Made]:
        parts = []
        for component in self.parameter.components:
            of_resource, made = self._component(base, component)
            parts.append([({}, text) if of_resource else (held, text) for held, text in made])
        for chosen in product(*parts):
            texts = [text for _, text in chosen]
            yield reduce(merged, (held for held, _ in chosen)), "$".join(texts) if all(texts) else ""

    def _component(self, base: str, component: Component) -> tuple[bool, list[Made]]:
        """Whether a component is not of the composite's base but of the resource, and its values."""
        maker = Maker(self.type, component.parameter, self.number)
        paths = parse(component.expression)
        of_resource = paths[0][0] == Child("%resource")
        walks = (maker._walk(self.type, path[1:]) if of_resource else maker._walk(base, path) for path in paths)
        return of_resource, list(chain.from_iterable(walks))

    def _beside(self) -> Json:
        """What a composite needs outside of its base."""
        found: Json = {}
        for component in self.parameter.components:
            if component.expression.startswith("%resource"):
                found = merged(found, self._component("", component)[1][0][0])
        return found

    def _value(self, type_: str, element_type: str, element: Element, named: str | None) -> Made:
        makers = {
            "token": self._token, "string": self._string, "date": self._date, "number": self._amount,
            "quantity": self._amount, "special": self._place,
        }  # fmt: skip
        if type_ in ("reference", "uri"):
            return self._reference(element_type, element, named)
        return makers[type_](element_type, element)

    def _token(self, element_type: str, element: Element) -> Made:  # noqa: PLR0911 - one a type
        code = f"c{self.number:06}"
        coding = {"system": SYSTEM, "code": code}
        match element_type:
            case "Coding":
                return coding, f"{SYSTEM}|{code}"
            case "CodeableConcept":
                return {"coding": [coding]}, f"{SYSTEM}|{code}"
            case "Identifier":
                return {"system": SYSTEM, "value": code}, f"{SYSTEM}|{code}"
            case "ContactPoint":
                return {"system": "phone", "value": code}, code
            case "boolean":
                return self.number % 2 == 0, str(self.number % 2 == 0).lower()
            case "code":
                systems = definitions.load("codes").get(element.value_set, {})
                known = list(chain.from_iterable(systems.values()))
                chosen = known[self.number % len(known)] if known else code
                return chosen, chosen
            case "string" | "id":
                return code, code
        url = f"http://tokens.example/{self.number:06}"
        return (url, url) if element_type in ("uri", "canonical") else ({}, "")

    def _string(self, element_type: str, _element: Element) -> Made:
        text = f"Text{self.number:06}"
        parts = {"HumanName": {"family": text}, "Address": {"city": text}}
        if element_type in parts:
            return parts[element_type], text
        return text, text if element_type in ("string", "markdown", "code", "uri", "id") else ""

    def _date(self, element_type: str, _element: Element) -> Made:
        day = (date(1900, 1, 1) + timedelta(days=self.number)).isoformat()
        values: Json = {
            "date": day,
            "dateTime": f"{day}T10:00:00Z",
            "instant": f"{day}T10:00:00Z",
            "Period": {"start": f"{day}T10:00:00Z", "end": f"{day}T11:00:00Z"},
            "Timing": {"event": [day]},
        }
        return (values[element_type], day) if element_type in values else (_other(element_type), "")

    def _amount(self, element_type: str, _element: Element) -> Made:
        amount = {"value": self.number, "system": "http://unitsofmeasure.org", "code": "mg"}
        values: Json = {
            "decimal": self.number, "integer": self.number, "unsignedInt": self.number, "positiveInt": self.number,
            **dict.fromkeys(_AMOUNTS, amount), "Money": {"value": self.number, "currency": "EUR"},
            "Range": {"low": amount, "high": amount},
            "SampledData": {"origin": {**amount, "value": 0}, "data": str(self.number)},
        }  # fmt: skip
        return (values[element_type], str(self.number)) if element_type in values else (_other(element_type), "")

    def _place(self, _element_type: str, _element: Element) -> Made:
        latitude, longitude = self.number * 7 % 16_001 / 100 - 80, self.number * 11 % 35_993 / 100 - 179
        return {"latitude": latitude, "longitude": longitude}, f"{latitude}|{longitude}|100|m"

    def _reference(self, element_type: str, element: Element, named: str | None) -> Made:
        type_ = named or next(iter(element.targets), None) or next(iter(self.parameter.targets), None) or "Patient"
        key, url = f"{type_}/{self.number}", f"http://urls.example/{self.number:06}"
        if element_type == "Reference":
            return {"reference": key}, key
        if element_type == "Resource":
            return {"resourceType": type_, "id": str(self.number)}, key
        return (url, url) if element_type in PRIMITIVES else ({}, "")


def _other(element_type: str) -> Any:
    """A value of a type that a parameter finds nothing in."""
    return "other" if element_type in PRIMITIVES else {}


def merged(one: Json, other: Json) -> Json:
    """Both, of which `one` counts where they disagree; values of arrays side by side."""
    held = dict(one)
    for name, value in other.items():
        mine = held.setdefault(name, value)
        if mine is value:
            continue
        if isinstance(mine, list) and isinstance(value, list):
            held[name] = [*mine, *value]
        elif isinstance(mine, dict) and isinstance(value, dict):
            held[name] = merged(mine, value)
    return held
