"""General FHIRPath on the dict of a resource; the only importer of the FHIRPath library, which is loaded at first use.

Rule: expressions are an administrator's, and still they may only read the resource, for a bounded time: what could run
for ever inside of one call (regular expressions, recursion), or depends on anything else than the resource (the time,
other resources), is not taken. See https://hl7.org/fhirpath/N1/ and https://hl7.org/fhir/R4/fhirpath.html.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache
from typing import Any

from resources import references
from resources.steps import OversizedExpressionError, check_size

Json = dict[str, Any]

DEEPEST = 120
"""Levels of a parsed expression, of which each operator and each step of a chain is one: the library recurses."""
SECONDS = 0.05
"""CPU time that one expression may take on one resource."""
REFUSED = frozenset({"matches", "replaceMatches", "repeat", "descendants", "aggregate", "now", "today", "timeOfDay",
                     "trace", "memberOf", "conformsTo", "subsumes", "subsumedBy", "power", "toChars"})  # fmt: skip
"""Functions that are not taken."""

_PYTHON_TYPES = {"bool": "boolean", "int": "integer", "str": "string", "Decimal": "decimal", "FP_DateTime": "dateTime",
                 "FP_Date": "date", "FP_Time": "time"}  # fmt: skip


class PathError(ValueError):
    """The expression cannot be read, or not be evaluated on this resource."""


class PathRefusedError(PathError):
    """The expression is FHIRPath, but calls what is not taken here."""


def check(expression: str) -> None:
    """Raises PathError for what is no FHIRPath, PathRefusedError for what is not taken, OversizedExpressionError."""
    _compiled(expression)


def values(expression: str, resource: Json) -> list[tuple[str, Any]]:
    """The values that `expression` gives for `resource`, in order, each with the name of its FHIR type.

    `resolve()` gives no more than what a reference itself says: type and id. Raises PathError,
    OversizedExpressionError.
    """
    evaluate = _compiled(expression)
    own = deepcopy(resource)  # the library writes into what it is given
    try:
        with _deadline(SECONDS):
            found = list(evaluate(own, {"resource": own, "rootResource": own}))
    except Exception as error:  # the library raises bare Exceptions
        raise PathError(f"{expression}: {error}") from error
    if any(isinstance(one, dict) and "$error" in one for one in found):  # how the library says no to single()
        raise PathError(f"{expression}: several values where one is expected")
    return [_typed(one) for one in found]


def _typed(node: Any) -> tuple[str, Any]:
    """Of a node of the library: where it comes from the resource its type is known by that, else it was computed."""
    value = getattr(node, "data", node)
    if isinstance(value, dict) and "resourceType" in value:
        return "Resource", value
    if value is not node and isinstance(node.path, str):
        return node.path, value
    type_ = _PYTHON_TYPES.get(type(value).__name__, "")
    return type_, value if type(value).__module__ in ("builtins", "decimal") else str(value)


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Callable[[Json, Json], list[Any]]:
    check_size(expression)
    import fhirpathpy  # noqa: PLC0415 - half a second and 30 MB that few servers need
    from fhirpathpy.models import models  # noqa: PLC0415
    from fhirpathpy.parser import parse  # noqa: PLC0415

    _check_syntax(expression)
    options = {"returnRawData": True, "userInvocationTable": {"resolve": {"fn": _resolved}}}
    made: Callable[[Json, Json], list[Any]] = fhirpathpy.compile(expression, models["r4"], options)
    called = set(_called(parse(expression)))
    if unknown := called - _known():
        raise PathError(f"there are no functions {', '.join(sorted(unknown))} in FHIRPath")
    if refused := called & REFUSED:
        raise PathRefusedError(f"the functions {', '.join(sorted(refused))} are not taken in search parameters")
    return made


def _check_syntax(expression: str) -> None:
    """Raises PathError where the library's own reading would mend the expression or stop in the middle of it, and
    OversizedExpressionError where it would recurse too deeply."""
    from antlr4 import CommonTokenStream, InputStream, Token  # noqa: PLC0415 - comes with the library
    from antlr4.error.ErrorListener import ErrorListener  # noqa: PLC0415
    from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer  # noqa: PLC0415
    from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser  # noqa: PLC0415

    class Raise(ErrorListener):  # type: ignore[misc, unused-ignore]
        def syntaxError(self, _: Any, symbol: Any, line: int, column: int, message: str, error: Any) -> None:  # noqa: ARG002, N802
            raise PathError(f"it is no FHIRPath: at character {column + 1}, {message[:200]}")

    lexer = FHIRPathLexer(InputStream(expression))
    tokens = CommonTokenStream(lexer)
    parser = FHIRPathParser(tokens)
    for reader in (lexer, parser):
        reader.removeErrorListeners()
        reader.addErrorListener(Raise())
    try:
        tree = parser.expression()
    except RecursionError:  # signs before signs
        raise OversizedExpressionError("The expression is nested too deeply.") from None
    rest = tokens.LT(1)
    if rest.type != Token.EOF:
        raise PathError(f"it is no FHIRPath: at character {rest.column + 1}, {rest.text!r} is not expected")
    level, depth = [tree], 0
    while level:
        level, depth = [child for node in level for child in getattr(node, "children", None) or ()], depth + 1
    if depth > DEEPEST:
        raise OversizedExpressionError(
            f"The expression is nested too deeply: steps and operators make {depth} levels; {DEEPEST} can be taken."
        )


def _called(node: Json) -> Iterator[str]:
    """The names of the functions that a parsed expression calls."""
    if node.get("type") == "Functn":
        yield node["children"][0]["text"]
    for child in node.get("children", ()):
        yield from _called(child)


def _known() -> set[str]:
    from fhirpathpy.engine.invocations import invocation_registry  # noqa: PLC0415

    return {*invocation_registry, *REFUSED, "resolve"}


def _resolved(held: list[Any]) -> list[Any]:
    """For `resolve() is Patient`: of references, what they say of themselves."""
    from fhirpathpy.engine.nodes import ResourceNode  # noqa: PLC0415

    found = []
    for one in held:
        text = one.get("reference") if isinstance(one, dict) else one
        parsed = references.parse(text, "") if isinstance(text, str) else None
        type_ = (parsed and parsed.type) or (one.get("type") if isinstance(one, dict) else None)
        if type_:
            found.append(ResourceNode.create_node({"resourceType": type_, "id": parsed and parsed.id}, type_))
    return found


class _OvertimeError(Exception):
    """More than the time that an expression has."""


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise _OvertimeError from whatever Python function is called after so much CPU time of this thread."""
    end = time.thread_time() + seconds
    before = sys.getprofile()

    def watch(*_: Any) -> None:
        if time.thread_time() > end:
            sys.setprofile(before)
            raise _OvertimeError(f"takes more than {seconds * 1000:.0f} ms")

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(before)
