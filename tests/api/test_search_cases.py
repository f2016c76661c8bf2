"""The searches of `search_cases`, over HTTP: each finds what was counted by hand."""

from __future__ import annotations

import httpx
import pytest

from tests.api.search_cases import CASES, HERE, Case
from tests.api.search_corpus import STORED
from tests.api.search_refusals import REFUSED, Refusal
from tests.api.writing import put_at

SETTINGS = {"search_content": True}


@pytest.fixture(scope="module", autouse=True)
def _stored(server_url: str) -> None:
    put_at(server_url, *STORED)


async def ask(client: httpx.AsyncClient, search: str) -> httpx.Response:
    """The answer to a search as a row has it."""
    path, _, query = search.replace(HERE, str(client.base_url).rstrip("/")).partition("?")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return await client.get(path, params=[(name, value) for name, _, value in pairs])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_it_finds(client: httpx.AsyncClient, case: Case) -> None:
    answer = await ask(client, case.search)
    assert answer.status_code == 200, answer.text
    found = [entry["resource"]["id"] for entry in answer.json().get("entry", ())]
    if "_sort=" not in case.search:
        assert sorted(found) == sorted(case.finds.split())
    else:
        assert found == case.finds.split()


@pytest.mark.parametrize("refusal", REFUSED, ids=lambda refusal: refusal.id)
async def test_it_is_refused(client: httpx.AsyncClient, refusal: Refusal) -> None:
    answer = await ask(client, refusal.search)
    assert answer.status_code == 400, answer.text
    assert refusal.says in [issue["diagnostics"] for issue in answer.json()["issue"]]
