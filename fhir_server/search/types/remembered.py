"""What is made of texts, kept for the next resource that has the same ones.

Rule: it costs one look into a dict, and no client can make it grow: long texts are not kept, what is full is emptied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
Texts = tuple[str, ...]


class Remembered(dict[Texts, T]):
    """`remembered[texts]` is `make(*texts)`, made once: `most` of them are kept whose texts have `longest` characters
    together at most. For `lru_cache`, their length would have to be looked at each time."""

    def __init__(self, make: Callable[..., T], *, most: int, longest: int) -> None:
        super().__init__()
        self._make = make
        self._most = most
        self._longest = longest

    def __missing__(self, texts: Texts) -> T:
        made = self._make(*texts)
        if sum(map(len, texts)) <= self._longest:
            if len(self) >= self._most:
                self.clear()
            self[texts] = made
        return made
