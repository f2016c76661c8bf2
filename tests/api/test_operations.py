"""$validate, $meta, $meta-add, $meta-delete."""

import uuid
from typing import Any

import httpx

JSON = {"Content-Type": "application/fhir+json"}
TAG = {"system": "https://tags.example", "code": "demo"}


def parameters(**named: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": name, **value} for name, value in named.items()]}


async def patient(client: httpx.AsyncClient, **members: Any) -> str:
    id_ = str(uuid.uuid4())
    body = {"resourceType": "Patient", "id": id_, **members}
    assert (await client.put(f"Patient/{id_}", json=body, headers=JSON)).status_code == 201
    return f"Patient/{id_}"


async def validated(client: httpx.AsyncClient, path: str, body: Any) -> list[dict[str, Any]]:
    answer = await client.post(path, json=body, headers=JSON)
    assert answer.status_code == 200, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    issues: list[dict[str, Any]] = answer.json()["issue"]
    return issues


async def test_validate_says_all_that_is_wrong_and_stores_nothing(client: httpx.AsyncClient) -> None:
    wrong = {"resourceType": "Patient", "gender": "m", "birthDate": "2023-02-30", "nmae": []}
    for body in (wrong, parameters(resource={"resource": wrong})):
        issues = await validated(client, "Patient/$validate", body)
        assert {issue["severity"] for issue in issues} == {"error"}
        assert {"Patient.gender", "Patient.birthDate"} <= {issue["expression"][0] for issue in issues}
    [fine] = await validated(client, "Patient/$validate", {"resourceType": "Patient", "gender": "male"})
    assert fine["severity"] == "information"


async def test_validate_modes(client: httpx.AsyncClient) -> None:
    path = await patient(client)
    body = {"resourceType": "Patient"}
    update = parameters(mode={"valueCode": "update"}, resource={"resource": body})
    assert (await validated(client, f"{path}/$validate", update))[0]["code"] == "required"
    update = parameters(mode={"valueCode": "update"}, resource={"resource": body | {"id": "other"}})
    assert (await validated(client, f"{path}/$validate", update))[0]["code"] == "value"
    assert (await client.get(f"{path}/$validate")).json()["issue"][0]["severity"] == "information"
    assert (await client.get(f"{path}/$validate?mode=delete")).status_code == 200
    assert (await client.get("Patient/none/$validate?mode=delete")).status_code == 404
    assert (await client.post("Patient/$validate?mode=dance", json=body, headers=JSON)).status_code == 400
    unknown = parameters(profile={"valueUri": "http://p.example"}, resource={"resource": body})
    assert (await validated(client, "Patient/$validate", unknown))[0]["code"] == "not-supported"


async def test_meta_of_one_of_a_type_and_of_all(client: httpx.AsyncClient) -> None:
    path = await patient(client, meta={"tag": [TAG]})

    def value(answer: httpx.Response) -> dict[str, Any]:
        meta: dict[str, Any] = answer.json()["parameter"][0]["valueMeta"]
        return meta

    one = await client.get(f"{path}/$meta")
    assert value(one)["tag"] == [TAG]
    assert value(one)["versionId"] == "1"
    assert TAG in value(await client.get("Patient/$meta"))["tag"]
    assert TAG in value(await client.get("$meta"))["tag"]


async def test_meta_add_and_delete_make_versions_and_are_idempotent(client: httpx.AsyncClient) -> None:
    path = await patient(client)
    body = parameters(meta={"valueMeta": {"tag": [TAG], "profile": ["http://p.example"]}})

    added = await client.post(f"{path}/$meta-add", json=body, headers=JSON)
    again = await client.post(f"{path}/$meta-add", json=body, headers=JSON)
    stored = (await client.get(path)).json()["meta"]
    removed = await client.post(f"{path}/$meta-delete", json=body, headers=JSON)

    assert (added.status_code, added.headers["ETag"]) == (200, 'W/"2"')
    assert again.headers["ETag"] == 'W/"2"'
    assert (stored["tag"], stored["profile"]) == ([TAG], ["http://p.example"])
    assert removed.headers["ETag"] == 'W/"3"'
    assert "tag" not in (await client.get(path)).json()["meta"]
    assert (await client.get(f"{path}/$meta-add")).status_code == 405
    assert (await client.post(f"{path}/$meta-add", json=parameters(), headers=JSON)).status_code in (400, 422)
    assert (await client.post("Patient/none/$meta-add", json=body, headers=JSON)).status_code == 404
    late = await client.post(f"{path}/$meta-add", json=body, headers=JSON | {"If-Match": 'W/"1"'})
    assert late.status_code == 412


async def test_malformed_parameters_are_refused(client: httpx.AsyncClient) -> None:
    for body in (
        {"resourceType": "Parameters", "parameter": 5},
        {"resourceType": "Parameters", "parameter": [5]},
        parameters(profile={"valueUri": 5}, resource={"resource": {"resourceType": "Patient"}}),
        parameters(resource={"valueString": "x"}),
    ):
        for path in ("Patient/$validate", "Patient/1/$meta-add"):
            assert (await client.post(path, json=body, headers=JSON)).status_code in (400, 404, 422)
    assert (await client.post("Patient/$validate?colour=red", json={}, headers=JSON)).status_code == 400
