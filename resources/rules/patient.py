"""Patient: https://hl7.org/fhir/R4/patient.html#invs."""

from __future__ import annotations

from collections.abc import Iterator

from resources.rules.problem import Json, Problem

_DETAILS = frozenset({"name", "telecom", "address", "organization"})


def contact_has_details(contact: Json) -> Iterator[Problem]:
    """pat-1."""
    if _DETAILS.isdisjoint(contact):
        yield Problem("a contact has at least one of name, telecom, address and organization (pat-1)")
