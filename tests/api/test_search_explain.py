"""`_explain`: how a search is run, where the settings allow it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx

SETTINGS = {"search_explain": True}


def parts(answer: httpx.Response, name: str) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.json()["resourceType"] == "Parameters"
    found = [parameter for parameter in answer.json()["parameter"] if parameter["name"] == name]
    return [
        {part["name"]: next(value for name, value in part.items() if name != "name") for part in one["part"]}
        for one in found
    ]


async def test_the_index_and_what_was_looked_at(client: httpx.AsyncClient) -> None:
    for number in range(5):
        identifier = {"system": "s", "value": str(number)}
        patient = {"resourceType": "Patient", "id": f"p{number}", "identifier": [identifier]}
        await client.put(f"Patient/p{number}", json=patient)
    answer = await client.get("Patient", params={"identifier": "s|3", "_explain": "true"})
    [plan] = parts(answer, "plan")
    assert (plan["index"], plan["rows"], plan["documentsExamined"], plan["sortedInMemory"]) == ("iI", 1, 1, False)
    assert answer.json()["parameter"][0]["valueString"].startswith("All(parts=(OfType(types=('Patient',))")
    birth = parts(await client.get("Patient?birthdate=2000&_explain=true"), "plan")
    assert [plan["index"] for plan in birth] == ["rK"]


async def test_dates_are_two_queries(client: httpx.AsyncClient) -> None:
    plans = parts(await client.get("Encounter?date=ge2024&_explain=true"), "plan")
    assert [plan["index"] for plan in plans] == ["tD", "tW"]


async def test_a_computed_order_is_sorted_in_memory(client: httpx.AsyncClient) -> None:
    [plan] = parts(await client.get("Patient?_sort=-family,identifier&_explain=true"), "plan")
    assert (plan["index"], plan["sortedInMemory"]) == ("tU", True)


async def test_it_shows_no_matches_and_takes_true_or_false(client: httpx.AsyncClient) -> None:
    assert (await client.get("Patient?_explain=maybe")).status_code == 400
    assert (await client.get("Patient?_explain=false")).json()["resourceType"] == "Bundle"
    assert (await client.get("Patient?nose=1&_explain=true")).status_code == 400


def test_it_is_off_by_default(
    run_server: Callable[..., AbstractContextManager[str]], mongo_uri: str, server_database: str
) -> None:
    with run_server(mongo_uri, server_database) as url:
        answer = httpx.get(f"{url}/Patient?_explain=true", trust_env=False)
    assert answer.status_code == 400
    assert "FHIR_SEARCH_EXPLAIN" in answer.json()["issue"][0]["diagnostics"]
