"""Strings: found by their beginning, without case, accents, strokes and punctuation; `:exact` and `:contains`.

Rule: what is asked and what is stored are folded by one function. See https://hl7.org/fhir/R4/search.html#string.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from fhir_server.document import entry
from fhir_server.search import sort
from fhir_server.search.tree import Contains, Equals, Expr, StartsWith
from fhir_server.search.types import letters, sounds
from fhir_server.search.types.asked import Asked, unescape
from fhir_server.search.types.remembered import Remembered
from fhir_server.search.types.sink import Sink
from resources.expressions import Emitter, Leaf
from resources.parameters import SearchParameter

PARTS = {
    "HumanName": ("family", "given", "text", "prefix", "suffix"),
    "Address": ("line", "city", "district", "state", "postalCode", "country", "text"),
}


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """`text` in lower case and plain letters, without accents and punctuation, runs of white space as one blank."""
    plain = letters.plain(text)
    if not plain.isalnum():
        plain = "".join(filter(_kept, plain))
    return " ".join(plain.split())


def _kept(character: str) -> bool:
    if character.isalnum() or character.isspace():
        return True
    return character != entry.SEPARATOR and unicodedata.category(character) not in _DROPPED


_DROPPED = frozenset({"Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Mn", "Cc", "Cf"})


def modifiers(type_: str, parameter: SearchParameter) -> frozenset[str]:  # noqa: ARG001 - of every type
    """What a parameter takes beside `missing`."""
    return frozenset() if parameter.code == sounds.CODE else frozenset({"exact", "contains"})


def value(asked: Asked) -> Expr:
    """The test of one value. Raises BadRequest."""
    if asked.parameter.code == sounds.CODE:
        return sounds.value(asked)
    text = unescape(asked.text)
    if asked.modifier == "exact":
        return Equals(entry.text(asked.key, fold(text), text))
    if asked.modifier == "contains":
        return Contains(asked.key, _folded(asked, text))
    return beginning(asked, asked.key)


def beginning(asked: Asked, key: str) -> Expr:
    """The test that a text under `key` begins with what is asked for. Raises BadRequest."""
    return StartsWith(f"{key}{entry.SEPARATOR}{_folded(asked, unescape(asked.text))}")


def _folded(asked: Asked, text: str) -> str:
    folded = fold(text)
    if not folded:
        hint = "" if asked.modifier else "; the modifier exact compares punctuation too"
        raise asked.refusal(f"there is no letter or digit to look for{hint}")
    if len(folded) > entry.LONGEST_PREFIX:
        hint = "" if asked.modifier else "; exact takes longer ones"
        raise asked.refusal(f"at most {entry.LONGEST_PREFIX} characters can be compared{hint}")
    return folded


def emitter(leaf: Leaf) -> Emitter | None:
    """What takes the values of a leaf; None for types that are no strings."""
    key = leaf.key
    scalar = sort.scalars(leaf.type).get(leaf.parameter.code)

    def one(sink: Sink, text: str) -> None:
        made, sorted_by = _WRITTEN[key, text]
        sink.index.append(made)
        if scalar is not None:
            sink.least(scalar, sorted_by)

    take = sounds.emitter(key) if leaf.parameter.code == sounds.CODE else one
    if leaf.element_type in PARTS:
        return _of_parts(take, PARTS[leaf.element_type])
    return take if leaf.element_type in ("string", "markdown", "code", "uri", "id") else None


_SORTED = 60
"""So many characters decide the order."""


def _written(key: str, text: str) -> tuple[str, str]:
    """The entry of a text, and what it is sorted by."""
    folded = fold(text)
    return entry.text(key, folded, text), folded[:_SORTED]


_WRITTEN = Remembered(_written, most=16_384, longest=150)
"""Names and places are few."""


def _of_parts(one: Callable[[Sink, str], None], parts: tuple[str, ...]) -> Emitter:
    def several(sink: Sink, whole: dict[str, Any]) -> None:
        for part in parts:
            held = whole.get(part)
            if held.__class__ is str:
                one(sink, held)
            elif held:
                for text in held:
                    if text is not None:
                        one(sink, text)

    return several
