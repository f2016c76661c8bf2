"""The CapabilityStatement says what the server does, and the server does what it says."""

import httpx

from resources import validation
from resources.parameters import BASE
from resources.registry import RESOURCE_TYPES

VALUES = {"string": "x", "token": "x", "reference": "x", "date": "2020", "uri": "http://x", "number": "1",
          "quantity": "1"}  # fmt: skip


async def test_it_is_valid_and_lists_every_type(client: httpx.AsyncClient) -> None:
    answer = await client.get("metadata")
    statement = answer.json()

    assert answer.status_code == 200
    assert validation.validate(statement) == []
    rest = statement["rest"][0]
    assert {resource["type"] for resource in rest["resource"]} == RESOURCE_TYPES
    assert {each["code"] for each in rest["interaction"]} == {"transaction", "batch", "history-system", "search-system"}
    assert (await client.options("")).json() == statement


async def test_each_search_parameter_that_it_names_can_be_asked(client: httpx.AsyncClient) -> None:
    statement = (await client.get("metadata")).json()
    asked = 0
    for resource in statement["rest"][0]["resource"]:
        if resource["type"] not in ("Patient", "Observation", "Appointment", "MedicationRequest", "Invoice"):
            continue
        for parameter in resource["searchParam"]:
            known = BASE.for_type(resource["type"])[parameter["name"]]
            types = [component.parameter.type for component in known.components] or [known.type]
            value = "true" if known.code in ("active", "deceased") else "$".join(VALUES[type_] for type_ in types)
            answer = await client.get(resource["type"], params={parameter["name"]: value})
            assert answer.status_code == 200, answer.text
            asked += 1
    assert asked > 80


async def test_each_include_that_it_names_can_be_asked(client: httpx.AsyncClient) -> None:
    statement = (await client.get("metadata")).json()
    for resource in statement["rest"][0]["resource"]:
        if resource["type"] not in ("Patient", "Encounter", "Location"):
            continue
        assert {"*", f"{resource['type']}:*"} < set(resource["searchInclude"])
        for name, values in (("_include", resource["searchInclude"]), ("_revinclude", resource["searchRevInclude"])):
            for start in range(0, len(values), 30):
                answer = await client.get(resource["type"], params={name: values[start : start + 30], "_count": "1"})
                assert answer.status_code == 200, answer.text
    patient = next(each for each in statement["rest"][0]["resource"] if each["type"] == "Patient")
    assert {"Patient:link", "Patient:organization"} < set(patient["searchInclude"])
    assert {"Observation:subject", "Patient:link", "Provenance:target"} < set(patient["searchRevInclude"])
    assert "Encounter:location" not in patient["searchRevInclude"]


async def test_each_operation_that_it_names_is_there(client: httpx.AsyncClient) -> None:
    statement = (await client.get("metadata")).json()
    patient = next(each for each in statement["rest"][0]["resource"] if each["type"] == "Patient")
    expected = {"everything", "validate", "meta", "meta-add", "meta-delete"}
    assert {operation["name"] for operation in patient["operation"]} == expected
    answer = await client.post("Patient/$nonsense", json={"resourceType": "Parameters"})
    assert answer.status_code == 404
    assert "$validate" in answer.json()["issue"][0]["diagnostics"]
