"""One criterion, a name and a value, → its tree: plain parameters with modifiers, chains, `_has`.

Rule: every way to ask (query pairs, `_filter`, what stands behind a link) ends here, so that a name means one thing.
See https://hl7.org/fhir/R4/search.html#chaining and #has.

    family:exact=Smith    subject:Patient.organization.name=North    _has:Observation:patient:code=1234-5
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fhir_server.search import canonicals, inside, rewrite
from fhir_server.search.tree import Any_, Chain, Expr, Has, HasId, Not, Within, any_of
from fhir_server.search.types import words
from fhir_server.search.types.asked import Asked, split, unescape
from fhir_server.search.types.faces import FACES
from fhir_server.search.upgrade import check_current
from resources import expressions
from resources.outcome import BadRequest, FhirError, Issue
from resources.parameters import BASE, WITHOUT_ENTRIES, WORDS, ParameterSet, SearchParameter, Unready, united
from resources.references import ID
from resources.registry import RESOURCE_TYPES

MOST_VALUES = 1000
"""Values of all parameters of a search together."""
COUNTS_FOR = {"contains": 50, "in": 100, "not-in": 100, "above": 20, "below": 20}
"""Values that one with these modifiers counts for: `contains` is looked for in every entry of its parameter, the others
become as many values as there are codes or levels."""
MOST_TESTS = 3000
"""Tests that one parameter may become; over all types each value is one for each type."""
MOST_HOPS = 6
"""Links that one parameter goes along."""
MOST_LINKS = 60
"""Links of a whole search; an untyped hop is one for each type that it may lead to."""

_BY_TERMINOLOGY = frozenset({"in", "not-in", "above", "below"})

NOT_YET = "is known to FHIR, not yet supported by this server"


class UnknownParameterError(BadRequest):
    """The name is no search parameter of the type: a lenient search leaves it out."""


class UnreadyParameterError(BadRequest):
    """The parameter is defined, but cannot be answered yet, or not at all: a lenient search leaves it out."""

    def __init__(
        self, type_: str = "", code: str = "", unready: Unready | None = None, *, issues: Sequence[Issue] = ()
    ) -> None:
        if unready is not None:
            hint = "; try again later" if unready.passing else ""
            said = f"Search parameter {code} of {type_} is defined, but not searchable: {unready.reason}{hint}"
            issues = [Issue("error", "transient" if unready.passing else "not-supported", said)]
        super().__init__(issues=issues)


@dataclass(slots=True)
class Asking:
    """What a search may refer to, and how much it has asked for so far. `now_ms` is what the prefix `ap` measures
    from; `single_ranges` collects the values that range tests bound of which a resource has at most one."""

    parameters: ParameterSet
    base_url: str
    now_ms: int
    values: int = 0
    links: int = 0
    single_ranges: dict[Within, None] = field(default_factory=dict)


Types = tuple[str, ...]


def criterion(asking: Asking, types: Types, name: str, text: str, hops: int = 0) -> Expr:
    """The tree of `name=text` over resources of `types`, of which one is enough.

    `name` may have modifiers and links; `text` is the value as the client wrote it, escapes and commas in it. `hops` is
    how many links lead here. Raises UnknownParameterError, or BadRequest with the name and what is allowed.
    """
    if hops > MOST_HOPS:
        raise BadRequest(f"At most {MOST_HOPS} links can be followed", code="too-costly")
    is_link = name.startswith("_has:") or "." in name
    if name.partition(":")[0] == "_list":
        return _listed(asking, name, text)
    try:
        if name.startswith("_has:"):
            return _has(asking, types, name, text, hops)
        head, _, rest = name.partition(".")
        if is_link:
            return any_of(*(_chain(asking, type_, head, rest, text, hops) for type_ in types))
        return _test(asking, types, name, text)
    except BadRequest as error:
        if not is_link or hops:
            raise
        of = f"{shown(name)}: "
        issues = [replace(issue, diagnostics=of + issue.diagnostics) for issue in error.issues]
        raise type(error)(issues=issues) from None


def shown(name: str) -> str:
    """A client's parameter name as it may stand in a message."""
    return name if len(name) <= 80 else name[:80] + "…"


# Links


def _chain(asking: Asking, type_: str, head: str, rest: str, text: str, hops: int) -> Expr:
    """`subject:Patient.name`: what `head` refers to satisfies the rest."""
    code, colon, target = head.partition(":")
    parameter = known(asking, type_, code)
    if colon and not target:
        raise BadRequest(f"{code}: a resource type is expected after the colon, such as {code}:Patient")
    reached = targets(parameter, type_, target)
    if inside.leads(type_, parameter):
        return any_of(*(_inside(asking, f"{type_}.{code}", to, rest, text, hops) for to in reached))
    key, many = f"{type_}.{code}", not expressions.is_single(type_, parameter)
    by_url = canonicals.named(type_, parameter, reached)

    def behind(to: str) -> Expr:
        inner = criterion(asking, (to,), rest, text, hops + 1)
        _count_link(asking)
        return Chain(key, to, inner, many, to in by_url, shown(f"{head}.{rest}"))

    return any_of(*_understood(reached, behind))


def _inside(asking: Asking, key: str, target: str, rest: str, text: str, hops: int) -> Expr:
    """`composition.title`: the resource inside of this one satisfies the rest."""
    parameters, asking.parameters = asking.parameters, BASE
    try:
        return inside.test(key, target, criterion(asking, (target,), rest, text, hops + 1))
    finally:
        asking.parameters = parameters


def targets(parameter: SearchParameter, type_: str, wanted: str) -> Types:
    """The types that a chain along `parameter` leads to."""
    if parameter.type != "reference":
        raise BadRequest(f"{parameter.code} of {type_} is a {parameter.type}; only a reference can be chained")
    allowed = parameter.targets or tuple(sorted(RESOURCE_TYPES))
    if wanted and wanted not in allowed:
        one_of = ", ".join(parameter.targets) or "resources of any type"
        raise BadRequest(f"{parameter.code} of {type_} refers to {one_of}, not {wanted[:40]}")
    return (wanted,) if wanted else allowed


def _understood(types: Types, read: Callable[[str], Expr]) -> list[Expr]:
    """What `read` makes of those of the types that know the rest of the name. Raises the first refusal if none does."""
    found: list[Expr] = []
    refusal: FhirError | None = None
    for type_ in types:
        try:
            found.append(read(type_))
        except BadRequest as error:
            if error.issues[0].code == "too-costly" or isinstance(error, UnreadyParameterError):
                raise
            if refusal is None or not isinstance(error, UnknownParameterError):
                refusal = error
    if refusal is not None and not found:
        raise refusal
    if len(found) > MOST_LINKS:
        raise BadRequest(f"It may lead to {len(found)} types; say which", code="too-costly")
    return found


def _has(asking: Asking, types: Types, name: str, text: str, hops: int) -> Expr:
    """`_has:Observation:patient:code`: an Observation that refers here by `patient` satisfies the rest."""
    parts = name.split(":", 3)
    if len(parts) < 4 or not parts[3]:
        raise BadRequest("_has:[type]:[reference parameter]:[parameter] is expected")
    _, source, code, rest = parts
    if source not in RESOURCE_TYPES:
        raise BadRequest(f"{source[:40]!r} is not a resource type")
    parameter = known(asking, source, code)
    if parameter.type != "reference":
        raise BadRequest(f"{code} of {source} is a {parameter.type}, not a reference")
    if parameter.targets and not set(types) & set(parameter.targets):
        raise BadRequest(f"{code} of {source} refers to {', '.join(parameter.targets)}")
    inner = criterion(asking, (source,), rest, text, hops + 1)
    _count_link(asking)
    by_url = canonicals.named(source, parameter, set(parameter.targets or types).intersection(types))
    return Has(source, f"{source}.{code}", inner, tuple(sorted(by_url)), shown(name))


def _listed(asking: Asking, name: str, text: str) -> Expr:
    """`_list=42`: the List refers to it. See https://hl7.org/fhir/R4/search.html#list."""
    if name != "_list":
        raise BadRequest(f"Search parameter {shown(name)}: _list takes no modifier")
    ids = [unescape(part).removeprefix("List/") for part in split(text, ",")]
    for id_ in ids:
        if id_.startswith("$"):
            raise BadRequest(
                f"Search parameter _list={id_[:80]}: this server keeps no functional lists; name a List by its id",
                code="not-supported",
            )
        if not ID.fullmatch(id_):
            raise BadRequest(f"Search parameter _list={text[:80]}: the id of a List is expected, such as 42 or List/42")
    asking.values += len(ids)
    if asking.values > MOST_VALUES:
        raise BadRequest(f"Search parameter _list: at most {MOST_VALUES} values can be given in one search")
    check_current(asking.parameters, ("List",))
    _count_link(asking)
    return Has("List", "List.item", HasId(tuple(f"List/{id_}" for id_ in dict.fromkeys(ids))), name=name)


def _count_link(asking: Asking) -> None:
    asking.links += 1
    if asking.links > MOST_LINKS:
        raise BadRequest(
            f"A search follows at most {MOST_LINKS} links; an untyped one counts for each type that it may lead to: "
            "say which, as in subject:Patient.name",
            code="too-costly",
        )


# Plain parameters


def known(asking: Asking, type_: str, code: str) -> SearchParameter:
    """The parameter `code` of a type. Raises UnknownParameterError, or BadRequest for one that is not answered."""
    check_current(asking.parameters, (type_,))
    parameter = asking.parameters.get(type_, code)
    if parameter is None:
        if (unready := asking.parameters.unready.get((type_, code))) is not None:
            raise UnreadyParameterError(type_, code, unready)
        raise UnknownParameterError(f"{shown(code)} is not a search parameter of {type_}", code="not-supported")
    if parameter.off:
        raise BadRequest(
            f"Search parameter {code} is switched off on this server: FHIR_SEARCH_CONTENT=true switches it on",
            code="not-supported",
        )
    if not parameter.searchable:
        raise BadRequest(f"Search parameter {code} ({parameter.type}) {NOT_YET}", code="not-supported")
    return parameter


def _test(asking: Asking, types: Types, name: str, text: str) -> Expr:
    code, colon, modifier = name.partition(":")
    by_type = {type_: known(asking, type_, code) for type_ in types}
    for type_, parameter in by_type.items():
        _check_modifier(type_, parameter, modifier if colon else None)
    if modifier in _BY_TERMINOLOGY:
        check_current(asking.parameters, ("CodeSystem", "ValueSet"))
    values = split(text, ",")
    counts_for = COUNTS_FOR.get(modifier, 1)
    asking.values += len(values) * counts_for
    if asking.values > MOST_VALUES:
        allowed = f"{MOST_VALUES // counts_for} values" + (f" with {modifier}" if counts_for > 1 else "")
        raise BadRequest(f"Search parameter {shown(name)}: at most {allowed} can be given in one search")
    if not all(values):
        raise BadRequest(f"Search parameter {shown(name)}={text[:80]}: an empty value between commas; a comma itself "
                         "is \\,")  # fmt: skip
    if code in WITHOUT_ENTRIES and code != "_id":  # the same of every type
        by_type = dict(list(by_type.items())[:1])
    if len(values) * len(by_type) > MOST_TESTS:
        most = MOST_TESTS // len(by_type)
        raise BadRequest(f"Search parameter {shown(name)}: at most {most} values over all types")
    asked = [
        Asked(type_, part, modifier or None, value, asking.base_url, asking.now_ms, parameter)
        for value in values
        for type_, parameter in by_type.items()
        for part in united(parameter)
    ]
    found = _expression(modifier, asked)
    if len(by_type) == 1 and expressions.is_single(types[0], by_type[types[0]]):
        choices = found.parts if isinstance(found, Any_) else (found,)
        bounded = [test for test in choices if isinstance(test, Within) and not test.begins]
        asking.single_ranges.update(dict.fromkeys(map(rewrite.unbounded, bounded)))
    return found


def _check_modifier(type_: str, parameter: SearchParameter, modifier: str | None) -> None:
    if modifier is None:
        return
    allowed: set[str] = set()
    if parameter.code not in WITHOUT_ENTRIES | WORDS:
        allowed = {"missing", *FACES[parameter.type].modifiers(type_, parameter)}
    if modifier not in allowed:
        named_types, others = sorted(allowed & RESOURCE_TYPES), sorted(allowed - RESOURCE_TYPES)
        named = [*others, *(named_types if len(named_types) < 20 else ["a resource type"])]
        refused = f"the modifier {modifier[:40]}" if modifier else "an empty modifier"
        raise BadRequest(
            f"Search parameter {parameter.code} ({parameter.type}) of {type_} does not take {refused}; "
            f"it takes {', '.join(named) or 'none'}"
        )


def _expression(modifier: str, asked: list[Asked]) -> Expr:
    if asked[0].parameter.code == "_id":
        return _ids(asked)
    if modifier == "missing":
        present = any_of(*(FACES[one.parameter.type].present(one) for one in asked))
        texts = {one.text for one in asked}
        if texts not in ({"true"}, {"false"}):
            raise asked[0].refusal("true or false is expected")
        return present if texts == {"false"} else Not(present)
    if asked[0].parameter.code in WORDS:
        return words.value(asked)
    found = rewrite.choice([FACES[one.parameter.type].value(one) for one in asked])
    return Not(found) if modifier in ("not", "not-in") else found


def _ids(asked: list[Asked]) -> Expr:
    ids = [unescape(one.text) for one in asked]
    for one, id_ in zip(asked, ids, strict=True):
        if not ID.fullmatch(id_):
            raise one.refusal("an id has 1 to 64 letters, digits, - and .")
    return HasId(tuple(dict.fromkeys(f"{one.type}/{id_}" for one, id_ in zip(asked, ids, strict=True))))
