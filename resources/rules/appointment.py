"""Appointment: https://hl7.org/fhir/R4/appointment.html#invs."""

from __future__ import annotations

from collections.abc import Iterator

from resources import instants
from resources.rules.problem import Json, Problem

_WITHOUT_TIMES = frozenset({"proposed", "cancelled", "waitlist"})
_WITH_REASON = frozenset({"cancelled", "noshow"})


def participant_is_told(participant: Json) -> Iterator[Problem]:
    """app-1."""
    if "type" not in participant and "actor" not in participant:
        yield Problem("a participant has a type or an actor (app-1)")


def times_go_together(appointment: Json) -> Iterator[Problem]:
    """app-2 and app-3, and that it does not end before it starts."""
    start, end = appointment.get("start"), appointment.get("end")
    status = appointment.get("status")
    if (start is None) != (end is None):
        missing = "end" if end is None else "start"
        yield Problem(f"start and end stand together or not at all: {missing} is missing (app-2)", at="." + missing)
    elif start is None and status is not None and status not in _WITHOUT_TIMES:
        yield Problem(f"an appointment that is {status} needs start and end (app-3)", at=".start")
    elif start is not None and end is not None and instants.bounds(start)[0] > instants.bounds(end)[1]:
        yield Problem(f"the appointment ends ({end}) before it starts ({start})", at=".end")


def reason_only_if_cancelled(appointment: Json) -> Iterator[Problem]:
    """app-4."""
    status = appointment.get("status")
    if "cancelationReason" in appointment and status is not None and status not in _WITH_REASON:
        words = f"only for an appointment that is cancelled or noshow, not {status} (app-4)"
        yield Problem(words, at=".cancelationReason")
