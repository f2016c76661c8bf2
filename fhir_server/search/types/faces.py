"""The parameter types that this server answers, each with its faces.

Rule: one line a type; `resources.parameters.SEARCHABLE_TYPES` says the same, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fhir_server.search.tree import Expr
from fhir_server.search.types import date, number, quantity, reference, string, token, uri
from fhir_server.search.types.asked import Asked
from resources.expressions import Emitter, Leaf


@dataclass(frozen=True, slots=True)
class Face:
    """How a parameter type is asked (`value`) and written (`emitter`). `modifiers` are its own, beside `missing`;
    `ranged` says that its entries are in `ranges`."""

    modifiers: frozenset[str]
    value: Callable[[Asked], Expr]
    emitter: Callable[[Leaf], Emitter | None]
    ranged: bool = False


FACES: Mapping[str, Face] = MappingProxyType(
    {
        "string": Face(string.MODIFIERS, string.value, string.emitter),
        "token": Face(token.MODIFIERS, token.value, token.emitter),
        "reference": Face(reference.MODIFIERS, reference.value, reference.emitter),
        "uri": Face(uri.MODIFIERS, uri.value, uri.emitter),
        "date": Face(date.MODIFIERS, date.value, date.emitter, ranged=True),
        "number": Face(number.MODIFIERS, number.value, number.emitter, ranged=True),
        "quantity": Face(quantity.MODIFIERS, quantity.value, quantity.emitter, ranged=True),
    }
)
