"""URIs: equal as they are written, with case; `:above` and `:below` by the segments of their paths.

Rule: no normalization; a canonical with a version is also found without it. `:below` is the URL itself and what begins
with it and a slash; `:above` is the reverse. See https://hl7.org/fhir/R4/search.html#uri.
"""

from __future__ import annotations

import re

from fhir_server.document import entry
from fhir_server.search.tree import Equals, Expr, StartsWith, any_of
from fhir_server.search.types.asked import Asked, unescape
from fhir_server.search.types.sink import Sink
from resources.expressions import Emitter, Leaf
from resources.parameters import SearchParameter

_TYPES = frozenset({"uri", "url", "canonical", "oid", "uuid"})
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*://[^/\s|]+)(/[^\s|]*)?(?:\|(\S+))?", re.ASCII)
_MOST_SEGMENTS = 20


def modifiers(type_: str, parameter: SearchParameter) -> frozenset[str]:  # noqa: ARG001 - of every type and parameter
    """What a parameter takes beside `missing`."""
    return frozenset({"above", "below"})


def value(asked: Asked) -> Expr:
    """The test of one value. Raises BadRequest."""
    text = unescape(asked.text)
    if asked.modifier == "below":
        return below(asked, text)
    if asked.modifier == "above":
        return _above(asked, text)
    return Equals(entry.exact(asked.key, text))


def below(asked: Asked, text: str) -> Expr:
    """The test that a URL is `text` or begins with it and a slash; of a canonical with a version, that the version is
    the one given or begins with it and a full stop. Raises BadRequest."""
    match = _url(asked, text)
    if len(text) >= entry.LONGEST_BEGINNING:
        raise asked.refusal(f"at most {entry.LONGEST_BEGINNING - 1} characters can be compared with {asked.modifier}")
    key = asked.key + entry.SEPARATOR
    if match[3]:
        return any_of(Equals(key + text), StartsWith(f"{key}{text}."))
    if text.endswith("/"):
        return StartsWith(key + text)
    return any_of(Equals(key + text), StartsWith(f"{key}{text}/"))


def _above(asked: Asked, text: str) -> Expr:
    """The test that a URL is `text` or one of its beginnings, with and without the slash at their ends."""
    match = _url(asked, text)
    if match[3]:
        raise asked.refusal("above takes a URL without a version")
    *segments, _ = (match[2] or "").split("/")
    if len(segments) > _MOST_SEGMENTS:
        raise asked.refusal(f"a URL with at most {_MOST_SEGMENTS} segments can be compared with above")
    found = [text]
    for end in range(len(segments)):
        level = match[1] + "".join(f"/{segment}" for segment in segments[1 : end + 1])
        found += [level, f"{level}/"]
    return any_of(*(Equals(entry.exact(asked.key, url)) for url in dict.fromkeys(found)))


def _url(asked: Asked, text: str) -> re.Match[str]:
    match = _URL.fullmatch(text)
    if match is None:
        raise asked.refusal(f"{asked.modifier} takes a URL such as http://acme.org/fhir; a URN has no levels")
    return match


def emitter(leaf: Leaf) -> Emitter | None:
    """What takes the values of a leaf; None for types that are no URIs."""
    key = leaf.key

    def emit(sink: Sink, held: str) -> None:
        sink.index.append(entry.exact(key, held))

    def canonical(sink: Sink, held: str) -> None:
        emit(sink, held)
        if entry.SEPARATOR in held:
            emit(sink, held.partition(entry.SEPARATOR)[0])

    if leaf.element_type == "canonical":
        return canonical
    return emit if leaf.element_type in _TYPES else None
