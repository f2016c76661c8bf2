"""A SearchParameter that is posted goes through its life, and says so until it is searchable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

SECONDS = 30
EYES = "http://hospital.example/eyes"


def definition(id_: str, **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter",
        "id": id_,
        "url": f"http://hospital.example/SearchParameter/{id_}",
        "name": id_,
        "status": "active",
        "description": "Colour of the eyes",
        "code": id_,
        "base": ["Patient"],
        "type": "token",
        "expression": f"Patient.extension('{EYES}').value",
        **members,
    }


def patient(id_: str, colour: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "extension": [{"url": EYES, "valueCode": colour}]}


async def put(client: httpx.AsyncClient, resource: dict[str, Any]) -> httpx.Response:
    return await client.put(f"{resource['resourceType']}/{resource['id']}", json=resource)


async def states_until(client: httpx.AsyncClient, id_: str, last: str) -> list[str]:
    """The states that are seen on the way."""
    seen: list[str] = []
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        state = (await status(client, id_))["state"]
        if not seen or seen[-1] != state:
            seen.append(state)
        if state == last:
            return seen
        await asyncio.sleep(0.02)
    raise TimeoutError(f"{id_} is not {last} but {seen}")


async def status(client: httpx.AsyncClient, id_: str) -> dict[str, Any]:
    answer = await client.get(f"SearchParameter/{id_}/$status")
    assert answer.status_code == 200, answer.text
    (parameter,) = answer.json()["parameter"]
    return {
        part["name"]: next(value for name, value in part.items() if name != "name") for part in parameter["part"]
    }


async def found(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get(query)
    assert answer.status_code == 200, answer.text
    return sorted(entry["resource"]["id"] for entry in answer.json().get("entry", ()))


async def until(client: httpx.AsyncClient, query: str, meets: Callable[[httpx.Response], bool]) -> httpx.Response:
    """The first answer that meets the condition."""
    async with asyncio.timeout(SECONDS):
        while True:
            answer = await client.get(query)
            if meets(answer):
                return answer
            await asyncio.sleep(0.02)


def works(answer: httpx.Response) -> bool:
    return answer.status_code == 200


def says(words: str) -> Callable[[httpx.Response], bool]:
    return lambda answer: answer.status_code == 400 and words in answer.text


async def test_the_life_of_a_search_parameter(client: httpx.AsyncClient) -> None:
    await put(client, patient("before", "blue"))
    assert (await put(client, definition("eyes"))).status_code == 201
    answer = await client.get("Patient?eyes=blue")
    assert answer.status_code == 400
    (issue,) = answer.json()["issue"]
    assert issue["code"] == "transient"
    assert issue["diagnostics"].startswith("Search parameter eyes of Patient is defined, but not searchable: ")
    assert issue["diagnostics"].endswith("; try again later")
    lenient = await client.get("Patient?eyes=blue", headers={"Prefer": "handling=lenient"})
    assert lenient.status_code == 200
    assert "eyes" not in lenient.json()["link"][0]["url"]
    (outcome,) = [entry["resource"] for entry in lenient.json()["entry"] if entry["search"]["mode"] == "outcome"]
    assert outcome["issue"][0]["code"] == "transient"

    await put(client, patient("during", "blue"))
    seen = await states_until(client, "eyes", "searchable")
    assert seen[-3:] in (["indexing", "verified", "searchable"], ["declared", "indexing", "searchable"])
    await until(client, "Patient?eyes=blue", works)
    await put(client, patient("after", "blue"))
    await put(client, patient("other", "brown"))
    assert await found(client, "Patient?eyes=blue") == ["after", "before", "during"]
    assert await found(client, "Patient?eyes=brown") == ["other"]
    assert await found(client, "Patient?eyes:missing=true&_id=other,after") == []
    assert (await status(client, "eyes"))["verified"] >= 2

    statement = (await client.get("metadata")).json()
    (described,) = [each for each in statement["rest"][0]["resource"] if each["type"] == "Patient"]
    assert {"name": "eyes", "definition": definition("eyes")["url"], "type": "token"} in described["searchParam"]

    # Another expression: not answered until all is reindexed, then only by the new one.
    changed = definition("eyes", expression="Patient.name.family", type="string")
    await put(client, {**patient("named", "green"), "name": [{"family": "Blue"}]})
    assert (await put(client, changed)).status_code == 200
    assert says("not searchable")(await client.get("Patient?eyes=blue"))
    await states_until(client, "eyes", "searchable")
    await until(client, "Patient?eyes=blue", works)
    assert await found(client, "Patient?eyes=blue") == ["named"]

    assert (await client.delete("SearchParameter/eyes")).status_code == 204
    assert says("eyes is not a search parameter of Patient")(await client.get("Patient?eyes=blue"))
    await until(client, "SearchParameter/$status", lambda answer: "eyes" not in answer.text)


async def test_an_expression_for_the_general_engine(client: httpx.AsyncClient) -> None:
    await put(client, {"resourceType": "Practitioner", "id": "two", "name": [{"given": ["A", "B"]}]})
    await put(client, {"resourceType": "Practitioner", "id": "one", "name": [{"given": ["A"]}]})
    several = definition("several-names", base=["Practitioner"], expression="Practitioner.name.given.count() > 1")
    assert (await put(client, several)).status_code == 201
    await states_until(client, "several-names", "searchable")
    await until(client, "Practitioner?several-names=true", works)
    assert await found(client, "Practitioner?several-names=true") == ["two"]
    assert await found(client, "Practitioner?several-names=false") == ["one"]
    one = "Practitioner.name.given.single()"
    single = definition("single-name", base=["Practitioner"], type="string", expression=one)
    assert (await put(client, single)).status_code == 201
    await states_until(client, "single-name", "failed")
    answer = await until(client, "Practitioner?single-name=A", says("The expression fails on Practitioner/two."))
    assert answer.json()["issue"][0]["code"] == "not-supported"
    await client.delete("SearchParameter/single-name")


async def test_a_write_on_which_the_expression_fails_takes_the_parameter_out(client: httpx.AsyncClient) -> None:
    only = definition("only-name", base=["Person"], type="string", expression="Person.name.given.single()")
    assert (await put(client, only)).status_code == 201
    await put(client, {"resourceType": "Person", "id": "one", "name": [{"given": ["A"]}]})
    await states_until(client, "only-name", "searchable")
    await until(client, "Person?only-name=A", works)
    two = {"resourceType": "Person", "id": "two", "name": [{"given": ["A", "B"]}]}
    assert (await put(client, two)).status_code == 201
    await until(client, "Person?only-name=A", says("The expression fails on Person/two."))
    assert (await status(client, "only-name"))["reason"] == "The expression fails on Person/two."
    await client.delete("SearchParameter/only-name")


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({"code": "family"}, 422, "family of Patient is HL7's own"),
        ({"code": "a:b"}, 422, "cannot be asked for"),
        ({"expression": "Patient.eyes"}, 422, "there is no element eyes in Patient"),
        ({"expression": "Patient.name.where("}, 422, "it is no FHIRPath"),
        ({"expression": "(" * 1_900 + "Patient.gender" + ")" * 1_900}, 422, "more than 20 brackets"),
        ({"expression": "Patient" + ".extension" * 30 + ".url"}, 422, "a path of more than 20 steps"),
        ({"expression": "Patient.name.first()" + ".first()" * 200}, 422, "nested too deeply"),
        ({"expression": "Patient.gender | " * 300 + "Patient.gender"}, 422, "4,000 can be taken"),
        ({"expression": "Observation.code"}, 422, "gives nothing of Patient"),
        ({"code": "taken"}, 409, "taken of Patient is defined by SearchParameter/taken already"),
    ],
)
async def test_what_cannot_be(client: httpx.AsyncClient, members: dict[str, Any], code: int, words: str) -> None:
    await put(client, definition("taken"))
    answer = await put(client, definition("refused", **members))
    assert answer.status_code == code
    assert words in answer.json()["issue"][0]["diagnostics"]
    assert (await client.get("SearchParameter/refused")).status_code == 404


@pytest.mark.parametrize(
    ("members", "state"),
    [
        ({"status": "draft"}, "not active"),
        ({"status": "retired", "code": "family"}, "not active"),
        ({"url": "http://hl7.org/fhir/SearchParameter/Patient-active", "code": "active"}, "hl7"),
        ({"derivedFrom": "http://hl7.org/fhir/SearchParameter/individual-family", "code": "family"}, "hl7"),
        ({"type": "composite"}, "failed"),
        ({"type": "date", "expression": "Patient.name"}, "failed"),
        ({"expression": "Patient.name.given.matches('x')"}, "failed"),
    ],
)
async def test_what_is_kept_without_being_answered(
    client: httpx.AsyncClient, members: dict[str, Any], state: str
) -> None:
    kept = {**definition("kept"), **members}
    assert (await put(client, kept)).status_code in (200, 201)
    assert (await states_until(client, "kept", state))[-1] == state
