"""URIs: equal as they are written, with case.

Rule: no normalization. See https://hl7.org/fhir/R4/search.html#uri.
"""

from __future__ import annotations

from fhir_server.document import entry
from fhir_server.search.tree import Equals, Expr
from fhir_server.search.types.asked import Asked, unescape
from fhir_server.search.types.sink import Sink
from resources.expressions import Emitter, Leaf

MODIFIERS: frozenset[str] = frozenset()
_TYPES = frozenset({"uri", "url", "canonical", "oid", "uuid"})


def value(asked: Asked) -> Expr:
    """The test of one value."""
    return Equals(entry.exact(asked.key, unescape(asked.text)))


def emitter(leaf: Leaf) -> Emitter | None:
    """What takes the values of a leaf; None for types that are no URIs."""
    key = leaf.key

    def emit(sink: Sink, held: str) -> None:
        sink.index.append(entry.exact(key, held))

    return emit if leaf.element_type in _TYPES else None
