"""Transactions over HTTP: https://hl7.org/fhir/R4/http.html#transaction."""

import asyncio
import base64
import json
import uuid

import httpx
import pytest

from tests.api.bundled import entry, identified, location, observation, patient, refused, send, transaction

REPRESENTATION = {"Prefer": "return=representation"}


async def test_create_of_linked_resources(client: httpx.AsyncClient) -> None:
    one, two = f"urn:uuid:{uuid.uuid4()}", f"urn:uuid:{uuid.uuid4()}"
    narrative = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{one}#top">the patient</a></div>'
    seen = observation(
        one,
        text={"status": "generated", "div": narrative},
        contained=[{"resourceType": "Specimen", "id": "s", "subject": {"reference": one}}],
        specimen={"reference": "#s"},
        extension=[{"url": "http://example.org/about", "valueReference": {"reference": one}},
                   {"url": "http://example.org/uri", "valueUri": two}],
        focus=[{"reference": f"{one}/_history/7"}],
    )  # fmt: skip
    bundle = await send(client, entry("POST", "Observation", seen, two), entry("POST", "Patient", patient(), one))
    observed, person = map(location, bundle["entry"])
    assert observed.startswith("Observation/")
    stored = (await client.get(observed)).json()
    assert stored["subject"]["reference"] == person
    assert f'href="{person}#top"' in stored["text"]["div"]
    assert stored["contained"][0]["subject"]["reference"] == person
    assert stored["specimen"]["reference"] == "#s"
    assert stored["extension"][0]["valueReference"]["reference"] == person
    assert stored["extension"][1]["valueUri"] == observed
    assert stored["focus"][0]["reference"] == f"{person}/_history/1"


async def test_answer_of_a_create(client: httpx.AsyncClient, server_url: str) -> None:
    [answered] = (await send(client, entry("POST", "Patient", patient())))["entry"]
    stored = (await client.get(location(answered))).json()
    assert answered == {
        "response": {
            "status": "201 Created",
            "location": f"{server_url}/Patient/{stored['id']}/_history/1",
            "etag": 'W/"1"',
            "lastModified": stored["meta"]["lastUpdated"],
        }
    }


async def test_prefer(client: httpx.AsyncClient) -> None:
    [shown] = (await send(client, entry("POST", "Patient", patient(active=True)), **REPRESENTATION))["entry"]
    assert shown["resource"]["active"] is True
    assert shown["fullUrl"].endswith(f"/{location(shown)}")
    told = await send(client, entry("POST", "Patient", patient()), Prefer="return=OperationOutcome")
    assert told["entry"][0]["response"]["outcome"]["issue"][0]["severity"] == "information"
    assert "resource" not in told["entry"][0]


async def test_all_verbs_in_the_specified_order_answered_in_the_order_of_the_request(
    client: httpx.AsyncClient, mrn: str
) -> None:
    for number in range(4):
        await client.put(f"Patient/{mrn}-{number}", json=patient(id=f"{mrn}-{number}", active=True))
    patch = base64.b64encode(json.dumps([{"op": "replace", "path": "/active", "value": False}]).encode()).decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": patch}
    fhirpath = {
        "resourceType": "Parameters",
        "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.active"},
            {"name": "value", "valueBoolean": False}]}],
    }  # fmt: skip
    bundle = await send(
        client,
        entry("GET", f"Patient/{mrn}-0"),
        entry("GET", f"Patient?identifier={mrn}"),
        entry("HEAD", f"Patient/{mrn}-0"),
        entry("GET", f"Patient/{mrn}-0/_history/1"),
        entry("GET", f"Patient/{mrn}-0/_history"),
        entry("PATCH", f"Patient/{mrn}-1", binary),
        entry("PATCH", f"Patient/{mrn}-2", fhirpath),
        entry("PUT", f"Patient/{mrn}-0", patient(id=f"{mrn}-0", active=False), ifMatch='W/"1"'),
        entry("POST", "Patient", patient(identifier=identified(mrn))),
        entry("DELETE", f"Patient/{mrn}-3"),
    )
    answered = bundle["entry"]
    assert [each["response"]["status"] for each in answered] == [
        "200 OK", "200 OK", "200 OK", "200 OK", "200 OK", "200 OK", "200 OK", "200 OK", "201 Created", "204 No Content",
    ]  # fmt: skip
    assert answered[0]["resource"]["active"] is False
    assert answered[1]["resource"]["entry"][0]["resource"]["id"] == location(answered[8]).split("/")[1]
    assert "resource" not in answered[2]
    assert answered[3]["resource"]["active"] is True
    assert [each["resource"]["meta"]["versionId"] for each in answered[4]["resource"]["entry"]] == ["2", "1"]
    for number in (1, 2):
        assert (await client.get(f"Patient/{mrn}-{number}")).json()["active"] is False
    assert (await client.get(f"Patient/{mrn}-3")).status_code == 410


async def test_all_problems_at_once_and_nothing_written(client: httpx.AsyncClient, mrn: str) -> None:
    found = await refused(
        client,
        entry("PUT", f"Patient/{mrn}", patient(id=mrn)),
        {"resource": patient()},
        entry("POST", "Observation", patient()),
        entry("POST", "Patient", patient(birthDate="1970-13-01")),
        entry("GET", "http://elsewhere.example/fhir/Patient/1"),
        entry("POST", "Patient"),
        entry("DELETE", "Patient/1", ifNoneExist="identifier=1"),
    )
    assert found[0] == 400
    assert [place for _, place in found[1]] == [
        "Bundle.entry[1].request",
        "Bundle.entry[2].resource",
        "Bundle.entry[3].resource.birthDate",
        "Bundle.entry[4].request.url",
        "Bundle.entry[5].resource",
        "Bundle.entry[6].request.ifNoneExist",
    ]
    assert (await client.get(f"Patient/{mrn}")).status_code == 404


async def test_one_invalid_resource_makes_all_fail(client: httpx.AsyncClient, mrn: str) -> None:
    found = await refused(
        client,
        entry("PUT", f"Patient/{mrn}", patient(id=mrn)),
        entry("POST", "Patient", patient(gender="unclear")),
        entry("POST", "Patient", patient(name=[{"family": 7}])),
    )
    assert found[0] == 422
    assert [place for _, place in found[1]] == [
        "Bundle.entry[1].resource.gender", "Bundle.entry[2].resource.name[0].family",
    ]  # fmt: skip
    assert (await client.get(f"Patient/{mrn}")).status_code == 404


async def test_what_is_checked_while_the_first_entries_are_written(client: httpx.AsyncClient, mrn: str) -> None:
    many = [entry("PUT", f"Patient/{mrn}", patient(id=mrn)), *[entry("POST", "Patient", patient()) for _ in range(60)]]
    wrong = [
        entry("POST", "Patient", patient(gender="unclear")),
        entry("POST", "Patient", patient(name=[{"family": 7}])),
        entry("POST", "Patient", patient(meta="none")),
    ]
    places = ["Bundle.entry[61].resource.gender", "Bundle.entry[62].resource.name[0].family"]
    status, found = await refused(client, *many, *wrong[:2])
    assert (status, [place for _, place in found]) == (422, places)
    status, found = await refused(client, *many, *wrong)
    assert (status, [place for _, place in found]) == (422, [*places, "Bundle.entry[63].resource.meta"])
    read = entry("GET", f"Patient/{mrn}-nobody")
    status, found = await refused(client, *many, *wrong[:2], read)
    assert (status, [place for _, place in found]) == (422, places)
    status, found = await refused(client, *many, read)
    assert (status, [place for _, place in found]) == (404, ["Bundle.entry[61]"])
    assert (await client.get(f"Patient/{mrn}")).status_code == 404
    await send(client, *many)


async def test_the_same_resource_twice(client: httpx.AsyncClient, mrn: str) -> None:
    put = entry("PUT", f"Patient/{mrn}", patient(id=mrn))
    assert await refused(client, put, entry("DELETE", f"Patient/{mrn}")) == (400, [("duplicate", "Bundle.entry[1]")])


async def test_the_same_full_url_twice(client: httpx.AsyncClient) -> None:
    post = entry("POST", "Patient", patient(), "urn:uuid:7bb2a6b4-5bd5-4d5a-9a8e-3d3b3c8e4a55")
    assert await refused(client, post, post) == (400, [("duplicate", "Bundle.entry[1].fullUrl")])


async def test_relative_links_are_resolved_against_the_full_url(client: httpx.AsyncClient) -> None:
    base = "http://elsewhere.example/fhir"
    bundle = await send(
        client,
        entry("POST", "Patient", patient(id="1"), f"{base}/Patient/1"),
        entry("POST", "Observation", observation("Patient/1"), f"{base}/Observation/2"),
        entry("POST", "Observation", observation(f"{base}/Patient/1")),
        entry("POST", "Observation", observation("Patient/1")),
    )
    person, *observed = map(location, bundle["entry"])
    subjects = [(await client.get(each)).json()["subject"]["reference"] for each in observed]
    assert subjects == [person, person, "Patient/1"]


async def test_a_stale_if_match_fails_the_whole(client: httpx.AsyncClient, mrn: str) -> None:
    for active in (True, False):
        await client.put(f"Patient/{mrn}", json=patient(id=mrn, active=active))
    found = await refused(
        client,
        entry("POST", "Patient", patient(identifier=identified(mrn))),
        entry("PUT", f"Patient/{mrn}", patient(id=mrn), ifMatch='W/"1"'),
    )
    assert found == (412, [("conflict", "Bundle.entry[1]")])
    assert (await client.get(f"Patient?identifier={mrn}")).json().get("entry") is None


async def test_a_read_that_fails_fails_the_whole(client: httpx.AsyncClient, mrn: str) -> None:
    put = entry("PUT", f"Patient/{mrn}", patient(id=mrn))
    found = await refused(client, put, entry("GET", f"Patient/{mrn}-unknown"))
    assert found == (404, [("not-found", "Bundle.entry[1]")])
    assert (await client.get(f"Patient/{mrn}")).status_code == 404
    assert (await refused(client, put, entry("GET", "Patient?birthdate=2023-02-30")))[0] == 400


async def test_reads_with_conditions(client: httpx.AsyncClient, mrn: str) -> None:
    await client.put(f"Patient/{mrn}", json=patient(id=mrn))
    [answered] = (await send(client, entry("GET", f"Patient/{mrn}", ifNoneMatch='W/"1"')))["entry"]
    assert answered["response"]["status"] == "304 Not Modified"
    assert "resource" not in answered


async def test_operations_that_only_read(client: httpx.AsyncClient) -> None:
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient()}]}
    [answered] = (await send(client, entry("POST", "Patient/$validate", parameters)))["entry"]
    assert answered["resource"]["resourceType"] == "OperationOutcome"
    meta = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {}}]}
    assert (await refused(client, entry("POST", "Patient/1/$meta-add", meta)))[0] == 422


async def test_updates_that_change_nothing(client: httpx.AsyncClient, mrn: str) -> None:
    put = entry("PUT", f"Patient/{mrn}", patient(id=mrn), f"urn:uuid:{uuid.uuid4()}")
    pinned = observation(f"{put['fullUrl']}/_history/1", id=mrn)
    entries = (put, entry("PUT", f"Observation/{mrn}", pinned))
    await send(client, *entries)
    again = (await send(client, *entries))["entry"]
    assert [(each["response"]["status"], each["response"]["etag"]) for each in again] == [("200 OK", 'W/"1"')] * 2


async def test_many_writers_of_the_same_resources(client: httpx.AsyncClient, mrn: str) -> None:
    async def write(number: int) -> int:
        body = patient(id=f"{mrn}-1", identifier=identified(str(number)))
        bundle = transaction(
            entry("PUT", f"Patient/{mrn}-1", body),
            entry("POST", "Patient", patient(identifier=identified(mrn)), ifNoneExist=f"identifier={mrn}"),
        )
        return (await client.post("", json=bundle)).status_code

    assert set(await asyncio.gather(*map(write, range(12)))) <= {200, 409}
    assert len((await client.get(f"Patient?identifier={mrn}")).json()["entry"]) == 1


async def test_an_empty_transaction(client: httpx.AsyncClient) -> None:
    answer = await client.post("", json={"resourceType": "Bundle", "type": "transaction"})
    assert (answer.status_code, answer.json()) == (200, {"resourceType": "Bundle", "type": "transaction-response"})


@pytest.mark.parametrize("kind", ["collection", "document", "history", "searchset", "message"])
async def test_other_bundles_are_refused_at_the_base(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post("", json={"resourceType": "Bundle", "type": kind})
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.type"]


async def test_another_resource_at_the_base(client: httpx.AsyncClient) -> None:
    assert (await client.post("", json=patient())).status_code == 400


async def test_a_bundle_posted_to_its_type_is_a_resource(client: httpx.AsyncClient) -> None:
    made = await client.post("Bundle", json=transaction(entry("DELETE", "Patient/1")))
    assert made.status_code == 201
    assert made.json()["type"] == "transaction"
