"""No regular expression of ours takes more than linear time, whatever the text: one that looks back at all that it has
seen, at each further character, is a way to stop the server.

What is tried follows from each expression: the words and signs in it, and characters of the usual sets, repeated, alone
and in pairs, behind a word of it and with an end that does not match.
"""

import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations, product
from types import ModuleType
from typing import Any

import pytest

import fhir_server
import resources

FEW, MANY = 400, 6_000
"""Characters: few first, since what grows with their cube would never be done with many."""
MOST_SECONDS = 0.02
"""Linear work takes a hundredth of it; a square of the characters takes longer."""
USUAL = (" ", "a", "0", "A", "'", '"', "/", "\\", "\t")


def modules() -> Iterator[ModuleType]:
    for package in (resources, fhir_server):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


@dataclass(frozen=True)
class Expression:
    """A regular expression, and how its module looks for it: all through a text, or from one place on."""

    pattern: re.Pattern[Any]
    look: Callable[[Any], object]


def expressions() -> dict[str, Expression]:
    """Those that stand in modules: themselves, their methods, in dicts."""
    found: dict[str, Expression] = {}
    for module in modules():
        source = inspect.getsource(module)
        for name, value in vars(module).items():
            for one in value.values() if isinstance(value, dict) else [value]:
                pattern = getattr(one, "__self__", one)
                if isinstance(pattern, re.Pattern):
                    methods = set(re.findall(rf"\b{name}(?:\[\w+\])?\.(\w+)", source)) or {getattr(one, "__name__", "")}
                    anywhere = methods - {"match", "fullmatch"}
                    look = pattern.findall if anywhere else pattern.fullmatch
                    found[f"{module.__name__}.{name}"] = Expression(pattern, look)
    return found


def pieces(pattern: re.Pattern[Any]) -> list[str]:
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    plain = re.sub(r"\(\?P?<?[!=:\w]*>?|\\[A-Za-z]|[*+?.^$|\[\](){}]", " ", source.replace("\\\\", "\\"))
    signs = set(re.findall(r"[^\w\s]", source)) & set(
        re.findall(r"[^\w\s]", plain + "".join(re.findall(r"\\(.)", source)))
    )
    return list(dict.fromkeys((*re.findall(r"\w{2,}", plain), *sorted(signs), *USUAL)))


def texts(pattern: re.Pattern[Any], length: int) -> Iterator[str]:
    found = pieces(pattern)
    repeated = [*found, *map("".join, permutations(found, 2))]
    for start, piece, end in product(("", found[0]), repeated, ("", "\n!")):
        yield start + piece * (length // len(piece)) + end


def seconds(look: Callable[[Any], object], text: str | bytes) -> float:
    """The least of some tries: others use the machine as well."""
    least = 9.0
    for _ in range(3):
        start = time.perf_counter()
        look(text)
        least = min(least, time.perf_counter() - start)
        if least < MOST_SECONDS:
            break
    return least


@pytest.mark.parametrize("expression", expressions().values(), ids=expressions())
def test_takes_linear_time(expression: Expression) -> None:
    for length in (FEW, MANY):
        for text in texts(expression.pattern, length):
            given = text if isinstance(expression.pattern.pattern, str) else text.encode()
            assert seconds(expression.look, given) < MOST_SECONDS, text[:40]
