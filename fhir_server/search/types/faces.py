"""The parameter types that this server answers, each with its faces.

Rule: one line a type; `resources.parameters.SEARCHABLE_TYPES` says the same, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fhir_server.search.tree import Expr, Present
from fhir_server.search.types import composite, date, near, number, quantity, reference, string, token, uri
from fhir_server.search.types.asked import Asked
from resources.expressions import Emitter, Leaf
from resources.parameters import SearchParameter


@dataclass(frozen=True, slots=True)
class Face:
    """How a parameter type is asked (`value`) and written (`emitter`). `modifiers` are those that a parameter of a
    resource type takes beside `missing`; `present` is the test that there is a value."""

    value: Callable[[Asked], Expr]
    emitter: Callable[[Leaf], Emitter | None]
    modifiers: Callable[[str, SearchParameter], frozenset[str]] = lambda _type, _parameter: frozenset()
    present: Callable[[Asked], Expr] = lambda asked: Present(asked.key, ranged=False)


def _ranged(asked: Asked) -> Expr:
    return Present(asked.key, ranged=True)


FACES: Mapping[str, Face] = MappingProxyType(
    {
        "string": Face(string.value, string.emitter, string.modifiers),
        "token": Face(token.value, token.emitter, token.modifiers, token.present),
        "reference": Face(reference.value, reference.emitter, reference.modifiers, reference.present),
        "uri": Face(uri.value, uri.emitter, uri.modifiers),
        "date": Face(date.value, date.emitter, present=_ranged),
        "number": Face(number.value, number.emitter, present=_ranged),
        "quantity": Face(quantity.value, quantity.emitter, present=_ranged),
        "special": Face(near.value, near.emitter, present=_ranged),
        "composite": Face(composite.value, composite.emitter, present=composite.present),
    }
)
