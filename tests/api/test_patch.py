"""patch over HTTP: JSON Patch, FHIRPath Patch in JSON and XML."""

import uuid
from typing import Any

import httpx
import pytest

JSON_PATCH = {"Content-Type": "application/json-patch+json"}
JSON = {"Content-Type": "application/fhir+json"}


@pytest.fixture
async def path(client: httpx.AsyncClient) -> str:
    id_ = str(uuid.uuid4())
    body = {"resourceType": "Patient", "id": id_, "name": [{"family": "Lind"}], "birthDate": "1990-01-01"}
    assert (await client.put(f"Patient/{id_}", json=body, headers=JSON)).status_code == 201
    return f"Patient/{id_}"


def replace_birth_date(value: str) -> dict[str, Any]:
    part = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Patient.birthDate"},
        {"name": "value", "valueDate": value},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": part}]}


async def test_json_patch(client: httpx.AsyncClient, path: str) -> None:
    operations = (
        b'[{"op":"test","path":"/name/0/family","value":"Lind"},{"op":"add","path":"/name/0/given","value":["Eva"]}]'
    )
    answer = await client.patch(path, content=operations, headers=JSON_PATCH)

    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    assert answer.json()["name"] == [{"family": "Lind", "given": ["Eva"]}]
    history = (await client.get(f"{path}/_history")).json()
    assert history["entry"][0]["request"]["method"] == "PATCH"


async def test_fhirpath_patch_in_json_and_xml(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.patch(path, json=replace_birth_date("1990-02-02"), headers=JSON)
    assert (answer.status_code, answer.json()["birthDate"]) == (200, "1990-02-02")
    xml = (
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>'
        '<part><name value="type"/><valueCode value="replace"/></part>'
        '<part><name value="path"/><valueString value="Patient.birthDate"/></part>'
        '<part><name value="value"/><valueDate value="1990-03-03"/></part></parameter></Parameters>'
    )
    answer = await client.patch(path, content=xml, headers={"Content-Type": "application/fhir+xml"})
    assert (answer.status_code, answer.json()["birthDate"]) == (200, "1990-03-03")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'[{"op":"test","path":"/birthDate","value":"1900-01-01"}]', 422),
        (b'[{"op":"remove","path":"/nothing"}]', 422),
        (b'[{"op":"replace","path":"/birthDate","value":"2023-02-30"}]', 422),
        (b'[{"op":"replace","path":"/id","value":"x"}]', 422),
        (b'[{"op":"replace","path":"","value":{"resourceType":"Basic"}}]', 422),
        (b'[{"op":"replace","path":"/resourceType","value":"Basic"}]', 422),
        (b'[{"op":"sing","path":"/id"}]', 400),
        (b'{"op":"remove","path":"/id"}', 400),
        (b'"x"', 400),
        (b"[", 400),
    ],
)
async def test_patches_that_are_refused_change_nothing(
    client: httpx.AsyncClient, path: str, content: bytes, status: int
) -> None:
    answer = await client.patch(path, content=content, headers=JSON_PATCH)

    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert (await client.get(path)).headers["ETag"] == 'W/"1"'


async def test_a_patch_that_would_take_long_is_refused(client: httpx.AsyncClient, path: str) -> None:
    body: dict[str, Any] = {"resourceType": "Patient", "id": path.partition("/")[2], "birthDate": "1990-01-01"}
    body["extension"] = [{"url": "http://e.example", "valueString": "x"}] * 40_000
    assert (await client.put(path, json=body, headers=JSON)).status_code == 200
    many = replace_birth_date("1990-02-02")
    many["parameter"] *= 20
    added = {"op": "add", "path": "/extension/0", "value": {"url": "a", "valueString": "y"}}
    answers = [
        await client.patch(path, json=many, headers=JSON),
        await client.patch(path, json=[added] * 5_000, headers=JSON_PATCH),
    ]
    for answer in answers:
        assert answer.status_code == 422
        assert answer.json()["issue"][0]["code"] == "too-costly"
    assert (await client.patch(path, json=replace_birth_date("1991-02-02"), headers=JSON)).status_code == 200


async def test_a_patch_of_nothing_or_of_a_deleted_one(client: httpx.AsyncClient, path: str) -> None:
    await client.delete(path)
    assert (await client.patch(path, content=b"[]", headers=JSON_PATCH)).status_code == 410
    assert (await client.patch("Patient/none", content=b"[]", headers=JSON_PATCH)).status_code == 404
    answer = await client.patch(path, content=b"[]", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
