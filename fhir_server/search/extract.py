"""A resource's search entries, made when it is written: resource → `Extracted`.

Rule: pure and total for every valid resource; the compiler and the matcher read the same entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Extracted:
    """What is stored beside a resource to find it by; BSON-ready.

    `index`: entries `Type.param|value`. `ranges`: `{"k": "Type.param", "lo": …, "hi": …}` (milliseconds or floats).
    `sort`: scalars by parameter code. `compartments`: `Patient/1`. `references`: `Type/id` of the resources here that
    its reference parameters point to. None of them has doubles.
    """

    index: list[str]
    ranges: list[dict[str, Any]]
    sort: dict[str, str | float]
    compartments: list[str]
    references: list[str]


def extract(resource: dict[str, Any], base_url: str) -> Extracted:
    """The entries of a valid resource; `base_url` is the server's own, whose references count as relative."""
    raise NotImplementedError
