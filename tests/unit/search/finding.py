"""Whether a search finds a resource, without a database."""

from __future__ import annotations

from typing import Any

from fhir_server.search import grammar
from fhir_server.search.extract import extract
from fhir_server.search.match import matches
from resources.parameters import BASE

BASE_URL = "http://here.example/fhir"
NOW_MS = 1_735_689_600_000  # 2025-01-01


def finds(type_: str, query: tuple[str, str], resource: dict[str, Any]) -> bool:
    found = grammar.parse(
        type_, (query,), parameters=BASE, base_url=BASE_URL, strict=True, default_count=20, max_count=100, now_ms=NOW_MS
    )
    extracted = extract({"resourceType": type_, "id": "1", **resource}, BASE_URL)
    return matches(found.tree, extracted, type_=type_, id_="1", updated=1_700_000_000_123_456)
