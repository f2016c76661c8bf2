"""What dates, periods and timings are found by, counted by hand from https://hl7.org/fhir/R4/search.html#date."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.search.finding import finds


@pytest.mark.parametrize(
    ("asked", "effective", "found"),
    [
        # the same precision
        ("2023-02-28", "2023-02-28", True),
        ("2023-02-28", "2023-03-01", False),
        # a day holds its times, a time does not hold its day
        ("2023-02-28", "2023-02-28T23:59:59Z", True),
        ("2023-02-28T23:59:59Z", "2023-02-28", False),
        ("2023-02", "2023-02-28T23:59:59.999Z", True),
        ("2023-02", "2023-03-01T00:00:00Z", False),
        ("2024-02", "2024-02-29", True),
        # zones: 01:00+02:00 on the 1st is 23:00Z on the 28th
        ("2023-02-28", "2023-03-01T01:00:00+02:00", True),
        ("2023-03-01", "2023-03-01T01:00:00+02:00", False),
        ("2023-03-01", "2023-02-28T22:30:00-05:00", True),
        ("2023-03-01T01:00:00+02:00", "2023-02-28T23:00:00Z", True),
        ("2023-03-01T01:00:00 02:00", "2023-02-28T23:00:00Z", True),  # a plus sign that was not encoded
        # boundaries of the prefixes
        ("gt2023-02-28", "2023-02-28", False),
        ("gt2023-02-28", "2023-02-28T23:59:59.999Z", False),
        ("gt2023-02-28", "2023-03-01", True),
        ("gt2023-02-28", "2023-02", False),
        ("gt2023-02-27", "2023-02", True),
        ("lt2023-02-28", "2023-02-28", False),
        ("lt2023-02-28", "2023-02-27T23:59:59.999Z", True),
        ("lt2023-03-01", "2023-03", False),
        ("ge2023-02-28", "2023-02-28", True),
        ("ge2023-02-28", "2023-02-28T00:00:00Z", True),
        ("ge2023-02-28", "2023-02-27T23:59:59.999Z", False),
        ("ge2023-02-28", "2023-02", False),
        ("le2023-02-28", "2023-02-28T23:59:59.999Z", True),
        ("le2023-02-28", "2023-03-01T00:00:00Z", False),
        ("ne2023-02-28", "2023-02-28", False),
        ("ne2023-02-28", "2023-02-28T12:00:00Z", False),
        ("ne2023-02-28", "2023-03-01", True),
        ("ne2023-02-28", "2023", True),
        ("sa2023-02-28", "2023-02-28T12:00:00Z", False),
        ("sa2023-02-28", "2023-03-01", True),
        ("eb2023-02-28", "2023-02-27", True),
        ("eb2023-02-28", "2023-02", False),
        # about: within a tenth of the distance from 2025-01-01
        ("ap2024-09-01", "2024-09-10", True),
        ("ap2024-09-01", "2024-10-01", False),
        # one of several
        ("2020,2023", "2023-05", True),
    ],
)
def test_dates(asked: str, effective: str, found: bool) -> None:
    assert finds("Observation", ("date", asked), {"status": "final", "effectiveDateTime": effective}) == found


@pytest.mark.parametrize(
    ("asked", "period", "found"),
    [
        ("2023", {"start": "2023-01-01", "end": "2023-12-31"}, True),
        ("2023-06", {"start": "2023-01-01", "end": "2023-12-31"}, False),
        ("2023", {"start": "2023-01-01"}, False),  # goes on
        ("gt2030", {"start": "2023-01-01"}, True),
        ("gt2030", {"end": "2023-01-01"}, False),
        ("lt1950", {"end": "2023-01-01"}, True),
        ("sa2022", {"start": "2023-01-01"}, True),
        ("eb2024", {"start": "2022-06-01", "end": "2023-12-31"}, True),
        ("ge2023-06", {"start": "2023-01-01", "end": "2023-06-30"}, False),
        ("ge2023-06", {"start": "2023-01-01", "end": "2023-07-01"}, True),
        ("ap2023-06", {"start": "2023-01-01", "end": "2023-12-31"}, True),
        ("gt1900", {}, False),
    ],
)
def test_periods(asked: str, period: dict[str, str], found: bool) -> None:
    assert finds("Encounter", ("date", asked), {"period": period}) == found


@pytest.mark.parametrize(
    ("asked", "timing", "found"),
    [
        # R4's own example: every second day from 31 January to 24 March includes 1 February
        ("ap2013-02-01", {"repeat": {"boundsPeriod": {"start": "2013-01-31", "end": "2013-03-24"}}}, True),
        ("2013", {"repeat": {"boundsPeriod": {"start": "2013-01-31", "end": "2013-03-24"}}}, True),
        ("2013-02", {"repeat": {"boundsPeriod": {"start": "2013-01-31", "end": "2013-03-24"}}}, False),
        ("gt2013-03-01", {"event": ["2013-01-01", "2013-04-01"]}, True),
        ("gt2013-04-01", {"event": ["2013-01-01", "2013-04-01"]}, False),
        ("ge2013-04-01", {"event": [None, "2013-04-01"]}, True),
        ("sa2012-12-31", {"event": ["2013-01-01", "2013-04-01"]}, True),
        ("eb2013-04-01", {"event": ["2013-01-01", "2013-04-01"]}, False),
        ("lt2013-02-01", {"event": ["2013-01-01", "2013-04-01"]}, True),
        ("gt2013-05-01", {"event": ["2013-01-01"], "repeat": {"boundsPeriod": {"end": "2013-06-01"}}}, True),
        ("gt2000", {"repeat": {"boundsDuration": {"value": 3, "code": "d"}}}, False),
        ("gt2000", {"repeat": {"frequency": 1}}, False),
    ],
)
def test_timings(asked: str, timing: dict[str, Any], found: bool) -> None:
    assert finds("ServiceRequest", ("occurrence", asked), {"occurrenceTiming": timing}) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("2023-11-14T22:13:20.123Z", True),
        ("2023-11-14T22:13:20Z", True),
        ("2023-11-14", True),
        ("gt2023-11-14T22:13:20.122Z", True),
        ("gt2023-11-14T22:13:20.123Z", False),
        ("ge2023-11-14T22:13:20.123Z", True),
        ("lt2023-11-14T22:13:20.123Z", False),
        ("le2023-11-14T22:13:20.123Z", True),
        ("lt2023-11-14T22:13:20.124Z", True),
    ],
)
def test_last_updated(asked: str, found: bool) -> None:
    assert finds("Patient", ("_lastUpdated", asked), {}) == found
