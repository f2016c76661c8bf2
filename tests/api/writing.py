"""Resources written together, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from tests.api.bundled import Json, entry, transaction

JSON = {"Content-Type": "application/fhir+json"}


def updates(resources: Iterable[Json]) -> Json:
    """The Bundle that puts each under its own id."""
    return transaction(*(entry("PUT", f"{each['resourceType']}/{each['id']}", each) for each in resources))


async def put(client: httpx.AsyncClient, *resources: Json) -> None:
    """Write them under their own ids."""
    written(await client.post("", json=updates(resources), headers=JSON))


async def post(client: httpx.AsyncClient, *resources: Json) -> None:
    """Create them, under ids of the server's."""
    bundle = transaction(*(entry("POST", each["resourceType"], each) for each in resources))
    written(await client.post("", json=bundle, headers=JSON))


def put_at(server_url: str, *resources: Json) -> None:
    """Write them under their own ids, for the tests of a whole module."""
    written(httpx.post(server_url, json=updates(resources), headers=JSON))


def written(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
