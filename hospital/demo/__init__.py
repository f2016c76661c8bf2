"""The demonstration hospital: Saguaro Valley General Hospital, which does not exist, as transaction Bundles.

Pure and seeded: the same arguments give the same bytes; see docs/demo-hospital.md. The steps, in order:
`tables` (data/*.toml) → `staff`, `people` (who there is) → `wishes` (why and when people come) → `diary` (with whom:
no one is booked twice) and `followups` (full lists around today) = `planning` → `structure`, `patients`, `visits`,
`findings`, `treatment`, `billing`, `payments` (resources) → `packing` (Bundles of at most 400 entries, each referring
only to itself and those before).
`values` and `narrative` make the FHIR data types, `models` passes resources through `fhir.resources`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any


def bundles(seed: int = 1, patients: int = 300, today: date | None = None) -> Iterator[dict[str, Any]]:
    """Transaction Bundles (PUT with fixed ids) that make the hospital, to be sent in this order.

    `patients` is their number at the opening of the records in 2024; births come on top. `today` divides what has
    happened from what is booked (at 10:45), by default the date in the hospital. A later `today` continues the same
    story: loading again adds what has happened since and changes only what has moved on.
    """
    # Here and not above: fhir.resources takes half a second to import, which only a first start should pay.
    from hospital.demo import packing  # noqa: PLC0415

    return packing.pack(seed, patients, today or packing.this_day())
