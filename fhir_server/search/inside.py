"""The first resource of a document or message: a chain along `Bundle.composition` or `message` asks for what it says.

Rule: it is part of the Bundle and stored nowhere else, so that its entries are kept beside the Bundle's own, each under
the key of the parameter that leads to it; HL7's parameters only, since those defined here are indexed type by type.
See https://hl7.org/fhir/R4/bundle.html#search.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fhir_server.document import entry
from fhir_server.search.tree import (
    All,
    Any_,
    Concept,
    Contains,
    Equals,
    Expr,
    HasId,
    Near,
    Not,
    Present,
    StartsWith,
    Within,
    all_of,
    any_of,
)
from fhir_server.search.types.sink import Sink
from resources import expressions
from resources.outcome import BadRequest
from resources.parameters import SearchParameter


def leads(type_: str, parameter: SearchParameter) -> bool:
    """Whether a reference parameter leads to a resource that is inside of its own."""
    return any(leaf.element_type == "Resource" for leaf in expressions.leaves(type_, parameter))


def add(sink: Sink, key: str, found: Sink) -> None:
    """Add what was found in the resource to which the parameter `key` leads to the entries of what holds it."""
    of_type = f"{key}:{found.resource['resourceType']}"
    sink.rare += [entry.exact(of_type, ""), *(_inner(key, text) for text in _texts(found))]
    sink.ranges += [each | {"k": _inner(key, each["k"])} for each in found.ranges]


def _texts(found: Sink) -> Iterator[str]:
    yield from found.index
    yield from found.rare


def test(key: str, target: str, tree: Expr) -> Expr:
    """The test that the parameter `key` leads to a resource of type `target` that satisfies `tree`. Raises BadRequest
    for what its entries cannot say."""
    found = _changed(key, tree)
    choices = found.parts if isinstance(found, Any_) else (found,)
    if all(isinstance(each, Equals | StartsWith | Within) for each in choices):
        return found
    # what it does not have counts only where it is there, and the rest has no index of its own
    return all_of(StartsWith(f"{key}:{target}{entry.SEPARATOR}"), found)


def _changed(key: str, tree: Expr) -> Expr:  # noqa: PLR0911 - one a node
    match tree:
        case All(parts):
            return all_of(*(_changed(key, part) for part in parts))
        case Any_(parts):
            return any_of(*(_changed(key, part) for part in parts))
        case Not(part):
            return Not(_changed(key, part))
        case Equals(text):
            return Equals(_inner(key, text))
        case StartsWith(prefix):
            return StartsWith(_inner(key, prefix))
        case Contains() | Present() | Within() | Near() | Concept():
            return replace(tree, key=_inner(key, tree.key))
        case HasId(keys):
            return any_of(*(Equals(entry.exact(key, each)) for each in keys))
    raise BadRequest(
        f"{key} leads to a resource inside of the Bundle, which can be asked for its own values; not for the time of "
        "its last update, for other resources by links, or for hierarchies",
        code="not-supported",
    )


def _inner(key: str, text: str) -> str:
    """An entry of the inner resource, or the key of one, as it is kept."""
    return f"{key}:{text}"
