"""Referential integrity as settings turn it on: what clients are told."""

import uuid
from typing import Any

import httpx
import pytest

SETTINGS = {"referential_integrity_on_write": True, "referential_integrity_on_delete": True}
URN = "urn:uuid:7a1c0c6a-3c52-4b6e-9d8f-0b9b8d4f1f10"


def flag(*subject: str, **members: Any) -> dict[str, Any]:
    about = [{"url": "http://x.test/about", "valueReference": {"reference": text}} for text in subject[1:]]
    extra = {"extension": about} if about else {}
    code = {"text": "x"}
    return {"resourceType": "Flag", "status": "active", "code": code, "subject": {"reference": subject[0]}} | (
        extra | members
    )


def transaction(*entries: tuple[str, str, dict[str, Any] | None]) -> dict[str, Any]:
    """A transaction of (method, url, resource); a posted Patient goes by URN."""
    made = []
    for method, url, resource in entries:
        full_url = {"fullUrl": URN} if (method, url) == ("POST", "Patient") else {}
        body = {} if resource is None else {"resource": resource}
        made.append(full_url | body | {"request": {"method": method, "url": url}})
    return {"resourceType": "Bundle", "type": "transaction", "entry": made}


@pytest.fixture
async def patient(client: httpx.AsyncClient) -> str:
    """A patient that is there: `Patient/…`."""
    path = f"Patient/{uuid.uuid4()}"
    made = await client.put(path, json={"resourceType": "Patient", "id": path.partition("/")[2]})
    assert made.status_code == 201, made.text
    return path


async def test_a_write_names_every_reference_to_nothing(client: httpx.AsyncClient, patient: str) -> None:
    refused = await client.post("Flag", json=flag("Patient/none", patient, "Group/none"))
    assert refused.status_code == 422
    assert [(issue["code"], issue["diagnostics"], issue["expression"]) for issue in refused.json()["issue"]] == [
        ("not-found", "Patient/none does not exist.", ["Flag.subject.reference"]),
        ("not-found", "Group/none does not exist.", ["Flag.extension[1].value.reference"]),
    ]
    assert (await client.post("Flag", json=flag(patient, patient))).status_code == 201


async def test_what_was_deleted_is_not_there(client: httpx.AsyncClient, patient: str) -> None:
    assert (await client.delete(patient)).status_code == 204
    assert (await client.post("Flag", json=flag(patient))).status_code == 422


@pytest.mark.parametrize("covered", [True, False], ids=["by a parameter", "in an extension"])
async def test_what_is_referred_to_is_not_deleted(client: httpx.AsyncClient, patient: str, covered: bool) -> None:
    other = (await client.post("Patient", json={"resourceType": "Patient"})).json()
    referring = flag(patient) if covered else flag(f"Patient/{other['id']}", patient)
    made = await client.post("Flag", json=referring)
    name = f"Flag/{made.json()['id']}"

    refused = await client.delete(patient)

    assert refused.status_code == 409
    assert name in refused.json()["issue"][0]["diagnostics"]
    assert (await client.get(patient)).status_code == 200
    assert (await client.delete(name)).status_code == 204
    assert (await client.delete(patient)).status_code == 204


async def test_the_security_context_of_a_binary_counts(client: httpx.AsyncClient, patient: str) -> None:
    headers = {"Content-Type": "text/plain", "X-Security-Context": "Patient/none"}
    refused = await client.post("Binary", content=b"text", headers=headers)
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Binary.securityContext.reference"]
    made = await client.post("Binary", content=b"text", headers=headers | {"X-Security-Context": patient})
    assert made.status_code == 201
    assert (await client.delete(patient)).status_code == 409


async def test_a_transaction_may_refer_to_what_it_creates(client: httpx.AsyncClient) -> None:
    new_patient = ("POST", "Patient", {"resourceType": "Patient"})
    done = await client.post("", json=transaction(("POST", "Flag", flag(URN)), new_patient))
    assert done.status_code == 200, done.text
    location = done.json()["entry"][0]["response"]["location"].partition("/_history")[0]
    subject = (await client.get(location)).json()["subject"]["reference"]
    assert (await client.get(subject)).status_code == 200

    refused = await client.post("", json=transaction(("POST", "Flag", flag(URN, "Patient/none")), new_patient))
    assert refused.status_code == 422
    assert [issue["diagnostics"] for issue in refused.json()["issue"]] == ["Patient/none does not exist."]


async def test_a_transaction_deletes_both_ends_or_neither(client: httpx.AsyncClient, patient: str) -> None:
    made = (await client.post("Flag", json=flag(patient))).json()
    name = f"Flag/{made['id']}"
    assert (await client.post("", json=transaction(("DELETE", patient, None)))).status_code == 409
    both = transaction(("DELETE", patient, None), ("DELETE", name, None))
    assert (await client.post("", json=both)).status_code == 200
    assert (await client.get(name)).status_code == 410


async def test_a_transaction_cannot_refer_to_what_it_deletes(client: httpx.AsyncClient, patient: str) -> None:
    refused = await client.post("", json=transaction(("DELETE", patient, None), ("POST", "Flag", flag(patient))))
    assert refused.status_code == 422
    assert (await client.get(patient)).status_code == 200
