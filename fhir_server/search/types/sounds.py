"""Names by their sound: `phonetic`.

Rule: each word of a name is kept and asked for by its Metaphone code, which is made for English; a word that has none
(other scripts, digits) by itself. All words that are asked for must be there. See
https://hl7.org/fhir/R4/patient.html#search.
"""

from __future__ import annotations

from collections.abc import Callable

import jellyfish

from fhir_server.document import entry
from fhir_server.search.tree import Equals, Expr, all_of
from fhir_server.search.types.asked import Asked, unescape
from fhir_server.search.types.remembered import Remembered
from fhir_server.search.types.sink import Sink
from fhir_server.search.types.words import words

CODE = "phonetic"
"""The code of the parameters that are compared so."""


def sounds(text: str) -> tuple[str, ...]:
    """The code of each word."""
    return tuple((jellyfish.metaphone(word) if word.isalpha() else "") or word for word in words(text))


def value(asked: Asked) -> Expr:
    """The test of one value. Raises BadRequest."""
    found = sounds(unescape(asked.text))
    if not found:
        raise asked.refusal("there is no letter or digit to look for")
    return all_of(*(Equals(entry.exact(asked.key, sound)) for sound in found))


def emitter(key: str) -> Callable[[Sink, str], None]:
    """What takes the parts of names."""

    def emit(sink: Sink, text: str) -> None:
        sink.index += _ENTRIES[key, text]

    return emit


def _entries(key: str, text: str) -> tuple[str, ...]:
    return tuple(entry.exact(key, sound) for sound in sounds(text))


_ENTRIES = Remembered(_entries, most=8192, longest=100)
"""Names are few."""
