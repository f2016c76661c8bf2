"""How answers to searches look: parts of resources, counted by hand."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from fhir_server.store import links, totals
from tests.api.parts import NARRATIVE, SUBSETTED, observation, of_each_part
from tests.api.writing import JSON, post

LENIENT = {"Prefer": "handling=lenient"}


@pytest.fixture
async def mark(client: httpx.AsyncClient) -> str:
    """A tag shared by three Observations and a Patient."""
    mark = uuid.uuid4().hex
    meta = {"tag": [{"system": "urn:mark", "code": mark}]}
    patient = {"resourceType": "Patient", "meta": meta, "text": NARRATIVE, "name": [{"family": "Roe"}]}
    await post(client, *[observation(meta=meta)] * 3, patient)
    return mark


async def search(
    client: httpx.AsyncClient, path: str, status: int = 200, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == status, answer.text
    bundle: dict[str, Any] = answer.json()
    return bundle


def members(resource: dict[str, Any]) -> set[str]:
    return set(resource) - {"resourceType", "id", "meta"}


# Parts


@of_each_part
@pytest.mark.parametrize("path", ["Observation?", "?_type=Observation&"])
async def test_matches_are_cut_to_the_part(
    client: httpx.AsyncClient, mark: str, path: str, asked: str, left: set[str]
) -> None:
    bundle = await search(client, f"{path}_tag=urn:mark|{mark}&_count=2&{asked}")

    for part in [entry["resource"] for entry in bundle["entry"]]:
        assert members(part) == left
        assert part["meta"]["tag"] == [{"system": "urn:mark", "code": mark}, SUBSETTED]
    assert [link["relation"] for link in bundle["link"]] == ["self", "next"]
    assert all(asked in link["url"] for link in bundle["link"])
    following = await search(client, bundle["link"][1]["url"])
    assert [members(entry["resource"]) for entry in following["entry"]] == [left]


async def test_summary_false_and_count(client: httpx.AsyncClient, mark: str) -> None:
    whole = await search(client, f"Observation?_tag={mark}&_summary=false")
    assert whole["total"] == 3
    assert members(whole["entry"][0]["resource"]) == {"text", "status", "code", "note"}
    for query in ("_summary=count&_count=2", "_count=2&_summary=count", "_count=0"):
        counted = await search(client, f"Observation?_tag={mark}&{query}")
        assert (counted["total"], "entry" in counted) == (3, False)


async def test_elements_over_types_are_those_of_each(client: httpx.AsyncClient, mark: str) -> None:
    bundle = await search(client, f"?_tag={mark}&_elements=Patient.name,note")
    left = {entry["resource"]["resourceType"]: members(entry["resource"]) for entry in bundle["entry"]}
    assert left == {"Observation": {"status", "code", "note"}, "Patient": {"name"}}

    patient_only = await search(client, f"?_tag={mark}&_elements=Patient.name")
    assert {len(members(entry["resource"])) for entry in patient_only["entry"]} == {1, 4}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("_summary=some", "_summary"),
        ("_summary=true&_summary=text", "_summary"),
        ("_elements=nose", "nose"),
        ("_elements=note,", "_elements"),
        ("_elements=note&_summary=true", "_elements"),
    ],
)
async def test_wrong_parts_are_refused(client: httpx.AsyncClient, query: str, named: str) -> None:
    outcome = await search(client, f"Observation?{query}", 400)
    assert named in outcome["issue"][0]["diagnostics"]


async def test_unknown_elements_are_left_out_when_lenient(client: httpx.AsyncClient, mark: str) -> None:
    bundle = await search(client, f"Observation?_tag={mark}&_elements=note,nose", headers=LENIENT)

    assert "_elements=note&" in bundle["link"][0]["url"] + "&"
    assert "nose" in bundle["entry"][-1]["resource"]["issue"][0]["diagnostics"]
    assert members(bundle["entry"][0]["resource"]) == {"status", "code", "note"}


# Totals


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """An estimate counts to two."""
    monkeypatch.setattr(totals, "ESTIMATED", 2)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("query", "total", "noted"),
    [
        ("_count=2&_total=accurate", 3, False),
        ("_count=2&_total=none", None, False),
        ("_count=2", None, False),
        ("_count=2&_total=estimate", 2, True),
        ("_count=3&_total=estimate", 3, False),
        ("_count=3", 3, False),
        ("_count=3&_total=none", None, False),
        ("_count=0", 3, False),
        ("_count=0&_total=estimate", 2, True),
        ("_summary=count", 3, False),
    ],
)
async def test_totals(client: httpx.AsyncClient, mark: str, query: str, total: int | None, noted: bool) -> None:
    bundle = await search(client, f"Observation?_tag={mark}&{query}")

    assert bundle.get("total") == total
    outcomes = [entry["resource"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == "outcome"]
    assert bool(outcomes) == noted
    if noted:
        assert outcomes[0]["issue"][0]["severity"] == "information"
        assert "more than these 2" in outcomes[0]["issue"][0]["diagnostics"]


async def test_an_estimate_of_few_is_exact(client: httpx.AsyncClient, mark: str) -> None:
    bundle = await search(client, f"Observation?_tag={mark}&_count=2&_total=estimate")
    assert (bundle["total"], len(bundle["entry"])) == (3, 2)
    following = await search(client, bundle["link"][1]["url"])
    assert (following["total"], len(following["entry"])) == (3, 1)


async def test_what_takes_too_long_has_no_estimate(
    client: httpx.AsyncClient, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MANY", 0)
    monkeypatch.setattr(links, "AT_FIRST", 0)
    await post(client, {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                        "meta": {"tag": [{"code": f"of-{mark}"}]},
                        "subject": {"reference": "Patient/of-1"}})  # fmt: skip
    await client.put("Patient/of-1", json={"resourceType": "Patient", "id": "of-1", "active": True}, headers=JSON)
    bundle = await search(client, f"Observation?subject:Patient.active=true&_tag=of-{mark}&_count=0&_total=estimate")
    assert "total" not in bundle
    assert "too many" in bundle["entry"][0]["resource"]["issue"][0]["diagnostics"]
