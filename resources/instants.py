"""FHIR's date, dateTime and instant as points and spans of time in UTC.

Rule: a value of lower precision is the whole span that it names (https://hl7.org/fhir/R4/search.html#date); a time
without an offset, and a date, is taken as UTC, never as the zone of the server.
See https://hl7.org/fhir/R4/datatypes.html#dateTime.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from functools import lru_cache

_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
_FORM = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_MAX_OFFSET = 14 * 60


def bounds(text: str) -> tuple[int, int]:
    """The first and the last millisecond, since the epoch in UTC and inclusive, of a date, dateTime or instant.

    Takes any precision (year, month, day, minute, second, fraction), offsets to ±14:00, and the leap second `:60`,
    which stands for the second after `:59`. Raises ValueError for everything else, such as 2023-02-30 or 24:00.
    """
    low, high = _bounds_us(text)
    return low // 1000, (high - 1) // 1000


def parse_instant(text: str) -> int:
    """Microseconds since the epoch in UTC of an instant, that is with seconds and an offset.

    Digits of the fraction beyond microseconds are cut off. Raises ValueError.
    """
    match = _FORM.fullmatch(text)
    if match is None or match[6] is None or match[8] is None:
        raise ValueError(f"{text[:40]!r} is not an instant such as 2026-01-31T12:00:00Z")
    return _bounds_us(text)[0]


def instant_text(us: int) -> str:
    """The instant of microseconds since the epoch, in UTC: `2026-11-24T11:32:31.123456Z`.

    Raises ValueError outside of the years 0001 to 9999.
    """
    seconds, fraction = divmod(us, 1_000_000)
    return f"{_second_text(seconds)}.{fraction:06}Z"


@lru_cache(maxsize=16)  # what is written now shares its second
def _second_text(seconds: int) -> str:
    days, second = divmod(seconds, 86_400)
    day = date.fromordinal(days + _EPOCH)
    return f"{day.isoformat()}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def _bounds_us(text: str) -> tuple[int, int]:
    """The first microsecond, and the first one after, of the span that `text` names."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a date such as 2026, 2026-01, 2026-01-31 or 2026-01-31T12:00:00Z")
    try:
        return _span(match)
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not a date: {error}") from None


def _span(match: re.Match[str]) -> tuple[int, int]:
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    first = date(int(year), int(month or 1), int(day or 1))
    midnight = (first.toordinal() - _EPOCH) * _DAY_MS * 1000
    if hour is None or minute is None:
        days = 1
        if month is None:
            days = 366 if monthrange(first.year, 2)[1] == 29 else 365
        elif day is None:
            days = monthrange(first.year, first.month)[1]
        return midnight, midnight + days * _DAY_MS * 1000
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60:
        raise ValueError("hours are 00 to 23, minutes 00 to 59, seconds 00 to 60")
    low = midnight + ((int(hour) * 60 + int(minute) - _offset(offset)) * 60 + int(second or 0)) * 1_000_000
    if second is None:
        return low, low + 60_000_000
    if fraction is None:
        return low, low + 1_000_000
    low += int(fraction[:6].ljust(6, "0"))
    return low, low + 10 ** max(0, 6 - len(fraction))


def _offset(offset: str | None) -> int:
    """Minutes east of UTC."""
    if offset is None or offset == "Z":
        return 0
    minutes = int(offset[1:3]) * 60 + int(offset[4:])
    if int(offset[4:]) > 59 or minutes > _MAX_OFFSET:
        raise ValueError("offsets go from -14:00 to +14:00")
    return -minutes if offset[0] == "-" else minutes
