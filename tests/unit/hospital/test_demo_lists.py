"""The physicians' lists: full around today, thinning out over ten weeks, and the same whenever they are told."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import pytest

from hospital.demo.diary import Visit, clock
from hospital.demo.planning import Plan, plan

Json = dict[str, Any]
TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def planned() -> Plan:
    return plan(1, 300, TODAY)


def _visits(planned: Plan) -> dict[str, Visit]:
    return {visit.key: visit for mine in planned.visits.values() for visit in mine}


def _lists(planned: Plan, first: date, days: int) -> list[int]:
    """How many appointments each physician has on each of the days on which there is a clinic."""
    given = Counter((each.clinician.id, each.start.date()) for each in _clinic(planned))
    span = [first + timedelta(days=offset) for offset in range(days)]
    clinics = [each for department, team in planned.staff.items() if department != "eme" for each in team]
    return [given[each.id, day] for day in span for each in clinics if each.spans(day)]


def _clinic(planned: Plan) -> list[Visit]:
    return [each for each in _visits(planned).values() if each.wish.setting == "clinic" and each.status != "cancelled"]


def test_the_lists_of_the_next_days_are_full(planned: Plan) -> None:
    lists = _lists(planned, TODAY, 7)
    assert len(lists) > 40
    assert 4 <= sum(lists) / len(lists) <= 8
    assert sum(4 <= each <= 9 for each in lists) > 0.75 * len(lists)
    assert min(_lists(planned, TODAY, 4)) > 0


def test_the_lists_thin_out_over_ten_weeks(planned: Plan) -> None:
    weeks = [sum(_lists(planned, TODAY + timedelta(weeks=week), 7)) for week in range(10)]
    assert weeks[1] > 0.6 * weeks[0]
    assert all(after <= before for before, after in itertools.pairwise(weeks[1:]))
    assert weeks[5] > 0


def test_the_days_of_the_week_are_alike(planned: Plan) -> None:
    days = Counter(each.start.weekday() for each in _clinic(planned))
    assert set(days) == {0, 1, 2, 3, 4}
    assert max(days.values()) < 1.3 * min(days.values())


@pytest.mark.parametrize("offset", [-1, 0, 1, 2, 3], ids=["Mon", "Tue", "Wed", "Thu", "Fri"])
def test_today_is_under_way(offset: int) -> None:
    day = TODAY + timedelta(days=offset)
    states = Counter(each.status for each in _clinic(plan(1, 300, day)) if each.start.date() == day)
    assert states["fulfilled"] > 5
    assert states["booked"] > 10
    assert states["arrived"] > 0


def test_days_before_today_are_over(planned: Plan) -> None:
    before = [each for each in _visits(planned).values() if each.start.date() < TODAY]
    assert {each.status for each in before} == {"fulfilled", "noshow", "cancelled"}
    assert min(_lists(planned, TODAY - timedelta(days=7), 7)) > 0


@pytest.mark.parametrize(("today", "later"), [(TODAY, 1), (date(2025, 3, 6), 14), (date(2026, 8, 29), 6)])
def test_a_later_day_finds_the_same_visits(today: date, later: int) -> None:
    before = _visits(plan(2, 120, today))
    after = _visits(plan(2, 120, today + timedelta(days=later)))
    for key, visit in before.items():
        if key not in after:
            assert visit.wish.kind == "followup"
            assert not visit.ahead
            continue
        found = after[key]
        assert (found.clinician.id, found.start, found.end, found.made) == (
            visit.clinician.id, visit.start, visit.end, visit.made
        )  # fmt: skip
        assert found.ahead == (visit.ahead and found.start >= clock(today + timedelta(days=later)))
        if not visit.ahead:
            assert found.status == visit.status
    assert len(set(after) - set(before)) > later


def test_nobody_comes_to_a_department_in_two_weeks_running_for_a_follow_up(planned: Plan) -> None:
    weeks: dict[tuple[int, str], list[int]] = defaultdict(list)
    for each in _visits(planned).values():
        if each.wish.kind == "followup":
            weeks[each.person.number, each.wish.department].append(each.start.date().toordinal() // 7)
    assert all(len(found) == len(set(found)) for found in weeks.values())
    assert all(week + 1 not in found for found in weeks.values() for week in found)


def test_no_patient_is_called_like_a_physician(planned: Plan) -> None:
    physicians = {each.name.removeprefix("Dr. ") for team in planned.staff.values() for each in team}
    assert physicians.isdisjoint(each.name for each in planned.people)
    assert physicians.isdisjoint(each.partner for each in planned.people)


def test_follow_ups_fit_the_patient(hospital: dict[str, dict[str, Json]]) -> None:
    departments = set()
    for each in hospital["Appointment"].values():
        if each["appointmentType"]["text"] == "Follow-up":
            patient = hospital["Patient"][each["participant"][0]["actor"]["reference"].removeprefix("Patient/")]
            department = each["participant"][1]["actor"]["reference"].split("-")[1]
            departments.add(department)
            age = (date.fromisoformat(each["start"][:10]) - date.fromisoformat(patient["birthDate"])).days // 365.25
            assert (age < 16) == (department == "ped")
            assert department != "uro" or patient["gender"] == "male"
            assert department != "obg" or patient["gender"] == "female"
    assert len(departments) > 8


def test_types_of_appointments_have_words_for_people(hospital: dict[str, dict[str, Json]]) -> None:
    for each in hospital["Appointment"].values():
        kind = each["appointmentType"]
        assert kind["coding"][0]["system"] == "http://terminology.hl7.org/CodeSystem/v2-0276"
        assert len(kind["text"]) < 20
        assert "unspecified, unspecified" not in each["text"]["div"]
