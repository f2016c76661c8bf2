"""FHIR JSON bytes ⇄ Python values, with every digit kept; what is malformed or dangerous is refused with its place.

Rule: `decode` takes the quick way (msgspec) and proves that nothing was lost on it; wherever the proof fails, the
careful way (`json` with hooks) decides, and either refuses or returns the exact value.
See https://hl7.org/fhir/R4/json.html and RFC 8259.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, Self

import msgspec

from resources.outcome import BadRequest, Issue, PayloadTooLarge

MAX_DEPTH = 100
"""Arrays and objects inside one another; MongoDB's limit too."""
MAX_DIGITS = 100
MAX_EXPONENT = 1000
"""Beyond these a number is refused: arithmetic on 1E999999999 would take all memory."""

MAX_PROBLEMS = 100
"""More are not told."""

MAX_VALUES = 4_000_000
MAX_NUMBERS = 500_000
"""In one body: values, and numbers with a fraction or exponent among them. A value takes fifty bytes of memory at
least, such a number two hundred. The largest Bundles of Synthea's have one value in 23 bytes, one number in 300."""
_FEW_VALUES = 100_000
_LEAST_BYTES = 8
"""Bytes for each further value that a body must have: with names of members, honest ones have twice as many."""
_LARGEST_COPY = 64 * 1024 * 1024
_TOO_DEEP = f"The body is nested more than {MAX_DEPTH} levels deep."
_BOM = b"\xef\xbb\xbf"
_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG = b"0" * 19
_DEEP = b"\n" + b" " * MAX_DEPTH
_INT64 = range(-(2**63), 2**63)
_NUL = re.compile(rb"\\u0000")
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")
_NEGATIVE_ZERO = re.compile(rb"-0(?=[,\]}]|$)")


class Numeral(Decimal):
    """A Decimal that keeps how it was written, where `str()` of a Decimal would write it otherwise: `1E3`, `0.0000001`.

    Everything else about it is a Decimal's; mind `isinstance` instead of `type() is`.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """`text` is a JSON number; raises InvalidOperation otherwise."""
        numeral = super().__new__(cls, text)
        numeral.text = text
        return numeral

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type[Numeral], tuple[str]]:
        return Numeral, (self.text,)


def decimal(text: str) -> Decimal:
    """The Decimal that is written as `text`, a JSON number, and that `str()` writes the same way.

    Raises ValueError where it has over `MAX_DIGITS` digits or an exponent beyond ±`MAX_EXPONENT`.
    """
    if len(text) > MAX_DIGITS + 10:
        raise ValueError(text[:40])
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    exponent = value.as_tuple().exponent
    if len(text) > MAX_DIGITS and sum(map(str.isdigit, re.split("[eE]", text)[0])) > MAX_DIGITS:
        raise ValueError(text)
    if not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT or abs(value.adjusted()) > MAX_EXPONENT:
        raise ValueError(text)
    return value if str(value) == text else Numeral(text)


def _fraction(text: str) -> Decimal:
    """As `decimal`, of what msgspec found to be a number; nearly all of them are through at the first line."""
    if len(text) <= MAX_DIGITS and "e" not in text and "E" not in text and "0.000000" not in text:
        return Decimal(text)
    return decimal(text)


def number(text: str) -> int | Decimal:
    """The value of a JSON number as `decode` gives it; raises ValueError as `decimal` does."""
    if text == "-0" or not text.removeprefix("-").isdigit():
        return decimal(text)
    return int(text) if len(text) <= 20 and int(text) in _INT64 else decimal(text)


def _raw(value: Any) -> msgspec.Raw:
    if isinstance(value, Numeral):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"{type(value).__name__} is not JSON")


_decoder = msgspec.json.Decoder(float_hook=_fraction)
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_raw)
_sorting_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_raw, order="sorted")


def decode(raw: bytes) -> Any:
    """The value of a JSON text in UTF-8; members keep their order, and `encode` gives the same digits back.

    Numbers with a fraction or exponent, `-0`, and integers over 64 bits become Decimals, all others int.
    Raises BadRequest (all problems at once up to `MAX_PROBLEMS`, each with line and column or path) for what is not
    JSON by RFC 8259, and for member names that occur twice, U+0000, lone surrogates, more than `MAX_DEPTH` levels and
    numbers too large; PayloadTooLarge (too costly) for more values than so many bytes honestly hold.
    """
    raw = raw.removeprefix(_BOM)
    _check_values(raw)
    try:
        compact = msgspec.json.format(raw, indent=-1)  # together with what follows it is quicker than the white space
        value = _decoder_of(raw).decode(compact)
        again = _encoder.encode(value)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return _decode_carefully(raw)
    if _is_less(again, compact) or _NUL.search(again) or _has_long_integer(again):
        return _decode_carefully(raw)
    if _may_be_deep(again) and is_deeper(value, MAX_DEPTH):
        return _decode_carefully(raw)
    return value


def decode_own(raw: bytes) -> Any:
    """As `decode`, of a text that `encode` made or that was put together of such texts.

    No bound of clients' bodies applies: each part kept it when it came, and a Bundle of them may pass it.
    """
    if _NEGATIVE_ZERO.search(raw) or _has_long_integer(raw):
        return json.loads(raw, parse_float=number, parse_int=number)
    return _decoder.decode(raw)


def weight(raw: bytes) -> int:
    """About how many bytes of memory a JSON text takes as value and text, told by counting marks: never much less."""
    marks = 250 * raw.count(b"{") + 90 * raw.count(b"[") + 80 * raw.count(b",")
    return marks + (len(raw) if raw.isascii() else 4 * len(raw))


def _check_values(raw: bytes) -> None:
    """Raises PayloadTooLarge. Commas in texts count too: none but tables have so many."""
    if len(raw) <= _FEW_VALUES:
        return
    values = sum(raw.count(mark) for mark in (b",", b"{", b"["))
    if values > min(_FEW_VALUES + len(raw) // _LEAST_BYTES, MAX_VALUES):
        raise PayloadTooLarge(
            f"The body has about {values:,} values: too many for {len(raw):,} bytes, or for one body. Divide it, or "
            "put long lists of numbers into an attachment.",
            code="too-costly",
        )


class _Numbers:
    """Counts the numbers of one body while they are made."""

    def __init__(self) -> None:
        self.left = MAX_NUMBERS

    def fraction(self, text: str) -> Decimal:
        self.left -= 1
        if self.left < 0:
            words = f"The body has more than {MAX_NUMBERS:,} numbers with a fraction or exponent. Divide it."
            raise PayloadTooLarge(words, code="too-costly")
        return _fraction(text)


def _decoder_of(raw: bytes) -> msgspec.json.Decoder[Any]:
    """A decoder for such a body: one that counts its numbers where they might be too many."""
    return _decoder if len(raw) < 2 * MAX_NUMBERS else msgspec.json.Decoder(float_hook=_Numbers().fraction)


def _may_be_deep(compact: bytes) -> bool:
    """Whether there may be more than `MAX_DEPTH` levels: told by an indented copy, where that cannot become large."""
    if len(compact) * MAX_DEPTH > _LARGEST_COPY:
        lines = sum(compact.count(mark) for mark in (b",", b"[", b"{"))
        if lines * MAX_DEPTH > _LARGEST_COPY:
            return True
    return _DEEP in msgspec.json.format(compact, indent=1)


def _is_less(again: bytes, compact: bytes) -> bool:
    """Whether `again`, the text of what msgspec made of `compact`, may lack something: of two members of one name it
    keeps the last, and of -0 only the 0.

    No value of `again` is longer than it was in `compact`, escapes become shorter. So where the two are equal, nothing
    is missing. Else each member that was dropped took at least one colon with it, which only an escaped colon could
    hide.
    """
    if again == compact:
        return False
    is_fewer = compact.count(b":") != again.count(b":")
    return is_fewer or _ESCAPED_COLON.search(compact) is not None or _NEGATIVE_ZERO.search(compact) is not None


def _has_long_integer(compact: bytes) -> bool:
    """Whether there may be an integer over 64 bits. Long digits in a text, as in Synthea's narratives, are told apart
    by what stands before them: a member's name, or the beginning or a comma of an array."""
    zeros = compact.translate(_DIGITS_AS_ZERO)
    start = zeros.find(_LONG)
    while start >= 0:
        before = compact[max(0, start - 3) : start].removesuffix(b"-")
        if not before or before.endswith((b",", b"[", b'":')):
            return True
        start = zeros.find(_LONG, start + len(_LONG))
    return False


def encode(value: Any) -> bytes:
    """Compact JSON in UTF-8; members in the order of the dicts, Decimals with their digits."""
    return _encoder.encode(value)


def encode_sorted(value: Any) -> bytes:
    """As `encode`, members sorted by name: equal bytes mean the same content, digit by digit."""
    return _sorting_encoder.encode(value)


def pretty(raw: bytes) -> bytes:
    """The same JSON text with line breaks and indentation for people; numbers and strings are not touched."""
    return msgspec.json.format(raw, indent=2)


def is_deeper(value: Any, levels: int) -> bool:
    """Whether `value` has more than `levels` arrays and objects inside one another, itself included."""
    level = [value]
    for _ in range(levels):
        below: list[Any] = []
        for item in level:
            if type(item) is dict:
                below.extend(item.values())
            elif type(item) is list:
                below.extend(item)
        if not below:
            return False
        level = below
    return any(isinstance(item, dict | list) for item in level)


class _Refused(str):
    """The text of a number that is too large, kept until its path is known."""

    __slots__ = ()


class _Repeating(dict[str, Any]):
    """An object some of whose member names occur twice, kept until its path is known."""

    names: list[str]


def _decode_carefully(raw: bytes) -> Any:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8: byte {error.start} is 0x{raw[error.start]:02x}.") from None
    if not text.strip(" \t\r\n"):
        raise BadRequest("The body is empty; JSON was expected.")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_Refused
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"The body is not JSON: {error.msg.removesuffix(' at')} at {place}.") from None
    except RecursionError:
        raise BadRequest(_TOO_DEEP) from None
    if problems := list(
        islice(_problems(value, value["resourceType"] if _is_resource(value) else "", 0), MAX_PROBLEMS)
    ):
        issues = [Issue("error", BadRequest.code, text, path or None) for path, text in problems]
        raise BadRequest(issues=issues)
    return value


def _is_resource(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("resourceType"), str) and value["resourceType"].isalnum()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    counts = Counter(name for name, _ in pairs)
    repeating = _Repeating(value)
    repeating.names = [name for name, count in counts.items() if count > 1]
    return repeating


def _number(text: str) -> int | Decimal | _Refused:
    try:
        return number(text)
    except ValueError:
        return _Refused(text)


def _problems(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """(path, words) of everything in `value` that is refused although it is JSON."""
    if isinstance(value, _Refused):
        what = "is not JSON" if value[-1] in "Ny" else f"has over {MAX_DIGITS} digits or too large an exponent"
        yield path, f"{path or 'The body'}: the number {value[:40]} {what}."
    elif isinstance(value, str):
        yield from _text_problems(value, path)
    elif isinstance(value, dict | list) and depth >= MAX_DEPTH:
        yield "", _TOO_DEEP
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _problems(item, f"{path}[{index}]", depth + 1)
    elif isinstance(value, dict):
        for name in getattr(value, "names", ()):
            yield path, f"{path or 'The body'}: the member {_printable(name)} occurs more than once."
        for name, item in value.items():
            yield from _text_problems(name, path)
            yield from _problems(item, f"{path}.{_printable(name)}" if path else _printable(name), depth + 1)


def _text_problems(text: str, path: str) -> Iterator[tuple[str, str]]:
    if "\0" in text:
        yield path, f"{path or 'The body'} contains the character U+0000, which FHIR does not allow."
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield path, f"{path or 'The body'} contains half of a surrogate pair, which is not a character."


def _printable(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)[1:-1][:60]
