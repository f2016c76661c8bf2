"""The entries of search parameters that are defined here, beside HL7's own.

Rule: an expression that fails on a resource does not keep it from being written: the resource bears an entry that says
so, in the same commit, and the parameter is not answered any more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from fhir_server.document import entry
from fhir_server.search.types.faces import FACES
from fhir_server.search.types.sink import Sink
from resources import expressions, paths
from resources.expressions import Emitter, Leaf
from resources.parameters import ParameterSet, SearchParameter

Extractor = Callable[[dict[str, Any], Sink], None]


def failure(key: str) -> str:
    """The entry of a resource on which the expression of the parameter with this key fails."""
    return entry.exact(key + _FAILED, "")


def is_failure(rare: str) -> bool:
    """Whether it is such an entry."""
    return rare.endswith(f"{_FAILED}{entry.SEPARATOR}")


_FAILED = ":failed"


_BY_SET: WeakKeyDictionary[ParameterSet, dict[str, tuple[Extractor, ...]]] = WeakKeyDictionary()


def extract(resource: dict[str, Any], sink: Sink, parameters: ParameterSet) -> None:
    """Put the entries of the parameters that were added to HL7's into the sink. The resource must be valid."""
    by_type = _BY_SET.get(parameters)
    if by_type is None:
        by_type = _BY_SET[parameters] = {}
    type_ = resource["resourceType"]
    if type_ not in by_type:
        wanted = [parameter for parameter in parameters.added if type_ in parameter.types]
        by_type[type_] = tuple(_extractor(type_, parameter) for parameter in wanted)
    for run in by_type[type_]:
        run(resource, sink)


@lru_cache(maxsize=1024)
def _extractor(type_: str, parameter: SearchParameter) -> Extractor:
    if parameter.general:
        return _general(type_, parameter)
    return expressions.extractor(type_, [parameter], _emitter)


def _emitter(leaf: Leaf) -> Emitter | None:
    return FACES[leaf.parameter.type].emitter(leaf)


def _general(type_: str, parameter: SearchParameter) -> Extractor:
    """The extractor of an expression that the FHIRPath engine evaluates; what an emitter takes follows from the type
    that the engine says a value has."""
    expression = parameter.expression

    @cache
    def emitter(element_type: str) -> Emitter | None:
        return _emitter(expressions.general_leaf(type_, parameter, element_type))

    def run(resource: dict[str, Any], sink: Sink) -> None:
        try:
            for element_type, value in paths.values(expression, resource):
                emit = emitter(element_type)
                if emit is not None:
                    emit(sink, value)
        except Exception:  # noqa: BLE001 - what an expression computes may be anything, also what no emitter takes
            sink.rare.append(failure(f"{type_}.{parameter.code}"))

    return run
