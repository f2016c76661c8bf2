"""An Observation, and what is left of it in each part that `_summary` and `_elements` ask for."""

from __future__ import annotations

from typing import Any

import pytest

SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">1.50</div>'}

of_each_part = pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("_summary=true", {"status", "code"}),
        ("_summary=text", {"text", "status", "code"}),
        ("_summary=data", {"status", "code", "note"}),
        ("_elements=note", {"status", "code", "note"}),
        ("_elements=Observation.text", {"text", "status", "code"}),
    ],
)


def observation(**members: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "text": NARRATIVE,
        "status": "final",
        "code": {"text": "x"},
        "note": [{"text": "a note"}],
        **members,
    }
