"""Conditional writes and references in transactions: https://hl7.org/fhir/R4/http.html#trules."""

import asyncio
import base64
import json
import uuid
from collections import Counter

import httpx
import pytest

from tests.api.bundled import Json, entry, identified, location, observation, patient, refused, send, transaction


async def test_conditional_create(client: httpx.AsyncClient, mrn: str) -> None:
    full_url = f"urn:uuid:{uuid.uuid4()}"
    entries = (
        entry("POST", "Patient", patient(identifier=identified(mrn)), full_url, ifNoneExist=f"identifier={mrn}"),
        entry("POST", "Observation", observation(full_url)),
    )
    first = (await send(client, *entries))["entry"]
    second = (await send(client, *entries))["entry"]
    assert [each["response"]["status"] for each in first] == ["201 Created", "201 Created"]
    assert [each["response"]["status"] for each in second] == ["200 OK", "201 Created"]
    assert location(first[0]) == location(second[0])
    assert (await client.get(location(second[1]))).json()["subject"]["reference"] == location(first[0])


async def test_two_creates_on_the_same_criteria(client: httpx.AsyncClient, mrn: str) -> None:
    post = entry("POST", "Patient", patient(identifier=identified(mrn)), ifNoneExist=f"identifier={mrn}")
    status, issues = await refused(client, post, post)
    assert (status, issues[0]) == (400, ("duplicate", "Bundle.entry[1]"))


async def test_a_conditional_create_that_another_entry_makes_untrue(client: httpx.AsyncClient, mrn: str) -> None:
    found = await refused(
        client,
        entry("POST", "Patient", patient(identifier=identified(mrn))),
        entry("POST", "Patient", patient(identifier=identified(mrn)), ifNoneExist=f"identifier={mrn}"),
    )
    assert found == (412, [("multiple-matches", "Bundle.entry[1]")])


async def test_conditional_update_and_overlap(client: httpx.AsyncClient, mrn: str) -> None:
    put = entry("PUT", f"Patient?identifier={mrn}", patient(identifier=identified(mrn)), f"urn:uuid:{uuid.uuid4()}")
    [made] = (await send(client, put))["entry"]
    assert made["response"]["status"] == "201 Created"
    body = patient(identifier=identified(mrn), active=True)
    [changed] = (await send(client, entry("PUT", f"Patient?identifier={mrn}", body)))["entry"]
    assert (changed["response"]["status"], changed["response"]["etag"]) == ("200 OK", 'W/"2"')
    found = await refused(client, put, entry("DELETE", location(made)))
    assert found == (400, [("duplicate", "Bundle.entry[1]")])


async def test_conditional_patch_and_delete(client: httpx.AsyncClient, mrn: str) -> None:
    await client.put(f"Patient/{mrn}", json=patient(id=mrn, identifier=identified(mrn)))
    data = base64.b64encode(b'[{"op": "add", "path": "/active", "value": true}]').decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    await send(client, entry("PATCH", f"Patient?identifier={mrn}", binary))
    assert (await client.get(f"Patient/{mrn}")).json()["active"] is True
    await send(client, entry("DELETE", f"Patient?identifier={mrn}"))
    assert (await client.get(f"Patient/{mrn}")).status_code == 410


async def test_conditional_reference_to_what_is_stored(client: httpx.AsyncClient, mrn: str) -> None:
    await client.put(f"Patient/{mrn}", json=patient(id=mrn, identifier=identified(mrn)))
    link = f"Patient?identifier=http://example.org/mrn|{mrn}"
    [made] = (await send(client, entry("POST", "Observation", observation(link))))["entry"]
    assert (await client.get(location(made))).json()["subject"]["reference"] == f"Patient/{mrn}"


async def test_conditional_reference_to_what_the_transaction_creates(client: httpx.AsyncClient, mrn: str) -> None:
    bundle = await send(
        client,
        entry("POST", "Observation", observation(f"Patient?identifier={mrn}")),
        entry("POST", "Patient", patient(identifier=identified(mrn))),
    )
    observed, person = map(location, bundle["entry"])
    assert (await client.get(observed)).json()["subject"]["reference"] == person


@pytest.mark.parametrize(("stored", "code"), [(0, "not-found"), (2, "multiple-matches")])
async def test_conditional_reference_without_one_match(
    client: httpx.AsyncClient, mrn: str, stored: int, code: str
) -> None:
    for _ in range(stored):
        await client.post("Patient", json=patient(identifier=identified(mrn)))
    found = await refused(
        client,
        entry("POST", "Patient", patient()),
        entry("POST", "Observation", observation(f"Patient?identifier={mrn}")),
    )
    assert found == (412, [(code, "Bundle.entry[1]")])


async def test_a_conditional_reference_does_not_lead_to_what_is_deleted(client: httpx.AsyncClient, mrn: str) -> None:
    await client.put(f"Patient/{mrn}", json=patient(id=mrn, identifier=identified(mrn)))
    found = await refused(
        client,
        entry("DELETE", f"Patient/{mrn}"),
        entry("POST", "Observation", observation(f"Patient?identifier={mrn}")),
    )
    assert found == (412, [("not-found", "Bundle.entry[1]")])


async def test_a_conditional_create_whose_match_is_deleted_creates(client: httpx.AsyncClient, mrn: str) -> None:
    await client.put(f"Patient/{mrn}", json=patient(id=mrn, identifier=identified(mrn)))
    full_url = f"urn:uuid:{uuid.uuid4()}"
    create = entry("POST", "Patient", patient(identifier=identified(mrn)), full_url, ifNoneExist=f"identifier={mrn}")
    bundle = await send(
        client, entry("DELETE", f"Patient/{mrn}"), create, entry("POST", "Observation", observation(full_url))
    )
    person = location(bundle["entry"][1])
    assert person != f"Patient/{mrn}"
    assert (await client.get(person)).json()["identifier"] == identified(mrn)
    assert (await client.get(location(bundle["entry"][2]))).json()["subject"]["reference"] == person
    assert (await client.get(f"Patient/{mrn}")).status_code == 410
    status, issues = await refused(client, entry("DELETE", f"Patient?identifier={mrn}"), create, create)
    assert (status, issues[0][0]) == (400, "duplicate")


async def test_if_match_holds_for_a_conditional_delete(client: httpx.AsyncClient, mrn: str) -> None:
    for active in (True, False):
        await client.put(f"Patient/{mrn}", json=patient(id=mrn, identifier=identified(mrn), active=active))
    delete = entry("DELETE", f"Patient?identifier={mrn}", ifMatch='W/"1"')
    assert await refused(client, delete) == (412, [("conflict", "Bundle.entry[0]")])
    await send(client, entry("DELETE", f"Patient?identifier={mrn}", ifMatch='W/"2"'))


async def test_conditional_references_in_a_json_patch(client: httpx.AsyncClient, mrn: str) -> None:
    await client.put(f"Patient/{mrn}", json=patient(id=mrn))
    await client.put(
        f"Organization/{mrn}", json={"resourceType": "Organization", "id": mrn, "identifier": identified(mrn)}
    )

    def patch(value: Json) -> Json:
        operations = [{"op": "add", "path": "/managingOrganization", "value": value}]
        data = base64.b64encode(json.dumps(operations).encode()).decode()
        binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
        return entry("PATCH", f"Patient/{mrn}", binary)

    assert await refused(client, patch({"reference": f"Organization?identifier=x{mrn}"})) == (
        412,
        [("not-found", "Bundle.entry[0]")],
    )
    await send(client, patch({"reference": f"Organization?identifier={mrn}", "display": "It"}))
    assert (await client.get(f"Patient/{mrn}")).json()["managingOrganization"] == {
        "reference": f"Organization/{mrn}",
        "display": "It",
    }


async def test_fifty_transactions_that_update_the_same_at_once(client: httpx.AsyncClient, mrn: str) -> None:
    def bundle(number: int) -> Json:
        shared = {"resourceType": "Organization", "id": mrn, "name": str(number), "identifier": identified(mrn)}
        both = [
            entry("PUT", f"Organization/{mrn}", shared),
            entry("PUT", f"Patient?identifier={mrn}", patient(identifier=identified(mrn), language=f"x-{number}")),
        ]
        own = [entry("POST", "Patient", patient()) for _ in range(10)]
        return transaction(*(both if number % 2 else reversed(both)), *own)

    answers = await asyncio.gather(*(client.post("", json=bundle(number), timeout=60) for number in range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 50}
    assert (await client.get(f"Organization/{mrn}")).headers["etag"] == 'W/"50"'
    assert (await client.get("Patient", params={"identifier": mrn})).json()["total"] == 1


async def test_a_stored_document_keeps_its_own_links(client: httpx.AsyncClient, mrn: str) -> None:
    own, outer = f"urn:uuid:{uuid.uuid4()}", f"urn:uuid:{uuid.uuid4()}"
    composition = {
        "resourceType": "Composition", "status": "final", "type": {"text": "Letter"}, "date": "2026-01-01",
        "title": "Letter", "author": [{"reference": own}], "subject": {"reference": outer},
        "extension": [{"url": "http://example.org/about", "valueReference": {"reference": f"{own}#part"}}],
    }  # fmt: skip
    document: Json = {
        "resourceType": "Bundle", "type": "document", "timestamp": "2026-01-01T00:00:00Z",
        "identifier": identified(mrn)[0],
        "entry": [
            {"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": composition},
            {"fullUrl": own, "resource": patient()},
        ],
    }  # fmt: skip
    bundle = await send(
        client,
        entry("POST", "Bundle", document),
        entry("POST", "Patient", patient(), own),
        entry("POST", "Patient", patient(active=True), outer),
    )
    stored = (await client.get(location(bundle["entry"][0]))).json()
    assert [each["fullUrl"] for each in stored["entry"]] == [each["fullUrl"] for each in document["entry"]]
    inner = stored["entry"][0]["resource"]
    assert inner["author"] == composition["author"]
    assert inner["extension"] == composition["extension"]
    assert inner["subject"]["reference"] == location(bundle["entry"][2])  # it is not in the document
