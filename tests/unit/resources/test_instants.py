from datetime import UTC, datetime

import pytest

from resources import instants


def ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "low", "after"),
    [
        ("2023", ms(2023, 1, 1), ms(2024, 1, 1)),
        ("2024", ms(2024, 1, 1), ms(2025, 1, 1)),
        ("1900", ms(1900, 1, 1), ms(1901, 1, 1)),
        ("2024-02", ms(2024, 2, 1), ms(2024, 3, 1)),
        ("2023-12", ms(2023, 12, 1), ms(2024, 1, 1)),
        ("2023-12-31", ms(2023, 12, 31), ms(2024, 1, 1)),
        ("2023-01-01T10:00Z", ms(2023, 1, 1, 10), ms(2023, 1, 1, 10, 1)),
        ("2023-01-01T10:00:05", ms(2023, 1, 1, 10, 0, 5), ms(2023, 1, 1, 10, 0, 6)),
        ("2023-01-01T00:30:00+02:00", ms(2022, 12, 31, 22, 30), ms(2022, 12, 31, 22, 30, 1)),
        ("2023-01-01T00:30:00-03:30", ms(2023, 1, 1, 4), ms(2023, 1, 1, 4, 0, 1)),
        ("2023-01-01T00:00:00.5Z", ms(2023, 1, 1) + 500, ms(2023, 1, 1) + 600),
        ("2023-01-01T00:00:00.123Z", ms(2023, 1, 1) + 123, ms(2023, 1, 1) + 124),
        ("2023-01-01T00:00:00.123456789Z", ms(2023, 1, 1) + 123, ms(2023, 1, 1) + 124),
        ("2016-12-31T23:59:60Z", ms(2017, 1, 1), ms(2017, 1, 1, 0, 0, 1)),
    ],
)
def test_bounds(text: str, low: int, after: int) -> None:
    assert instants.bounds(text) == (low, after - 1)


def test_the_first_and_last_years_do_not_overflow() -> None:
    low, _ = instants.bounds("0001-01-01T00:00:00+14:00")
    _, high = instants.bounds("9999-12-31T23:59:60-14:00")
    assert low == instants.bounds("0001")[0] - 14 * 3_600_000
    assert high > instants.bounds("9999")[1]


@pytest.mark.parametrize(
    "text",
    ["", "23", "0000", "10000", "2023-00", "2023-13", "2023-02-30", "2023-02-29", "2023-1-1", "2023-01-01T",
     "2023-01-01T10", "2023-01-01T24:00:00Z", "2023-01-01T10:60:00Z", "2023-01-01T10:00:61Z", "2023Z", " 2023",
     "2023-01-01T10:00:00+14:01", "2023-01-01T10:00:00+01:60", "2023-01-01T10:00:00z", "2023-01-01 10:00:00Z",
     "2023-01-01T10:00:00.Z", "2023\n", "\u0662\u0660\u0662\u0663", "-2023"],
)  # fmt: skip
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        instants.bounds(text)


def test_instants_keep_microseconds() -> None:
    us = instants.parse_instant("2026-11-24T11:32:31.123456Z")
    assert us == ms(2026, 11, 24, 11, 32, 31) * 1000 + 123_456
    assert instants.instant_text(us) == "2026-11-24T11:32:31.123456Z"
    assert instants.parse_instant("2026-11-24T13:32:31.1234569+02:00") == us


@pytest.mark.parametrize("us", [0, -1, -62_135_596_800_000_000, 253_402_300_799_999_999])
def test_every_instant_can_be_written(us: int) -> None:
    assert instants.parse_instant(instants.instant_text(us)) == us


@pytest.mark.parametrize("text", ["2026", "2026-11-24", "2026-11-24T11:32Z", "2026-11-24T11:32:31", "now"])
def test_an_instant_has_seconds_and_an_offset(text: str) -> None:
    with pytest.raises(ValueError, match="is not an instant"):
        instants.parse_instant(text)


def test_years_beyond_9999_cannot_be_written() -> None:
    with pytest.raises(ValueError, match=r"ordinal|range"):
        instants.instant_text(253_402_300_800_000_000)
