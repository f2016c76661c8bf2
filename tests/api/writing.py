"""Resources written together, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx

Json = dict[str, Any]

JSON = {"Content-Type": "application/fhir+json"}


def transaction(requests: Iterable[tuple[str, str, Json]]) -> Json:
    """The Bundle of (method, url, resource)."""
    entries = [{"resource": resource, "request": {"method": method, "url": url}} for method, url, resource in requests]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def updates(resources: Iterable[Json]) -> Json:
    """The Bundle that puts each under its own id."""
    return transaction(("PUT", f"{each['resourceType']}/{each['id']}", each) for each in resources)


async def put(client: httpx.AsyncClient, *resources: Json) -> None:
    """Write them under their own ids."""
    written(await client.post("", json=updates(resources), headers=JSON))


async def post(client: httpx.AsyncClient, *resources: Json) -> None:
    """Create them, under ids of the server's."""
    bundle = transaction(("POST", each["resourceType"], each) for each in resources)
    written(await client.post("", json=bundle, headers=JSON))


def put_at(server_url: str, *resources: Json) -> None:
    """Write them under their own ids, for the tests of a whole module."""
    written(httpx.post(server_url, json=updates(resources), headers=JSON))


def written(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
