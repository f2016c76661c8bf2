"""`_sort` → sort keys: any parameter with an order, or one of what a reference leads to.

Rule: what is stored as a scalar is used wherever it says what the specification asks for; all else is computed from the
entries when it is asked for. A value that repeats counts by the one that comes first in the direction; resources
without a value come first ascending and last descending.
See https://hl7.org/fhir/R4/search.html#sort and docs/decisions/0012-search-results.md.

    -date,family    patient.family    -subject:Patient.birthdate
"""

from __future__ import annotations

from fhir_server.search import canonicals, criteria, inside, sort
from fhir_server.search.criteria import Asking, Types, UnknownParameterError, shown
from fhir_server.search.query import Behind, Held, SortKey, SortValue, Stored
from fhir_server.search.types import sounds
from resources import expressions
from resources.outcome import BadRequest
from resources.parameters import WORDS, united

MOST_KEYS = 8
"""Keys of one `_sort`."""
MOST_HOPS = 3
"""References that one key goes along."""
MOST_TARGETS = 8
"""Types that one key leads to."""

_ORDERED = frozenset({"date", "number", "quantity", "reference", "string", "token", "uri"})
"""Types of parameters whose values have an order."""
_UNORDERED = frozenset({*WORDS, sounds.CODE})
"""Parameters that find words and sounds."""


def keys(asking: Asking, types: Types, text: str) -> tuple[SortKey, ...]:
    """What `_sort=text` asks for over resources of `types`. Raises BadRequest naming the key."""
    parts = text.split(",")
    if len(parts) > MOST_KEYS:
        raise _refusal(text, f"at most {MOST_KEYS} keys can be given", "too-costly")
    found = {}
    for part in parts:
        descending, name = part.startswith("-"), part.removeprefix("-").removeprefix("+")
        values = _read(asking, types, text, name, descending=descending)
        found[name] = SortKey(values, descending=descending, name=shown(part))
    if len(found) < len(parts):
        raise _refusal(text, "a key is there twice")
    return tuple(found.values())


def _read(asking: Asking, types: Types, text: str, name: str, *, descending: bool) -> tuple[SortValue, ...]:
    if not name:
        raise _refusal(text, "an empty key; names of search parameters, joined by commas, are expected")
    if name == "_score":
        raise _refusal(text, "_score cannot be sorted by: this server does not rank what it finds", "not-supported")
    try:
        if "." not in name:
            return tuple(_values(asking, types, name, descending=descending))
        return tuple(value for type_ in types for value in _behind(asking, type_, name, 1, descending=descending))
    except UnknownParameterError:
        allowed = ", ".join(_sortable(asking, types))
        raise _refusal(text, f"{name[:40]!r} cannot be sorted by; {allowed} can", "not-supported") from None
    except BadRequest as error:
        raise _refusal(text, f"{name[:40]!r}: {error.issues[0].diagnostics}", error.issues[0].code) from None


def _values(asking: Asking, types: Types, code: str, *, descending: bool) -> list[SortValue]:
    """Those of a parameter of all of `types`."""
    own = sort.FIELDS.get(code)
    if own is not None:
        return [Stored(own)]
    known = {type_: criteria.known(asking, type_, code) for type_ in types}
    kinds = {parameter.type for parameter in known.values()}
    if code in _UNORDERED:
        raise BadRequest("it finds words, which have no order", code="not-supported")
    if len(kinds) > 1 or not kinds <= _ORDERED:
        raise BadRequest(f"a {' or a '.join(sorted(kinds))} parameter has no order", code="not-supported")
    scalars = {sort.scalars(type_).get(code) for type_ in types}
    if len(scalars) == 1 and (not descending or all(map(expressions.is_single, known, known.values()))):
        (scalar,) = scalars
        if scalar is not None:
            return [Stored(sort.field(scalar))]
    type_ = types[0] if len(types) == 1 else None
    return [Held(type_, part.code, part.type) for part in united(known[types[0]])]


def _behind(asking: Asking, type_: str, name: str, hops: int, *, descending: bool) -> list[SortValue]:
    """`subject:Patient.birthdate`: what each type that the reference may lead to has, if it knows the rest."""
    if hops > MOST_HOPS:
        raise BadRequest(f"at most {MOST_HOPS} links can be followed", code="too-costly")
    head, _, rest = name.partition(".")
    code, _, wanted = head.partition(":")
    parameter = criteria.known(asking, type_, code)
    if inside.leads(type_, parameter):
        said = "it leads to a resource inside of the Bundle, whose values have no order"
        raise BadRequest(said, code="not-supported")
    found: list[SortValue] = []
    refused: list[BadRequest] = []
    for target in criteria.targets(parameter, type_, wanted):
        try:
            values = (
                _behind(asking, target, rest, hops + 1, descending=descending)
                if "." in rest
                else _values(asking, (target,), rest, descending=descending)
            )
        except BadRequest as error:
            refused.append(error)
        else:
            by_url = target in canonicals.named(type_, parameter, (target,))
            found += [Behind(f"{type_}.{code}", target, value, by_url) for value in values]
    if len(found) > MOST_TARGETS:
        raise BadRequest(f"it may lead to {len(found)} types; say which, as in subject:Patient", code="too-costly")
    if not found:
        raise BadRequest(issues=refused[0].issues)
    return found


def _refusal(text: str, reason: str, code: str = "invalid") -> BadRequest:
    return BadRequest(f"Parameter _sort={text[:80]}: {reason}", code=code)


def _sortable(asking: Asking, types: Types) -> list[str]:
    """Codes that `_sort` takes, for error texts."""

    def codes(type_: str) -> set[str]:
        return {found.code for found in asking.parameters.searchable(type_) if found.type in _ORDERED}

    return sorted({*sort.FIELDS}.union(set.intersection(*map(codes, types)) - _UNORDERED))
