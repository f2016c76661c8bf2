"""A running server with a patient and observations, for the clients that integrators use."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from tests.api.conftest import running


@dataclass(frozen=True)
class Hospital:
    """Where it is and who is in it."""

    base_url: str
    patient: str
    observations: tuple[str, ...]


@pytest.fixture(scope="module")
def hospital(mongo_uri: str) -> Iterator[Hospital]:
    database = f"test_{uuid.uuid4().hex}"
    with running(mongo_uri, database) as base_url:
        patient = "ada"
        observations = tuple(f"pulse-{number}" for number in range(5))
        resources: list[dict[str, Any]] = [
            {"resourceType": "Patient", "id": patient, "name": [{"family": "Lovelace", "given": ["Ada"]}]}
        ]
        resources += [observation(id_, number) for number, id_ in enumerate(observations)]
        for resource in resources:
            answer = httpx.put(f"{base_url}/{resource['resourceType']}/{resource['id']}", json=resource)
            assert answer.status_code == 201, answer.text
        yield Hospital(base_url, patient, observations)
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        client.drop_database(database)


def observation(id_: str, number: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": "Patient/ada"},
        "effectiveDateTime": f"2024-01-0{number + 1}T08:00:00Z",
        "valueQuantity": {"value": 60 + number, "unit": "/min"},
    }
