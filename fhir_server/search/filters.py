"""`_filter`: an expression of comparisons → its tree.

Rule: each comparison becomes a criterion, so that a name means here what it means in a query; what no criterion says
exactly is refused with its place. See https://hl7.org/fhir/R4/search_filter.html.

    given eq "peter" and (birthdate ge 2014-10-10 or not (organization.name co "north"))

Values are compared without case, as the page says. `and` and `or` have no precedence: they go from left to right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from fhir_server.document import entry
from fhir_server.search import criteria, rewrite
from fhir_server.search.criteria import Asking, Types, UnknownParameterError, criterion
from fhir_server.search.tree import All, Any_, Chain, Expr, Has, Not, StartsWith, Within, all_of
from fhir_server.search.types.asked import PREFIXES, split
from resources import expressions
from resources.outcome import BadRequest
from resources.parameters import WORDS

MOST_COMPARISONS: Final = 50
"""Comparisons of one filter."""
DEEPEST: Final = 20
"""Parentheses within parentheses."""

_NOT = re.compile(r"not(?=\s*\()").match
_WORD = re.compile(r"[A-Za-z_][\w-]*", re.ASCII).match
_PATH = re.compile(r"[A-Za-z_][\w-]*(?::[A-Za-z]+(?=\.))?(?:\.[A-Za-z_][\w-]*(?::[A-Za-z]+(?=\.))?)*", re.ASCII).match
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"').match
_TOKEN = re.compile(r"[^\s)\]\"][^\s)\]]*").match

_ORDERED = frozenset({"date", "number", "quantity"})
_MODIFIERS = {
    ("string", "co"): "contains",
    ("token", "ss"): "below",
    ("token", "sb"): "above",
    ("token", "in"): "in",
    ("token", "ni"): "not-in",
}
"""Of what operators are modifiers: `code ss x` is that x subsumes a code, which is then below x."""
_PLAIN = frozenset({
    ("string", "eq"), ("string", "sw"), ("token", "eq"), ("uri", "eq"), ("reference", "eq"), ("reference", "re"),
    ("composite", "eq"), ("special", "eq"), ("date", "po"), ("words", "co"),
})  # fmt: skip
OPERATORS: Final = frozenset({*PREFIXES, "co", "sw", "ew", "pr", "po", "ss", "sb", "in", "ni", "re"})


def tree(asking: Asking, types: Types, text: str) -> Expr:
    """The tree of a filter over resources of `types`. Raises BadRequest that names the place of what is wrong."""
    parser = _Parser(text, lambda test: _comparison(asking, types, test))
    return parser.whole()


@dataclass(frozen=True, slots=True)
class _Test:
    """One comparison, as it is written."""

    path: str
    operator: str
    value: str


class _Parser:
    """Recursive descent; `compare` gives the tree of a comparison."""

    def __init__(self, text: str, compare: Callable[[_Test], Expr]) -> None:
        self.text = text
        self.compare = compare
        self.at = 0
        self.comparisons = 0
        self.depth = 0

    def whole(self) -> Expr:
        found = self._filter()
        if self.at < len(self.text):
            raise self._refusal("and, or or the end is expected")
        return found

    def _filter(self) -> Expr:
        found = self._term()
        while joint := self._next(_WORD):
            if joint not in ("and", "or"):
                raise self._refusal("and, or or the end is expected", back=len(joint))
            other = self._term()
            found = all_of(found, other) if joint == "and" else rewrite.choice([found, other])
        return found

    def _term(self) -> Expr:
        if self._next(_NOT):
            return Not(self._inner())
        return self._inner() if self._peek("(") else self._test()

    def _inner(self) -> Expr:
        self._take("(")
        self.depth += 1
        if self.depth > DEEPEST:
            raise self._refusal(f"at most {DEEPEST} parentheses may be within each other", code="too-costly")
        found = self._filter()
        self._take(")")
        self.depth -= 1
        return found

    def _test(self) -> Expr:
        self.comparisons += 1
        if self.comparisons > MOST_COMPARISONS:
            raise self._refusal(f"at most {MOST_COMPARISONS} comparisons can be made", code="too-costly")
        start = self._skip()
        path = self._next(_PATH)
        if path is None:
            raise self._refusal("the name of a search parameter, not or ( is expected")
        if self.text[self.at : self.at + 1] == "[":
            raise self._refusal("conditions on a part of a path are not answered", code="not-supported")
        operator = self._next(_WORD)
        if operator not in OPERATORS:
            allowed = " ".join(sorted(OPERATORS))
            raise self._refusal(f"an operator is expected, one of {allowed}", back=len(operator or ""))
        test = _Test(path, operator, self._value())
        try:
            return self.compare(test)
        except BadRequest as error:
            self.at = start
            issues = [replace(issue, diagnostics=self._placed(issue.diagnostics)) for issue in error.issues]
            raise BadRequest(issues=issues) from None

    def _value(self) -> str:
        text = self._next(_STRING)
        if text is not None:
            try:
                found: str = json.loads(text)
            except ValueError:
                raise self._refusal("the escapes of a text are those of JSON", back=len(text)) from None
        else:
            found = self._next(_TOKEN) or ""
        if not found:
            raise self._refusal('a value is expected: a "text" or a word without spaces and ) ]')
        return found

    def _skip(self) -> int:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        return self.at

    def _peek(self, sign: str) -> bool:
        return self.text.startswith(sign, self._skip())

    def _take(self, sign: str) -> None:
        if not self._peek(sign):
            raise self._refusal(f"{sign} is expected")
        self.at += 1

    def _next(self, form: Callable[[str, int], re.Match[str] | None]) -> str | None:
        match = form(self.text, self._skip())
        if match is None:
            return None
        self.at = match.end()
        return match[0]

    def _refusal(self, reason: str, *, back: int = 0, code: str = "invalid") -> BadRequest:
        self.at -= back
        return BadRequest(self._placed(reason), code=code)

    def _placed(self, reason: str) -> str:
        there = self.text[self.at : self.at + 30]
        place = f"at character {self.at + 1} ({there!r})" if there else "at its end"
        return f"Parameter _filter, {place}: {reason}"


# Comparisons


def _comparison(asking: Asking, types: Types, test: _Test) -> Expr:
    path, operator, kind = test.path, test.operator, _kind(asking, types, test.path)
    if operator == "pr":
        if test.value not in ("true", "false"):
            raise BadRequest("pr takes true or false")
        there = criterion(asking, types, f"{path}:missing", "false")
        return there if test.value == "true" else Not(there)
    text = _text(kind, test.value)
    if kind in _ORDERED and operator in PREFIXES:
        return criterion(asking, types, path, f"{operator}{text}")
    if modifier := _MODIFIERS.get((kind, operator)):
        return criterion(asking, types, f"{path}:{modifier}", text)
    if operator == "ne" and (kind, "eq") in _PLAIN:
        return _unequal(asking, types, replace(test, operator="eq"))
    if (kind, operator) not in _PLAIN:
        raise BadRequest(_unanswered(kind, test), code="not-supported")
    found = criterion(asking, types, path, text)
    if (kind, operator) == ("string", "eq"):
        return _mapped(found, _whole)
    return _mapped(found, _overlapping) if operator == "po" else found


def _unanswered(kind: str, test: _Test) -> str:
    pairs = {*_PLAIN, *_MODIFIERS, *((one, operator) for one in _ORDERED for operator in PREFIXES)}
    allowed = sorted({operator for one, operator in pairs if one == kind} | {"pr"})
    return f"{test.path} is a {kind} parameter, which takes {' '.join(allowed)}, not {test.operator}"


def _unequal(asking: Asking, types: Types, test: _Test) -> Expr:
    """That one value is unequal; of several, that cannot be told from their entries."""
    known = {type_: criteria.known(asking, type_, test.path) for type_ in types if "." not in test.path}
    if not known or not all(expressions.is_single(type_, parameter) for type_, parameter in known.items()):
        raise BadRequest(
            f"ne asks whether one of several values of {test.path} differs, which is not answered; "
            f"not ({test.path} eq …) asks that none is equal",
            code="not-supported",
        )
    there = criterion(asking, types, f"{test.path}:missing", "false")
    return all_of(there, Not(_comparison(asking, types, test)))


def _text(kind: str, value: str) -> str:
    """A value as it is written in a query: with the escapes that keep it one value."""
    if kind == "string":
        return re.sub(r"([\\,|$])", r"\\\1", value)
    return "\\,".join(split(value, ","))


def _kind(asking: Asking, types: Types, path: str) -> str:
    """The type of the parameter at the end of a path, which must be the same wherever the path leads."""
    seen: dict[tuple[str, str], frozenset[str]] = {}
    by_type = {type_: _kinds(asking, type_, path, seen) for type_ in types}
    for type_, found in by_type.items():
        if not found:  # a filter is refused as a whole, whatever the handling
            raise BadRequest(f"{criteria.shown(path)} is no search parameter of {type_}", code="not-supported")
    kinds = frozenset[str]().union(*by_type.values())
    if len(kinds) > 1:
        either = " or a ".join(sorted(kinds))
        raise BadRequest(f"{path} may be a {either} parameter; say of which type, as in subject:Patient.name")
    return next(iter(kinds))


def _kinds(asking: Asking, type_: str, path: str, seen: dict[tuple[str, str], frozenset[str]]) -> frozenset[str]:
    """The types of the parameters that a path leads to; none where it is not known. `seen` is what was found before."""
    if (type_, path) not in seen:
        head, _, rest = path.partition(".")
        code, _, wanted = head.partition(":")
        found: frozenset[str] = frozenset()
        try:
            parameter = criteria.known(asking, type_, code)
        except UnknownParameterError:
            pass
        else:
            reached = criteria.targets(parameter, type_, wanted) if rest else ()
            of_targets = (_kinds(asking, target, rest, seen) for target in reached)
            found = found.union(*of_targets) if rest else frozenset({"words" if code in WORDS else parameter.type})
        seen[type_, path] = found
    return seen[type_, path]


def _mapped(found: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """A criterion with its tests changed, behind links too."""
    match found:
        case All(parts):
            return All(tuple(_mapped(part, change) for part in parts))
        case Any_(parts):
            return Any_(tuple(_mapped(part, change) for part in parts))
        case Chain() | Has():
            return replace(found, inner=_mapped(found.inner, change))
    return change(found)


def _whole(test: Expr) -> Expr:
    """That a text is equal and does not only begin so."""
    if not isinstance(test, StartsWith):
        return test
    _, _, text = test.prefix.partition(entry.SEPARATOR)
    if len(text) >= entry.LONGEST_PREFIX:
        raise BadRequest(f"at most {entry.LONGEST_PREFIX - 1} characters can be compared")
    return StartsWith(test.prefix + entry.SEPARATOR)


def _overlapping(test: Expr) -> Expr:
    """What is within a period, as what overlaps it."""
    if not isinstance(test, Within):
        raise BadRequest("po is not for the time of the last update", code="not-supported")
    return replace(test, low_from=None, low_to=test.high_to, high_from=test.low_from, high_to=None)
