"""Transactions entry by entry: what is sent, and what comes back."""

from __future__ import annotations

from typing import Any

import httpx

Json = dict[str, Any]


def entry(method: str, url: str, resource: Json | None = None, full_url: str | None = None, **request: str) -> Json:
    made: Json = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    if full_url is not None:
        made["fullUrl"] = full_url
    return made


def transaction(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def patient(**members: Any) -> Json:
    return {"resourceType": "Patient", **members}


def observation(subject: str, **members: Any) -> Json:
    code = {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}
    return {
        "resourceType": "Observation", "status": "final", "code": code, "subject": {"reference": subject}, **members
    }  # fmt: skip


def identified(value: str) -> list[Json]:
    return [{"system": "http://example.org/mrn", "value": value}]


async def send(client: httpx.AsyncClient, *entries: Json, **headers: str) -> Json:
    answer = await client.post("", json=transaction(*entries), headers=headers)
    assert answer.status_code == 200, answer.text
    bundle: Json = answer.json()
    assert bundle["type"] == "transaction-response"
    assert len(bundle.get("entry", [])) == len(entries)
    return bundle


async def refused(client: httpx.AsyncClient, *entries: Json) -> tuple[int, list[tuple[str, str]]]:
    """Status, and code and expression of each issue."""
    answer = await client.post("", json=transaction(*entries))
    issues = answer.json()["issue"]
    return answer.status_code, [(issue["code"], issue.get("expression", [""])[0]) for issue in issues]


def location(answered: Json) -> str:
    """`Patient/1` of an entry's response."""
    found: str = answered["response"]["location"]
    return "/".join(found.split("/fhir/")[1].split("/")[:2])
