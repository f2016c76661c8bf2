"""Query pairs → `Query`: names, modifiers, prefixes, escapes, result parameters; strict and lenient handling.

Rule: nothing is dropped in silence: what is not understood is refused (400), or, where the client did not ask for
strict handling, is named in a warning and left out of `applied`. What FHIR defines and this server cannot answer yet
is always refused, since without it the answer would be too wide.
See https://hl7.org/fhir/R4/search.html.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fhir_server.model import Pairs
from fhir_server.search import rewrite, sort
from fhir_server.search.query import Query, SortKey
from fhir_server.search.tree import NOTHING, All, Expr, HasId, Not, OfType, Present, all_of, any_of
from fhir_server.search.types.asked import Asked, split, unescape
from fhir_server.search.types.faces import FACES
from resources import expressions
from resources.outcome import BadRequest, FhirError, Issue
from resources.parameters import WITHOUT_ENTRIES, ParameterSet, SearchParameter
from resources.references import ID
from resources.registry import RESOURCE_TYPES

LONGEST_VALUE = 4000
"""Characters of one parameter's value."""
MOST_VALUES = 1000
"""Values of all parameters of a search together."""
CONTAINS_COUNTS_FOR = 50
"""Values that one of `:contains` counts for: it is looked for in every entry of its parameter."""
MOST_PARAMETERS = 200
"""Parameters of one search."""
MOST_TESTS = 3000
"""Tests that one parameter may become; over all types each value is one for each type."""
CURSOR = "_cursor"

_NOT_YET = "is known to FHIR, not yet supported by this server"
_ALWAYS_REFUSED = frozenset({"_has", "_list", "_filter", "_query", "_text", "_content"})
_COMMON = frozenset({*WITHOUT_ENTRIES, "_profile", "_security", "_source", "_tag"})
"""Those of every type, which a search over all types takes."""
_FORMS_NOT_YET = frozenset({"_include", "_revinclude", "_elements", "_contained", "_containedType"})
"""Change what the answer looks like, not what it finds: when lenient, left out with a warning."""


@dataclass(slots=True)
class _Reading:
    """What the pairs have said so far."""

    type: str | None
    parameters: ParameterSet
    base_url: str
    strict: bool
    now_ms: int
    max_count: int
    count: int
    values: int = 0
    """How many values there are in all."""
    types: tuple[str, ...] = ()
    tests: list[Expr] = field(default_factory=list)
    sort: tuple[SortKey, ...] = ()
    total: str | None = None
    cursor: str | None = None
    single_ranges: dict[str, None] = field(default_factory=dict)
    """Keys of the range tests whose parameter has at most one value."""
    applied: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)
    errors: list[Issue] = field(default_factory=list)

    def leave_out(self, reason: str) -> None:
        """Strict: an error; lenient: a warning."""
        if self.strict:
            self.errors.append(Issue("error", "not-supported", reason))
        else:
            self.warnings.append(Issue("warning", "not-supported", f"{reason}; it was left out"))


def parse(
    type_: str | None,
    pairs: Pairs,
    *,
    parameters: ParameterSet,
    base_url: str,
    strict: bool | None,
    default_count: int,
    max_count: int,
    now_ms: int,
) -> Query:
    """The search that `pairs` ask for, over `type_`, or over all types where it is None.

    `strict` is `Prefer: handling=strict`; None is lenient. `now_ms` (milliseconds since the epoch) is what the prefix
    `ap` measures from. Repeated pairs must all hold; of values joined by commas one. Raises BadRequest with an issue
    for each pair that is wrong.
    """
    reading = _Reading(type_, parameters, base_url, bool(strict), now_ms, max_count, min(default_count, max_count))
    if len(pairs) > MOST_PARAMETERS:
        raise BadRequest(
            f"A search has at most {MOST_PARAMETERS} parameters; these are {len(pairs)}.", code="too-costly"
        )
    for name, text in pairs:
        try:
            _read(reading, name, text)
        except FhirError as error:
            reading.errors.extend(error.issues)
    if reading.errors:
        raise BadRequest(issues=reading.errors)
    return Query(
        type=type_,
        tree=rewrite.join_ranges(all_of(*reading.tests), reading.single_ranges),
        types=reading.types,
        sort=reading.sort,
        count=reading.count,
        cursor=reading.cursor,
        issues=tuple(reading.warnings),
        applied=tuple(reading.applied),
        total=reading.total,
    )


def condition_key(type_: str, tree: Expr) -> str:
    """The same text for the same criteria, in whatever order and form they were written."""
    parts = tree.parts if isinstance(tree, All) else (tree,)
    return f"{type_}?{'&'.join(sorted(map(repr, parts)))}"


def _read(reading: _Reading, name: str, text: str) -> None:
    shown = name if len(name) <= 80 else name[:80] + "…"
    if len(text) > LONGEST_VALUE:
        raise BadRequest(f"Parameter {shown}: a value has at most {LONGEST_VALUE} characters, this one {len(text)}")
    if not text:
        reading.leave_out(f"Parameter {shown} has no value")
        return
    if name in _RESULT:
        _RESULT[name](reading, text)
        return
    code, _, modifier = name.partition(":")
    if code in _FORMS_NOT_YET:
        reading.leave_out(f"Parameter {code} {_NOT_YET}")
    elif code in _ALWAYS_REFUSED:
        raise BadRequest(f"Search parameter {code} {_NOT_YET}", code="not-supported")
    elif "." in code:
        raise BadRequest(f"Search parameter {shown}: chaining {_NOT_YET}", code="not-supported")
    else:
        _test(reading, code, modifier or None, text, shown)


def _test(reading: _Reading, code: str, modifier: str | None, text: str, shown: str) -> None:
    parameter = _known(reading, code)
    if parameter is None:
        where = f"of {reading.type}" if reading.type else f"over all types; {', '.join(sorted(_COMMON))} and _type are"
        reading.leave_out(f"{shown} is not a search parameter {where}")
        return
    if not parameter.searchable:
        raise BadRequest(f"Search parameter {code} ({parameter.type}) {_NOT_YET}", code="not-supported")
    _check_modifier(parameter, modifier)
    values = split(text, ",")
    reading.values += len(values) * (CONTAINS_COUNTS_FOR if modifier == "contains" else 1)
    if reading.values > MOST_VALUES:
        raise BadRequest(f"Search parameter {shown}: at most {MOST_VALUES} values can be given in one search")
    if not all(values):
        raise BadRequest(f"Search parameter {shown}={text[:80]}: an empty value between commas; a comma itself is \\,")
    types = (reading.type,) if reading.type or code in WITHOUT_ENTRIES else sorted(RESOURCE_TYPES)
    if len(values) * len(types) > MOST_TESTS:
        raise BadRequest(f"Search parameter {shown}: at most {MOST_TESTS // len(types)} values over all types")
    asked = [
        Asked(type_ or "Resource", parameter, modifier, value, reading.base_url, reading.now_ms)
        for value in values
        for type_ in types
    ]
    reading.tests.append(_expression(reading, parameter, modifier, asked))
    if FACES[parameter.type].ranged and reading.type and expressions.is_single(reading.type, parameter):
        reading.single_ranges[asked[0].key] = None
    reading.applied.append((shown, text))


def _known(reading: _Reading, code: str) -> SearchParameter | None:
    if reading.type is not None:
        return reading.parameters.get(reading.type, code)
    return reading.parameters.get("Patient", code) if code in _COMMON else None


def _check_modifier(parameter: SearchParameter, modifier: str | None) -> None:
    if modifier is None:
        return
    allowed = {"missing", *FACES[parameter.type].modifiers} if parameter.code not in WITHOUT_ENTRIES else set()
    if parameter.type == "reference" and parameter.targets:
        allowed -= RESOURCE_TYPES - set(parameter.targets)
    if modifier not in allowed:
        types, others = sorted(allowed & RESOURCE_TYPES), sorted(allowed - RESOURCE_TYPES)
        named = [*others, *(types if len(types) < 20 else ["a resource type"])]
        raise BadRequest(
            f"Search parameter {parameter.code} ({parameter.type}) does not take the modifier {modifier[:40]}; "
            f"it takes {', '.join(named) or 'none'}"
        )


def _expression(reading: _Reading, parameter: SearchParameter, modifier: str | None, asked: list[Asked]) -> Expr:
    face = FACES[parameter.type]
    if parameter.code == "_id":
        return _ids(reading, asked)
    if modifier == "missing":
        present = any_of(*(Present(key, ranged=face.ranged) for key in dict.fromkeys(one.key for one in asked)))
        texts = {one.text for one in asked}
        if texts not in ({"true"}, {"false"}):
            raise asked[0].refusal("true or false is expected")
        return present if texts == {"false"} else Not(present)
    found = any_of(*(face.value(one) for one in asked))
    return Not(found) if modifier == "not" else found


def _ids(reading: _Reading, asked: list[Asked]) -> Expr:
    types = (reading.type,) if reading.type else sorted(RESOURCE_TYPES)
    ids = [unescape(one.text) for one in asked]
    if len(ids) * len(types) > MOST_TESTS:
        raise asked[0].refusal(f"at most {MOST_TESTS // len(types)} values over all types")
    for one, id_ in zip(asked, ids, strict=True):
        if not ID.fullmatch(id_):
            raise one.refusal("an id has 1 to 64 letters, digits, - and .")
    return HasId(tuple(dict.fromkeys(f"{type_}/{id_}" for id_ in ids for type_ in types)))


def _count(reading: _Reading, text: str) -> None:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadRequest(f"Parameter _count={text[:40]}: a number of at least 0 is expected")
    reading.count = min(int(text), reading.max_count)
    reading.applied.append(("_count", str(reading.count)))


def _sort(reading: _Reading, text: str) -> None:
    keys = []
    for part in text.split(","):
        code = part.removeprefix("-").removeprefix("+")
        found = sort.field_of(reading.type, code)
        if found is None:
            allowed = ", ".join(sort.sortable(reading.type))
            raise BadRequest(f"Parameter _sort={text[:80]}: {code[:40]!r} cannot be sorted by; {allowed} can")
        keys.append(SortKey(found, descending=part.startswith("-")))
    if len({key.field for key in keys}) < len(keys):
        raise BadRequest(f"Parameter _sort={text[:80]}: a key is there twice")
    reading.sort = tuple(keys)
    reading.applied.append(("_sort", text))


def _total(reading: _Reading, text: str) -> None:
    if text not in ("none", "estimate", "accurate"):
        raise BadRequest(f"Parameter _total={text[:40]}: none, estimate or accurate is expected")
    reading.total = text
    reading.applied.append(("_total", text))


def _summary(reading: _Reading, text: str) -> None:
    if text == "count":
        reading.count = 0
    elif text in ("true", "text", "data"):
        reading.leave_out(f"Parameter _summary={text} {_NOT_YET}")
        return
    elif text != "false":
        raise BadRequest(f"Parameter _summary={text[:40]}: true, text, data, count or false is expected")
    reading.applied.append(("_summary", text))


def _type(reading: _Reading, text: str) -> None:
    if reading.type is not None:
        raise BadRequest("Parameter _type is for searches over all types")
    types = text.split(",")
    unknown = [type_[:40] for type_ in types if type_ not in RESOURCE_TYPES]
    if unknown:
        raise BadRequest(f"Parameter _type: {', '.join(unknown)} is not a resource type")
    reading.types = tuple(sorted(set(types) & set(reading.types or types)))
    reading.tests.append(OfType(reading.types) if reading.types else NOTHING)
    reading.applied.append(("_type", text))


def _cursor(reading: _Reading, text: str) -> None:
    if reading.cursor is not None:
        raise BadRequest(f"Parameter {CURSOR} is there twice")
    reading.cursor = text


_RESULT: dict[str, Callable[[_Reading, str], None]] = {
    "_count": _count,
    "_sort": _sort,
    "_total": _total,
    "_summary": _summary,
    "_type": _type,
    CURSOR: _cursor,
}
