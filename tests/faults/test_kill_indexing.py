"""`kill -9` of all server processes while a search parameter is being indexed: the next ones go on from there.

The seed is printed; `FAULT_SEED=n pytest …` replays the same moments.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.faults.test_run import Running, eventually, running

EYES: Final = "http://hospital.example/eyes"
COLOURS: Final = ("blue", "brown")
A_BUNDLE: Final = 250
DEFINITION: Final = {
    "resourceType": "SearchParameter",
    "id": "eyes",
    "url": "http://hospital.example/SearchParameter/eyes",
    "name": "eyes",
    "status": "active",
    "description": "Colour of the eyes",
    "code": "eyes",
    "base": ["Patient"],
    "type": "token",
    "expression": f"Patient.extension('{EYES}').value",
}


def patient(number: int, colour: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{number}", "extension": [{"url": EYES, "valueCode": colour}]}


def load(base: str, count: int) -> None:
    for start in range(0, count, A_BUNDLE):
        resources = [patient(number, COLOURS[number % 2]) for number in range(start, min(start + A_BUNDLE, count))]
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {"resource": each, "request": {"method": "PUT", "url": f"Patient/{each['id']}"}} for each in resources
            ],
        }
        assert httpx.post(base, json=bundle, timeout=60).status_code == httpx.codes.OK


def status(base: str) -> dict[str, Any]:
    """The parameter's state; empty while no server process answers, or none has seen it."""
    try:
        answer = httpx.get(f"{base}/SearchParameter/$status")
    except httpx.HTTPError:
        return {}
    described = answer.json().get("parameter", ()) if answer.status_code == httpx.codes.OK else ()
    return {part["name"]: list(part.values())[1] for each in described for part in each["part"]}


def kill_all(server: Running) -> None:
    for pid in server.children("fhir_server.worker"):
        os.kill(pid, signal.SIGKILL)


def found(base: str, colour: str) -> set[str]:
    """By following all pages. A server process looks for what has become searchable twice a second: one may answer
    already while the other refuses."""
    ids: set[str] = set()
    url: str | None = f"{base}/Patient?eyes={colour}&_count=1000"
    while url is not None:
        bundle = page(url)
        ids.update(entry["resource"]["id"] for entry in bundle.get("entry", ()))
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    return ids


def page(url: str) -> dict[str, Any]:
    answers: list[httpx.Response] = []

    def is_answered() -> bool:
        answers.append(httpx.get(url))
        return answers[-1].status_code == httpx.codes.OK

    eventually(is_answered)
    bundle: dict[str, Any] = answers[-1].json()
    return bundle


@contextmanager
def writing(base: str, count: int, choice: random.Random) -> Iterator[dict[str, str]]:
    """Change colours at random; what was acknowledged last for each patient, unless a later change is in doubt."""
    colours = {f"p{number}": COLOURS[number % 2] for number in range(count)}
    stopping = threading.Event()

    def write() -> None:
        while not stopping.is_set():
            number, colour = choice.randrange(count), choice.choice(COLOURS)
            before = colours.pop(f"p{number}", None)
            try:
                answer = httpx.put(f"{base}/Patient/p{number}", json=patient(number, colour))
            except httpx.HTTPError:
                time.sleep(0.05)  # in doubt
                continue
            if answer.is_success:
                colours[f"p{number}"] = colour
            elif before is not None:
                colours[f"p{number}"] = before

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield colours
    finally:
        stopping.set()
        thread.join()


def test_indexing_goes_on_after_a_kill(tmp_path: Path) -> None:
    count = 3_000
    with running(tmp_path, "--workers", "2") as server:
        load(server.base, count)
        assert httpx.put(f"{server.base}/SearchParameter/eyes", json=DEFINITION).status_code == httpx.codes.CREATED
        eventually(lambda: 0 < status(server.base).get("reindexed", 0) < count)
        kill_all(server)
        eventually(lambda: status(server.base).get("state") == "searchable")
        assert status(server.base)["reindexed"] == count  # each once
        assert len(found(server.base, "blue")) == len(found(server.base, "brown")) == count // 2


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_indexing_survives_six_kills_while_clients_write(tmp_path: Path) -> None:
    seed = int(os.environ.get("FAULT_SEED") or secrets.randbelow(2**32))
    print(f"FAULT_SEED={seed}")  # noqa: T201 - shown when it fails
    choice = random.Random(seed)
    count = 5_000
    with running(tmp_path, "--workers", "2") as server:
        load(server.base, count)
        with writing(server.base, count, choice) as colours:
            for number in range(6):
                version = define(server.base, f"Colour of the eyes {number}")
                eventually(lambda expected=version: is_being_indexed(server.base, expected))  # type: ignore[misc]
                time.sleep(choice.uniform(0, 1.5))
                kill_all(server)
            eventually(lambda: status(server.base).get("state") == "searchable")
        by_colour = {colour: found(server.base, colour) for colour in COLOURS}
        assert {id_ for id_, colour in colours.items() if id_ not in by_colour[colour]} == set()
        assert len(by_colour["blue"] | by_colour["brown"]) == count
        assert not by_colour["blue"] & by_colour["brown"]


def define(base: str, description: str) -> str:
    """Change the definition; which version that made."""
    while True:
        try:
            answer = httpx.put(f"{base}/SearchParameter/eyes", json={**DEFINITION, "description": description})
        except httpx.HTTPError:
            time.sleep(0.1)
            continue
        if answer.is_success:
            return str(answer.json()["meta"]["versionId"])


def is_being_indexed(base: str, version: str) -> bool:
    found = status(base)
    reference = found.get("definition", {}).get("reference", "")
    return "indexing (" in found.get("progress", "") and str(reference).endswith(f"/_history/{version}")
