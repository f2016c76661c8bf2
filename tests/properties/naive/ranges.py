"""Numbers, dates and quantities as ranges of numbers, and what the prefixes say of two ranges.

Rule: the words of https://hl7.org/fhir/R4/search.html#prefix, one line each. Where they leave something open, "Open:"
says what was chosen and why.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from math import inf
from typing import Any

Json = dict[str, Any]
End = tuple[Fraction | float, int]
"""A place on the line: just before it (-1), at it (0), just after it (1)."""

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
DAY = 86_400_000
UCUM = "http://unitsofmeasure.org"


@dataclass(frozen=True, slots=True)
class Range:
    """From the low to the high end, both of it."""

    low: End
    high: End

    def contains(self, other: Range) -> bool:
        return self.low <= other.low and other.high <= self.high


def compare(prefix: str, asked: Range, held: Range) -> bool:
    """Whether the range in the resource stands to the one asked for as the prefix says."""
    above, below = held.high > asked.high, held.low < asked.low
    return {
        "eq": asked.contains(held),
        "ne": not asked.contains(held),
        "gt": above,
        "lt": below,
        "ge": above or asked.contains(held),
        "le": below or asked.contains(held),
        "sa": held.low > asked.high,
        "eb": held.high < asked.low,
        "ap": held.low <= asked.high and asked.low <= held.high,
    }[prefix]


def prefixed(text: str) -> tuple[str, str]:
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


# Dates: https://hl7.org/fhir/R4/search.html#date


def date(text: str) -> Range:
    """A date is the whole time that it names. Open: without an offset it is in UTC, so that the answer does not depend
    on where the server stands; fractions are read to milliseconds."""
    form = r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?)?(Z|[+-]\d\d:\d\d)?"
    match = re.fullmatch(form, text)
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    offset = UTC if zone in (None, "Z") else timezone(
        (-1 if zone[0] == "-" else 1) * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
    )
    start = datetime(
        int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=offset
    )
    first = (start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    if fraction:
        first, length = first + int(fraction[1:4].ljust(3, "0")), 1 if len(fraction) > 3 else 10 ** (4 - len(fraction))
    elif second:
        length = 1_000
    elif minute:
        length = 60_000
    elif day:
        length = DAY
    elif month:
        length = calendar.monthrange(int(year), int(month))[1] * DAY
    else:
        length = (365 + calendar.isleap(int(year))) * DAY
    return Range((Fraction(first), 0), (Fraction(first + length), -1))


def period(held: Json) -> Range | None:
    """"If the start element is missing, the start of the period is not known"; "if the end is missing, the period is
    ongoing": open ends reach as far as time does."""
    if not held.get("start") and not held.get("end"):
        return None
    low = date(held["start"]).low if held.get("start") else (-inf, 0)
    return Range(low, date(held["end"]).high if held.get("end") else (inf, 0))


def timing(held: Json) -> Range | None:
    """"The specified scheduling details are ignored and only the outer limits matter"."""
    found = [date(event) for event in held.get("event", ()) if event]
    bounds = period(held.get("repeat", {}).get("boundsPeriod", {}))
    found += [bounds] if bounds else []
    return Range(min(one.low for one in found), max(one.high for one in found)) if found else None


def of_dates(prefix: str, text: str, now_ms: int) -> Range:
    """What is asked for. `ap` reaches a tenth of the gap between now and the date further. Open: the gap to the middle
    of a date that is a span."""
    asked = date(text)
    if prefix != "ap":
        return asked
    reach = int(abs(now_ms - (asked.low[0] + asked.high[0]) / 2)) // 10
    return Range((asked.low[0] - reach, 0), (asked.high[0] + reach, -1))


# Numbers: https://hl7.org/fhir/R4/search.html#number


def number(prefix: str, text: str) -> Range:
    """Without a prefix, and with `ne`, a number is all that rounds to it; with others it is exact ("the implicit
    precision of the number is ignored"). Open: `1e2` means 95 to 105, as the specification's example says, not 50 to
    150, as its words would; the tenth that `ap` allows is of the number itself."""
    value = Fraction(text)
    if prefix == "ap":
        return Range((value - abs(value) / 10, 0), (value + abs(value) / 10, 0))
    if prefix not in ("eq", "ne"):
        return Range((value, 0), (value, 0))
    mantissa, _, exponent = text.lower().partition("e")
    digits = len(mantissa.partition(".")[2]) - int(exponent or 0)
    half = Fraction(10) ** -max(digits, 0) / 2 if digits >= 0 else Fraction(10) ** (-digits - 1) / 2
    return Range((value - half, 0), (value + half, -1))


def compare_numbers(prefix: str, asked: Range, held: Range) -> bool:
    """Open: a Range to 5 is also `ge5`, since both have the 5; the words for dates would leave it out."""
    if prefix == "ge":
        return held.high >= asked.high
    if prefix == "le":
        return held.low <= asked.low
    return compare(prefix, asked, held)


# Quantities: https://hl7.org/fhir/R4/search.html#quantity

UNITS = {
    "mg": ("mass", Fraction(1), Fraction(0)),
    "g": ("mass", Fraction(1_000), Fraction(0)),
    "kg": ("mass", Fraction(1_000_000), Fraction(0)),
    "mg/dL": ("mass concentration", Fraction(1), Fraction(0)),
    "g/L": ("mass concentration", Fraction(100), Fraction(0)),
    "mmol/L": ("substance concentration", Fraction(1), Fraction(0)),
    "mol/L": ("substance concentration", Fraction(1_000), Fraction(0)),
    "Cel": ("temperature", Fraction(1), Fraction("273.15")),
    "[degF]": ("temperature", Fraction(5, 9), Fraction("459.67") * 5 / 9),
    "min": ("time", Fraction(60), Fraction(0)),
    "h": ("time", Fraction(3_600), Fraction(0)),
}
"""UCUM code → what it measures, and how a value is got in the unit of that: times, plus."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A range of numbers in a unit, as it is written."""

    range: Range
    system: str = ""
    code: str = ""
    unit: str = ""


def amounts(kind: str, held: Json) -> list[Amount]:
    """The amount of a value. Open: with a comparator it is all that it may be; SampledData is from the least to the
    greatest sample, and a Money's currency is its unit."""
    if kind == "Range":
        ends = [held.get("low", {}), held.get("high", {})]
        if all(end.get("value") is None for end in ends):
            return []
        low, high = [end.get("value") for end in ends]
        unit = next(end for end in ends if end.get("value") is not None)
        held_range = Range((-inf if low is None else Fraction(low), 0), (inf if high is None else Fraction(high), 0))
        return [Amount(held_range, *_unit(unit))]
    if kind == "SampledData":
        origin, factor = held["origin"], Fraction(held.get("factor", 1))
        words = held.get("data", "").split()
        samples = [Fraction(word) * factor + Fraction(origin["value"]) for word in words if word not in "ELU"]
        if not samples:
            return []
        low_end = -inf if "L" in words else min(samples)
        return [Amount(Range((low_end, 0), (inf if "U" in words else max(samples), 0)), *_unit(origin))]
    if held.get("value") is None:
        return []
    value = Fraction(held["value"])
    possible = {
        "<": Range((-inf, 0), (value, -1)),
        "<=": Range((-inf, 0), (value, 0)),
        ">": Range((value, 1), (inf, 0)),
        ">=": Range((value, 0), (inf, 0)),
    }
    return [Amount(possible.get(held.get("comparator", ""), Range((value, 0), (value, 0))), *_unit(held))]


def _unit(held: Json) -> tuple[str, str, str]:
    return held.get("system", ""), held.get("code", ""), held.get("unit", "")


def compare_amounts(prefix: str, text: str, asked_unit: list[str], held: Amount) -> bool:
    """`number` alone is compared whatever the unit; `number||unit` with what is so called or coded;
    `number|system|code` with that code, or any that UCUM converts to it."""
    asked = number(prefix, text)
    if not asked_unit:
        return compare_numbers(prefix, asked, held.range)
    system, code = asked_unit
    if not system:
        return code in (held.code, held.unit) and compare_numbers(prefix, asked, held.range)
    if system != held.system:
        return False
    if code == held.code:
        return compare_numbers(prefix, asked, held.range)
    if system != UCUM or code not in UNITS or held.code not in UNITS or UNITS[code][0] != UNITS[held.code][0]:
        return False
    return compare_numbers(prefix, _converted(asked, code), _converted(held.range, held.code))


def _converted(range_: Range, code: str) -> Range:
    _, factor, offset = UNITS[code]
    ends = (range_.low, range_.high)
    return Range(*((value if abs(value) == inf else value * factor + offset, side) for value, side in ends))
