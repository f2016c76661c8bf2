"""A server whose release makes other entries opens at once, and answers searches once what is stored is made anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
from pymongo import MongoClient

SECONDS = 60


def test_searches_wait_and_reads_go_on(
    mongo_uri: str, database_name: str, run_server: Callable[..., AbstractContextManager[str]]
) -> None:
    with run_server(mongo_uri, database_name) as base:
        written = httpx.put(f"{base}/Patient/1", json={"resourceType": "Patient", "id": "1", "gender": "other"})
        assert written.status_code == 201
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        stored = client[database_name]
        stored.resources.update_one({"_id": "Patient/1"}, {"$set": {"index": []}})
        stored.meta.update_one({"_id": "search parameters"}, {"$set": {"entries": "1", "target": "1"}})
    with run_server(mongo_uri, database_name) as base:
        answer = httpx.get(f"{base}/Patient?gender=other")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "10"
        (issue,) = answer.json()["issue"]
        assert issue["code"] == "transient"
        assert "made anew after an upgrade (Patient waiting)" in issue["diagnostics"]
        assert httpx.get(f"{base}/Patient/1").content == written.content
        assert httpx.get(f"{base}/SearchParameter/$status").json()["parameter"][0]["name"] == "upgrade"
        deadline = time.monotonic() + SECONDS
        while (answer := httpx.get(f"{base}/Patient?gender=other")).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert [entry["resource"]["id"] for entry in answer.json()["entry"]] == ["1"]
        while "upgrade" in httpx.get(f"{base}/SearchParameter/$status").text:
            assert time.monotonic() < deadline
            time.sleep(0.05)
