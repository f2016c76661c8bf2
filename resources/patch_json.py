"""JSON Patch (RFC 6902) with JSON Pointer (RFC 6901) on the dict of a resource.

Rule: all or nothing; the argument is never changed. What a client may not change (`id`, `resourceType`) is the
caller's business. See https://hl7.org/fhir/R4/http.html#patch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from resources.json_codec import MAX_DEPTH, is_deeper
from resources.outcome import BadRequest, Issue, Unprocessable

MAX_COPIED = 100_000
"""Values that the `copy` operations of one patch may copy in all: each could double the document."""
TEXT_OF_A_VALUE = 64
"""Characters of a text that is copied count as one value: it is shared here, but written as often as it was copied."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_BAD_ESCAPE = re.compile(r"~(?![01])")
_MEMBERS = {
    "add": ("path", "value"), "remove": ("path",), "replace": ("path", "value"),
    "move": ("from", "path"), "copy": ("from", "path"), "test": ("path", "value"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Pointer:
    text: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Operation:
    op: str
    path: _Pointer
    source: _Pointer
    """`from`; the same as `path` for operations that have none."""
    value: Any


class _CannotApplyError(Exception):
    """Words that say why an operation does not fit the document."""


def apply(document: Any, operations: Any) -> Any:
    """The document after all `operations`, the decoded JSON Patch.

    Raises BadRequest for what is no JSON Patch (all problems at once), and Unprocessable, naming the operation and its
    path, where one cannot be applied or a `test` does not hold. Numbers are equal by value: 1.50 is 1.5.
    """
    parsed = _parse(operations)
    run = _Run(deepcopy(document))
    for index, operation in enumerate(parsed):
        try:
            _STEPS[operation.op](run, operation)
        except _CannotApplyError as error:
            raise Unprocessable(
                f"Operation {index} of the patch ({operation.op} {operation.path.text!r}) cannot be applied: {error}."
            ) from None
    if is_deeper(run.document, MAX_DEPTH):
        raise Unprocessable(f"The patched resource would be nested more than {MAX_DEPTH} levels deep.")
    return run.document


def _parse(operations: Any) -> list[_Operation]:
    if not isinstance(operations, list):
        raise BadRequest("A JSON Patch is an array of operations (RFC 6902).")
    problems = [
        Issue("error", "invalid", f"Operation {index} of the patch {words}.")
        for index, operation in enumerate(operations)
        for words in _faults(operation)
    ]
    if problems:
        raise BadRequest(issues=problems)
    return [
        _Operation(
            operation["op"],
            _pointer(operation["path"]),
            _pointer(operation["from"] if operation["op"] in ("move", "copy") else operation["path"]),
            operation.get("value"),
        )
        for operation in operations
    ]


def _faults(operation: Any) -> Iterator[str]:
    if not isinstance(operation, dict):
        yield "is not an object"
        return
    op = operation.get("op")
    if not isinstance(op, str) or op not in _MEMBERS:
        yield f"has no known 'op'; these are {', '.join(_MEMBERS)}"
        return
    for member in _MEMBERS[op]:
        if member not in operation:
            yield f"({op}) has no {member!r}"
        elif member != "value":
            yield from _pointer_faults(op, member, operation[member])


def _pointer_faults(op: str, member: str, pointer: Any) -> Iterator[str]:
    if not isinstance(pointer, str):
        yield f"({op}) has a {member!r} that is not a string"
    elif pointer and not pointer.startswith("/"):
        yield f"({op}) has a {member!r} that does not begin with '/': {pointer[:80]!r}"
    elif _BAD_ESCAPE.search(pointer):
        yield f"({op}) has a {member!r} with '~' followed by neither 0 nor 1: {pointer[:80]!r}"


def _pointer(text: str) -> _Pointer:
    return _Pointer(
        text[:200], tuple(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])
    )


class _Run:
    """The document while it is being patched, and what its patch may still copy."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.budget = MAX_COPIED

    def get(self, pointer: _Pointer) -> Any:
        value = self.document
        for token in pointer.tokens:
            value = _child(value, token)
        return value

    def parent(self, pointer: _Pointer) -> tuple[Any, str]:
        """The array or object that holds the place, and the last token."""
        value = self.document
        for token in pointer.tokens[:-1]:
            value = _child(value, token)
        return value, pointer.tokens[-1]

    def put(self, pointer: _Pointer, value: Any) -> None:
        """`add` of RFC 6902 §4.1."""
        if not pointer.tokens:
            self.document = value
            return
        parent, last = self.parent(pointer)
        if isinstance(parent, dict):
            parent[last] = value
        elif isinstance(parent, list):
            parent.insert(len(parent) if last == "-" else _index(last, len(parent)), value)
        else:
            raise _CannotApplyError("its parent is neither an array nor an object")

    def take(self, pointer: _Pointer) -> Any:
        """`remove` of RFC 6902 §4.2, and what was there."""
        if not pointer.tokens:
            raise _CannotApplyError("the whole document cannot be removed")
        parent, token = self.parent(pointer)
        value = _child(parent, token)
        del parent[int(token) if isinstance(parent, list) else token]
        return value


def _child(parent: Any, token: str) -> Any:
    if isinstance(parent, dict):
        if token in parent:
            return parent[token]
        raise _CannotApplyError(f"there is no {token[:80]!r}")
    if isinstance(parent, list):
        return parent[_index(token, len(parent) - 1)]
    raise _CannotApplyError(f"there is no {token[:80]!r} in a single value")


def _index(token: str, last: int) -> int:
    if not _INDEX.fullmatch(token) or int(token) > last:
        raise _CannotApplyError(f"{token[:80]!r} is not an index of the array")
    return int(token)


def _add(run: _Run, operation: _Operation) -> None:
    run.put(operation.path, _copied(operation.value))


def _copied(value: Any) -> Any:
    """NOTE: depth is judged before what goes down into it; a `move` does not, and is judged with the whole result."""
    if is_deeper(value, MAX_DEPTH):
        raise _CannotApplyError(f"the result would be nested more than {MAX_DEPTH} levels deep")
    return deepcopy(value)


def _remove(run: _Run, operation: _Operation) -> None:
    run.take(operation.path)


def _replace(run: _Run, operation: _Operation) -> None:
    if not operation.path.tokens:
        _add(run, operation)
        return
    parent, token = run.parent(operation.path)
    _child(parent, token)
    parent[int(token) if isinstance(parent, list) else token] = _copied(operation.value)


def _move(run: _Run, operation: _Operation) -> None:
    source, target = operation.source.tokens, operation.path.tokens
    if source == target:
        run.get(operation.source)
        return
    if source == target[: len(source)]:
        raise _CannotApplyError("a value cannot be moved into itself")
    run.put(operation.path, run.take(operation.source))


def _copy(run: _Run, operation: _Operation) -> None:
    value = run.get(operation.source)
    run.budget -= _size(value)
    if run.budget < 0:
        raise _CannotApplyError(f"the patch copies more than {MAX_COPIED} values")
    run.put(operation.path, _copied(value))


def _test(run: _Run, operation: _Operation) -> None:
    if not equal(run.get(operation.path), operation.value):
        raise _CannotApplyError("the value there is another one")


_STEPS: dict[str, Callable[[_Run, _Operation], None]] = {
    "add": _add, "remove": _remove, "replace": _replace, "move": _move, "copy": _copy, "test": _test,
}  # fmt: skip


def _size(value: Any) -> int:
    """How many values are in `value`, itself included; a long text counts as several."""
    count = 0
    open_ = [value]
    while open_:
        item = open_.pop()
        count += 1
        if isinstance(item, dict):
            open_.extend(item.values())
        elif isinstance(item, list):
            open_.extend(item)
        elif isinstance(item, str):
            count += len(item) // TEXT_OF_A_VALUE
    return count


def equal(one: Any, other: Any) -> bool:
    """Equality of RFC 6902 §4.6: numbers by value, never equal to true or false; objects whatever their order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | Decimal) and isinstance(other, int | Decimal):
        return one == other
    return type(one) is type(other) and bool(one == other)
