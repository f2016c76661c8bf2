"""SearchParameter resources that are stored here, read: what they declare, what is wrong, and what cannot be done.

Rule: what is wrong in itself is refused when it is written; what this server cannot do is stored, and said.
See https://hl7.org/fhir/R4/searchparameter.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from fhir_server.model import Json
from fhir_server.search.types.faces import FACES
from resources import expressions, paths
from resources.outcome import Issue
from resources.parameters import BASE, SearchParameter
from resources.paths import PathError, PathRefusedError
from resources.registry import RESOURCE_TYPES
from resources.steps import OversizedExpressionError, UnknownElementError, UnsupportedExpressionError

TYPE: Final = "SearchParameter"
ANSWERED_TYPES: Final = frozenset({"date", "number", "quantity", "reference", "string", "token", "uri"})
"""Parameter types that one can define; composite and special need more than an expression."""
_ABSTRACT: Final = ("Resource", "DomainResource")
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
_FAULTS: Final = (OversizedExpressionError, PathError, UnknownElementError)
_HL7_URLS: Final = frozenset(parameter.url for parameter in BASE.all)


@dataclass(frozen=True, slots=True)
class Declared:
    """A SearchParameter that is to be answered; `obstacle` is why this server cannot, None where it can."""

    parameter: SearchParameter
    obstacle: str | None = None


def is_in_force(resource: Json) -> bool:
    """Whether it is to be answered, and is not merely what HL7 has defined already: active, and neither HL7's own
    resource nor derived from one with the same code."""
    if resource["status"] != "active" or resource["url"] in _HL7_URLS:
        return False
    derived = resource.get("derivedFrom", "").partition("|")[0]
    return not any(parameter.url == derived and parameter.code == resource["code"] for parameter in BASE.all)


def problems(resource: Json) -> list[Issue]:
    """What is wrong with a valid SearchParameter that is in force; to be refused with these words."""
    return list(_problems(resource))


def _problems(resource: Json) -> Iterator[Issue]:
    code = resource["code"]
    if not _CODE.fullmatch(code):
        yield _issue("code", f"{code[:80]!r} cannot be asked for in a search: a code is a letter and up to 63 letters, "
                     "digits, - or _ (what begins with _ is FHIR's).")  # fmt: skip
    unknown = [base for base in resource["base"] if base not in RESOURCE_TYPES and base not in _ABSTRACT]
    if unknown:
        yield _issue("base", f"{', '.join(unknown)} is not a resource type of R4.")
        return
    plain = _plain(resource)
    taken = {type_: found for type_ in plain.types if (found := BASE.get(type_, code)) is not None}
    if taken:
        type_, found = next(iter(taken.items()))
        yield _issue("code", f"{code} of {type_} is HL7's own ({found.url}). Choose another code; to narrow or restate "
                     "HL7's parameter name it in derivedFrom.")  # fmt: skip
    try:
        _compiled(plain)
    except PathRefusedError:
        return  # a matter of this server's
    except _FAULTS as error:
        yield _issue("expression", str(error))


def _issue(member: str, words: str) -> Issue:
    return Issue("error", "business-rule", words, f"{TYPE}.{member}")


def read(resource: Json) -> Declared:
    """What a SearchParameter that is in force declares."""
    plain = _plain(resource)
    if plain.type not in ANSWERED_TYPES:
        return Declared(plain, f"Parameters of type {plain.type} cannot be defined here.")
    if not plain.expression:
        return Declared(plain, "It has no expression.")
    if not plain.searchable:
        return Declared(plain, f"The code {plain.code} has a meaning of its own that this server does not know.")
    try:
        parameter = _compiled(plain)
    except _FAULTS as error:
        return Declared(plain, str(error))
    if not parameter.general:
        found = {leaf.element_type for leaf in _leaves(parameter) if FACES[parameter.type].emitter(leaf) is None}
        if found and not _has_emitter(parameter):
            return Declared(parameter, f"A {parameter.type} parameter finds nothing in {', '.join(sorted(found))}.")
    return Declared(parameter)


def _plain(resource: Json) -> SearchParameter:
    targets = tuple(resource.get("target", ()))
    return SearchParameter(
        id=resource["id"],
        url=resource["url"],
        code=resource["code"],
        type=resource["type"],
        base=tuple(sorted(set(resource["base"]))),
        expression=resource.get("expression", ""),
        targets=() if set(targets) & set(_ABSTRACT) else targets,
        description=resource["description"],
    )


def _compiled(plain: SearchParameter) -> SearchParameter:
    """The parameter as it will be extracted: compiled if that can be, else by the FHIRPath engine. Raises one of
    _FAULTS."""
    if not plain.expression:
        return plain
    try:
        found = _leaves(plain)
    except (OversizedExpressionError, UnknownElementError):
        raise
    except UnsupportedExpressionError:
        paths.check(plain.expression)
        return replace(plain, general=True)
    if not found:
        raise UnknownElementError(f"{plain.expression} gives nothing of {', '.join(plain.base)}")
    return plain


def _leaves(parameter: SearchParameter) -> list[expressions.Leaf]:
    return [leaf for type_ in parameter.types for leaf in expressions.leaves(type_, parameter)]


def _has_emitter(parameter: SearchParameter) -> bool:
    return any(FACES[parameter.type].emitter(leaf) is not None for leaf in _leaves(parameter))
