from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

import pytest

from hospital.demo import bundles

Json = dict[str, Any]


@pytest.fixture(scope="session")
def loaded() -> list[Json]:
    return list(bundles(seed=3, patients=40, today=date(2026, 11, 24)))


@pytest.fixture(scope="session")
def hospital(loaded: list[Json]) -> dict[str, dict[str, Json]]:
    found: dict[str, dict[str, Json]] = defaultdict(dict)
    for bundle in loaded:
        for entry in bundle["entry"]:
            found[entry["resource"]["resourceType"]][entry["resource"]["id"]] = entry["resource"]
    return found
