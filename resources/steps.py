"""The subset of FHIRPath that SearchParameter expressions are compiled from: paths of steps, and their parser.

Rule: what is outside of it raises `UnsupportedExpressionError`; it is never half understood.
See https://hl7.org/fhir/R4/searchparameter.html and http://hl7.org/fhirpath/N1/.

    Patient.telecom.where(system='phone')    (Condition.onset as Period)    Bundle.entry[0].resource
    Flag.subject.where(resolve() is Patient)     Patient.deceased.exists() and Patient.deceased != false
    Patient.extension('http://hospital.example/eyes').value
    value.as(Quantity)    %resource.referenceSeq.chromosome      (components, from the base of their composite)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 4_000
"""Characters of an expression."""
DEEPEST: Final = 20
"""Parentheses and brackets inside of one another."""
MOST_STEPS: Final = 20
"""Steps of a path: Python nests no more loops than 20."""


class UnsupportedExpressionError(ValueError):
    """An expression that is outside of the compiled subset."""


class UnknownElementError(UnsupportedExpressionError):
    """An expression that names an element that is not there."""


class OversizedExpressionError(UnsupportedExpressionError):
    """An expression that is too long or nested too deeply, in whatever language it is."""


@dataclass(frozen=True, slots=True)
class Child:
    """The element of this name."""

    name: str


@dataclass(frozen=True, slots=True)
class As:
    """Only values of this type."""

    type: str


@dataclass(frozen=True, slots=True)
class Item:
    """Only the value at this place."""

    position: int


@dataclass(frozen=True, slots=True)
class Where:
    """Only values whose member has this text."""

    member: str
    text: str


@dataclass(frozen=True, slots=True)
class Resolves:
    """Only references to this resource type."""

    type: str


@dataclass(frozen=True, slots=True)
class Truth:
    """Not the values, but whether there is one other than false."""


Step = Child | As | Item | Where | Resolves | Truth
Path = tuple[Step, ...]

_TOKENS = re.compile(r"\s*(?:'([^']*)'|(%?\w+)|([|().=\[\]]))")
_BRACKETS = re.compile(r"'(?:[^'\\]|\\.?)*(?:'|\Z)|[()\[\]]", re.DOTALL)
"""And texts, in which brackets are none."""
_TRUTH = re.compile(r"\s*([\w.]+)\.exists\(\) and \1 != false\s*")
_EXTENSION = re.compile(r"\bextension\(\s*('[^']*')\s*\)")
_TYPE_NAMES = {"DateTime": "dateTime", "SimpleQuantity": "Quantity"}


def check_size(expression: str) -> None:
    """Raises OversizedExpressionError."""
    if len(expression) > LONGEST:
        raise OversizedExpressionError(f"The expression has {len(expression):,} characters; {LONGEST:,} can be taken.")
    depth = 0
    for sign in _BRACKETS.findall(expression):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(sign, 0)
        if depth > DEEPEST:
            raise OversizedExpressionError(f"The expression has more than {DEEPEST} brackets inside of one another.")


def parse(expression: str) -> tuple[Path, ...]:
    """The alternatives of an expression, each a path of steps. Raises UnsupportedExpressionError."""
    check_size(expression)
    truth = _TRUTH.fullmatch(expression)
    if truth:
        return ((*(Child(name) for name in truth[1].split(".")), Truth()),)
    return _Parser(_EXTENSION.sub(r"extension.where(url=\1)", expression)).parse()


class _Parser:
    """Recursive descent over `|`, parentheses, `as`, `.`, `[n]` and the functions `as`, `ofType` and `where`."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens: list[tuple[str, str]] = []
        at, end = 0, len(expression.rstrip())
        while at < end:
            match = _TOKENS.match(expression, at)
            if match is None:
                raise UnsupportedExpressionError(expression)
            kind = ("text", "word", "sign")[(match.lastindex or 1) - 1]
            self.tokens.append((kind, match[match.lastindex or 1]))
            at = match.end()
        self.at = 0

    def parse(self) -> tuple[Path, ...]:
        paths = self._union()
        if self.at != len(self.tokens):
            raise UnsupportedExpressionError(self.expression)
        if max(map(len, paths)) > MOST_STEPS:
            raise OversizedExpressionError(f"The expression has a path of more than {MOST_STEPS} steps.")
        return tuple(paths)

    def _next_is(self, text: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] in (("sign", text), ("word", text))

    def _take(self, kind: str, text: str | None = None) -> str:
        if self.at >= len(self.tokens):
            raise UnsupportedExpressionError(self.expression)
        found, value = self.tokens[self.at]
        if found != kind or text not in (None, value):
            raise UnsupportedExpressionError(self.expression)
        self.at += 1
        return value

    def _signs(self, text: str) -> None:
        for sign in text:
            self._take("sign", sign)

    def _union(self) -> list[Path]:
        paths = self._term()
        while self._next_is("|"):
            self._take("sign")
            paths += self._term()
        return paths

    def _term(self) -> list[Path]:
        if self._next_is("("):
            self._take("sign")
            paths = self._union()
            self._take("sign", ")")
        else:
            paths = [(self._step(),)]
        while True:
            if self._next_is("."):
                self._take("sign")
                step: Step = self._step()
            elif self._next_is("["):
                self._take("sign")
                step = self._item()
                self._take("sign", "]")
            elif self._next_is("as") or self._next_is("is"):
                self._take("word")
                step = self._as(self._take("word"))
            else:
                return paths
            paths = [(*path, step) for path in paths]

    def _item(self) -> Item:
        position = self._take("word")
        if not (position.isascii() and position.isdigit()):
            raise UnsupportedExpressionError(self.expression)
        return Item(int(position))

    def _as(self, name: str) -> As:
        return As(_TYPE_NAMES.get(name, name))

    def _step(self) -> Step:
        name = self._take("word")
        if not self._next_is("("):
            return Child(name)
        self._take("sign")
        if name in ("as", "ofType"):
            step: Step = self._as(self._take("word"))
        elif name == "where":
            step = self._where()
        else:
            raise UnsupportedExpressionError(self.expression)
        self._take("sign", ")")
        return step

    def _where(self) -> Step:
        member = self._take("word")
        if member == "resolve":
            self._signs("()")
            self._take("word", "is")
            return Resolves(self._take("word"))
        self._take("sign", "=")
        return Where(member, self._take("text"))
