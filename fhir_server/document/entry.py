r"""Search entries: how a value of a parameter is written into `index` or `ranges`, and how MongoDB is asked for it.

Rule: the extractor and the compiler both make entries here, so that they cannot disagree; a test of one entry is one
condition on one array element. An entry whose key has a `:` is seldom asked for, and kept in `rare`, all others in
`index`. NOTE: a change of a form here needs another `layout.ENTRIES_VERSION`.

    Patient.family|muller|Müller             string: folded text, then the text itself
    Observation.code|8480-6|http://loinc.org token: code, then system (may be empty)
    Observation.code:system|http://loinc.org token: each system once
    Observation.code:text|blutdruck|Blutdruck token's words: as of a string
    Observation._text:word|glucose           each word of the narrative once
    Patient.identifier:of-type|MR\|7|http://… identifier with its type: code and value, then the type's system
    Encounter.subject|Patient/1              reference, uri: the value; a canonical also as in the names below
    #:Medication.code|1594660|http://rxnorm  the same of a contained resource; #:Medication|m1 says that it is there
    Questionnaire.@|http://acme.org/q|2      a name of a resource by its canonical url: with its version, and without
    Bundle.composition:Composition.title|… the same of the resource inside of a Bundle that a parameter leads to;
                                             Bundle.composition:Composition| says that it is there
    *|Patient/1                              a reference that no parameter covers: for referential integrity
    {"k": "Encounter.date", "lo": …, "hi": …} date: first and last; "k" ends in + where the span is wide
    {"k": "RiskAssessment.probability|", …}  number, quantity in whatever unit: likewise, wide if it is no point
    {"k": "Encounter.length|http://unitsofmeasure.org|s|", …} quantity in one unit
    Observation.code-value-concept|…|…       composite: see search.types.composite, also for those in `ranges`
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

from fhir_server.document import layout

Filter = dict[str, Any]

SEPARATOR = "|"
WIDE = "+"
"""Ends the key of wide ranges: a test that bounds one end of them says nothing of the other."""
DAY = 86_400_000
"""In milliseconds: dates that take less are narrow."""

UNCOVERED = "*"
"""The key of references that no parameter covers, of all types."""

_LONGEST = 160
_KEPT = 100

LONGEST_BEGINNING = _KEPT
"""So many characters of a uri can be looked for as a beginning: of longer ones the rest is a digest."""


def bounded(text: str) -> str:
    """`text` itself, or, where it is too long for an index key, its beginning and a digest of all of it."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_KEPT]}#{blake2b(text.encode(), digest_size=16).hexdigest()}"


def exact(key: str, value: str) -> str:
    """The entry of a uri or a reference."""
    return f"{key}|{value if len(value) <= _LONGEST else bounded(value)}"


def canonical(url: str, version: str) -> str:
    """The name that a canonical gives what it refers to; `version` may be empty."""
    return f"{url}{SEPARATOR}{version}"


def may_be_canonical(value: str) -> bool:
    """Whether a reference's value may be such a name; one that is too long has a digest instead of its end."""
    return SEPARATOR in value or "#" in value


def canonical_key(type_: str) -> str:
    """The key under which the names of the resources of a type are kept."""
    return f"{type_}.@"


def token(key: str, code: str, system: str) -> str:
    """The entry of a token; `|` in the code is escaped, so that `code|` is no prefix of another code."""
    if SEPARATOR in code or "\\" in code:
        code = escaped(code)
    return f"{key}|{bounded(code)}|{bounded(system)}"


def values(key: str, entries: Iterable[str]) -> Iterator[str]:
    """The values of those of the entries that are of `key`: of references what they lead to."""
    prefix = key + SEPARATOR
    return (entry.removeprefix(prefix) for entry in entries if entry.startswith(prefix))


def system_key(key: str) -> str:
    """The key under which the systems of a token parameter are kept."""
    return f"{key}:system"


def text_key(key: str) -> str:
    """The key under which the words that go with a token parameter's codes are kept."""
    return f"{key}:text"


def word_key(key: str) -> str:
    """The key under which the words of texts are kept."""
    return f"{key}:word"


def of_type(key: str, system: str, code: str, value: str) -> str:
    """The entry of an identifier's value with the system and code of its type."""
    return token(f"{key}:of-type", f"{escaped(code)}{SEPARATOR}{escaped(value)}", system)


def identifier_key(key: str) -> str:
    """The key under which the identifiers of a reference parameter are kept."""
    return f"{key}:identifier"


def amount_key(key: str) -> str:
    """The key of a parameter's numbers, or of its quantities as numbers."""
    return key + SEPARATOR


def unit_key(key: str, system: str, unit: str) -> str:
    """The key of a quantity's ranges in one unit; with an empty system, in whatever has this code or is so called."""
    return f"{units_key(key, system)}{escaped(bounded(unit))}|"


def units_key(key: str, system: str) -> str:
    """What the keys of a quantity's ranges in the units of one system begin with."""
    return f"{key}|{escaped(bounded(system))}|"


def of_contained(text: str) -> str:
    """An entry of a contained resource, or the key of one, as it is kept beside the resource that holds it."""
    return f"#:{text}"


def escaped(text: str) -> str:
    """`text` in such a form that no `|` ends it."""
    return text.replace("\\", "\\\\").replace(SEPARATOR, "\\|")


def text(key: str, folded: str, original: str) -> str:
    """The entry of a string; `folded` has no `|`."""
    return f"{key}|{folded[:_LONGEST]}|{bounded(original)}"


LONGEST_PREFIX = _LONGEST
"""So many characters of a folded string are kept: what is longer cannot be asked for by prefix."""


def span(key: str, low: float, high: float, beside: Sequence[str] = ()) -> dict[str, Any]:
    """The entry of a date (milliseconds, inclusive), or, where `key` ends in `|`, of an amount; in a composite it bears
    what is asked for `beside` it."""
    narrow = low == high if key.endswith(SEPARATOR) else high - low < DAY
    found: dict[str, Any] = {"k": key if narrow else key + WIDE, "lo": low, "hi": high}
    if beside:
        found["with"] = beside
    return found


def width(key: str) -> int:
    """How far below its high end the low end of a narrow range of `key` is at most: dates are mostly days, amounts
    mostly points."""
    return 0 if key.endswith(SEPARATOR) else DAY


def token_parts(text: str) -> tuple[str, str]:
    """The code (escaped) and the system of a token's entry, without its key."""
    match = _TOKEN.fullmatch(text)
    if match is None:
        raise ValueError(f"no token: {text!r}")
    return match[1], match[2]


_TOKEN = re.compile(r"((?:[^|\\]|\\.)*)\|(.*)", re.DOTALL)


def range_keys(key: str) -> list[str]:
    """The keys of all ranges of a parameter."""
    return [key, key + WIDE, amount_key(key), amount_key(key) + WIDE]


def is_rare(entry: str) -> bool:
    """Whether an entry, or what begins with its key and `|`, is kept in `rare`."""
    return ":" in entry.partition(SEPARATOR)[0]


def _field(entry: str) -> str:
    return layout.RARE if is_rare(entry) else layout.INDEX


def equals(entry: str) -> Filter:
    """Documents that have this very entry."""
    return {_field(entry): entry}


def one_of(entries: list[str]) -> list[Filter]:
    """Documents that have one of these entries; a filter for each field that they are in."""
    found = []
    for rare in (False, True):
        some = [entry for entry in entries if is_rare(entry) is rare]
        if len(some) == 1:
            found.append(equals(some[0]))
        elif some:
            found.append({_field(some[0]): {"$in": some}})
    return found


def starts_with(prefix: str) -> Filter:
    """Documents that have an entry that begins so: a range of strings, since expressions lose bounds."""
    return {_field(prefix): {"$elemMatch": beginning(prefix)}}


def contains(key: str, part: str) -> Filter:
    """Documents with a string entry of `key` whose folded text contains `part`."""
    prefix = key + SEPARATOR
    folded = {"$arrayElemAt": [{"$split": ["$$entry", SEPARATOR]}, 1]}
    is_key = {"$eq": [{"$indexOfBytes": ["$$entry", {"$literal": prefix}]}, 0]}
    has_part = {"$gte": [{"$indexOfBytes": [folded, {"$literal": part}]}, 0]}
    held = {"$ifNull": [f"${_field(prefix)}", []]}  # a tombstone has none
    entries = {"$map": {"input": held, "as": "entry", "in": {"$and": [is_key, has_part]}}}
    return {**starts_with(prefix), "$expr": {"$anyElementTrue": [entries]}}


def within(
    key: str | Filter,
    low: tuple[float | None, float | None],
    high: tuple[float | None, float | None],
    beside: tuple[str, ...] = (),
) -> Filter:
    """Documents with a range of `key` whose low end is within `low` and whose high end is within `high`, inclusive, and
    that bears all of `beside`."""
    borne: Filter = {"with": {"$all": list(beside)}} if beside else {}
    return {layout.RANGES: {"$elemMatch": {"k": key, **_bounds("lo", low), **_bounds("hi", high), **borne}}}


def beginning(prefix: str) -> Filter:
    """The keys that begin so."""
    return {"$gte": prefix, "$lt": successor(prefix)}


def has_range(key: str) -> Filter:
    """Documents with any range of a parameter."""
    return {layout.RANGES: {"$elemMatch": {"k": {"$in": range_keys(key)}}}}


def _bounds(end: str, both: tuple[float | None, float | None]) -> Filter:
    found = limits(both)
    return {end: found} if found else {}


def least(bounds: Iterable[float | None]) -> float | None:
    """The least of bounds of which None is open; open if all are."""
    return min((bound for bound in bounds if bound is not None), default=None)


def greatest(bounds: Iterable[float | None]) -> float | None:
    """The greatest of bounds of which None is open; open if all are."""
    return max((bound for bound in bounds if bound is not None), default=None)


def limits(both: tuple[float | None, float | None]) -> Filter:
    """What a value from the first to the second, inclusive, satisfies; None is open."""
    return {operator: limit for operator, limit in zip(("$gte", "$lte"), both, strict=True) if limit is not None}


def successor(prefix: str) -> str:
    """The least string, by code points, that is greater than all that begin with `prefix`."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        raise ValueError("no string is greater than all with this prefix")
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)
