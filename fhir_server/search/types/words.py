"""Words of texts: for `_text` (those of the narrative) and `_content` (those of all texts for people).

Rule: a word is a run of letters and digits, without case, accents and strokes. `_text=(bone OR liver) metastas*`: words
next to each other, or with AND between, must all be there, of those with OR one, and `*` stands for any ending.
See https://hl7.org/fhir/R4/search.html#content and docs/decisions/0009-text-search.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from fhir_server.document import entry
from fhir_server.search.rewrite import choice
from fhir_server.search.tree import Equals, Expr, StartsWith, all_of, any_of
from fhir_server.search.types import letters
from fhir_server.search.types.asked import Asked, unescape
from fhir_server.search.types.sink import Sink
from resources import texts

MOST_WORDS = 500
"""Words of the narrative of one resource, and of its other texts, that can be found."""
LONGEST_WORD = 40
"""Characters of a word that are kept."""
MOST_ASKED = 20
"""Words of one value."""

_MOST_PIECES = 4 * MOST_ASKED
_WORD = re.compile(r"[^\W_]+")
_PIECE = re.compile(r"[()]|[^\s()]+")
_APOSTROPHES = str.maketrans("", "", "'’")


def words(text: str) -> tuple[str, ...]:
    """The distinct words of `text`, folded, in order."""
    plain = letters.plain(text).translate(_APOSTROPHES)
    if not plain.isascii():
        plain = "".join(character for character in plain if unicodedata.category(character) != "Mn")
    return tuple(dict.fromkeys(word[:LONGEST_WORD] for word in _WORD.findall(plain)))


def emit(resource: dict[str, Any], sink: Sink, *, content: bool) -> None:
    """Put the words of a resource's narrative into `sink`, with `content` also those of its other texts, each once."""
    if "text" in resource and (narrative := texts.narrative(resource)):
        sink.rare += _entries.__wrapped__(f"{resource['resourceType']}._text", (narrative,))
    if content and (found := tuple(texts.texts(resource))):
        short = sum(map(len, found)) <= _LONGEST_CACHED
        sink.rare += (_entries if short else _entries.__wrapped__)(f"{resource['resourceType']}._content", found)


_LONGEST_CACHED = 400
"""Characters of the texts of a resource: the caches must not grow by what somebody sends."""


@lru_cache(maxsize=8192)  # the same codes and people, again and again
def _entries(key: str, some: tuple[str, ...]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in some:
        found.update((_of_text if len(text) <= _LONGEST_CACHED else _of_text.__wrapped__)(key, text))
        if len(found) >= MOST_WORDS:
            break
    return tuple(islice(found, MOST_WORDS))


@lru_cache(maxsize=8192)
def _of_text(key: str, text: str) -> dict[str, None]:
    key = entry.word_key(key)
    return {entry.exact(key, word): None for word in words(text[: texts.LONGEST])}


def value(asked: Sequence[Asked]) -> Expr:
    """The test of all values, each of one resource type. Raises BadRequest."""
    by_text: dict[str, list[Asked]] = {}
    for one in asked:
        by_text.setdefault(one.text, []).append(one)
    return choice([_Reader(some).read() for some in by_text.values()])


class _Reader:
    """Recursive descent over the pieces of one value."""

    def __init__(self, asked: list[Asked]) -> None:
        self.asked = asked
        self.pieces = _PIECE.findall(unescape(asked[0].text))
        self.at = self.words = 0
        if len(self.pieces) > _MOST_PIECES:
            raise asked[0].refusal(f"at most {MOST_ASKED} words and a few parentheses can be asked for")

    def read(self) -> Expr:
        found = self._either()
        if self.at < len(self.pieces):
            raise self._unexpected()
        return found

    def _next(self) -> str:
        return self.pieces[self.at] if self.at < len(self.pieces) else ""

    def _either(self) -> Expr:
        found = [self._all()]
        while self._next().upper() == "OR":
            self.at += 1
            found.append(self._all())
        return choice(found)

    def _all(self) -> Expr:
        found = [self._one()]
        while (piece := self._next()) not in ("", ")") and piece.upper() != "OR":
            self.at += piece.upper() == "AND"
            found.append(self._one())
        return all_of(*found)

    def _one(self) -> Expr:
        piece = self._next()
        self.at += 1
        if piece == "(":
            found = self._either()
            if self._next() != ")":
                raise self._unexpected()
            self.at += 1
            return found
        self._check(piece)
        return self._word(piece)

    def _check(self, piece: str) -> None:
        if piece in ("", ")") or piece.upper() in ("AND", "OR"):
            raise self._unexpected()
        if piece == "NOT" or piece.startswith(("-", '"')):
            raise self.asked[0].refusal("NOT and phrases in quotes are not understood; words, AND, OR, ( ) and * are")

    def _word(self, piece: str) -> Expr:
        found = words(piece.removesuffix("*"))
        if not found:
            raise self.asked[0].refusal(f"there is no letter or digit in {piece[:40]!r}")
        self.words += len(found)
        if self.words > MOST_ASKED:
            raise self.asked[0].refusal(f"at most {MOST_ASKED} words can be asked for")
        exact = [_test(self.asked, word, Equals) for word in found[: -1 if piece.endswith("*") else None]]
        begun = [_test(self.asked, found[-1], StartsWith)] if piece.endswith("*") else []
        return all_of(*exact, *begun)

    def _unexpected(self) -> Exception:
        where = self._next() if self.at < len(self.pieces) else "the end"
        return self.asked[0].refusal(f"a word was expected instead of {where[:40]!r}, or parentheses do not match")


def _test(asked: list[Asked], word: str, test: Callable[[str], Expr]) -> Expr:
    """The test of one word, over all types that are asked for; in all texts the narrative's words count too."""
    keys = dict.fromkeys(
        entry.word_key(f"{one.type}.{code}") for one in asked for code in ("_text", one.parameter.code)
    )
    return any_of(*(test(entry.exact(key, word)) for key in keys))
