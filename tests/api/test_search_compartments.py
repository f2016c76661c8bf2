"""Search in compartments: https://hl7.org/fhir/R4/http.html#vsearch, sets counted by hand."""

import uuid
from typing import Any

import httpx
import pytest

from tests.api.writing import JSON, put


def resource(type_: str, id_: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": type_, "id": id_, **members}


def refers(key: str) -> dict[str, str]:
    return {"reference": key}


@pytest.fixture
async def own(client: httpx.AsyncClient) -> str:
    """The beginning of the ids of two patients' records, written for this test."""
    own = uuid.uuid4().hex[:12]
    ann, bob, doctor = f"Patient/{own}-ann", f"Patient/{own}-bob", f"Practitioner/{own}-doctor"
    visit = f"Encounter/{own}-visit"
    code = {"code": {"text": "x"}}
    records = [
        resource("Patient", f"{own}-ann"),
        resource("Patient", f"{own}-bob"),
        resource("Practitioner", f"{own}-doctor"),
        resource("Device", f"{own}-pump"),
        resource("RelatedPerson", f"{own}-mother", patient=refers(ann)),
        resource("Encounter", f"{own}-visit", status="finished", **{"class": {"code": "AMB"}}, subject=refers(ann)),
        *(
            resource("Observation", f"{own}-{n}", status="final" if n else "amended", **code, subject=refers(ann),
                     encounter=refers(visit), performer=[refers(doctor)])
            for n in range(5)
        ),
        # Bob's, but performed by Ann: in the compartment of both.
        resource("Observation", f"{own}-help", status="final", **code, subject=refers(bob), performer=[refers(ann)]),
        resource("Observation", f"{own}-machine", status="final", **code, subject=refers(bob),
                 device=refers(f"Device/{own}-pump"), performer=[refers(f"RelatedPerson/{own}-mother")]),
        resource("Condition", f"{own}-asthma", subject=refers(ann), encounter=refers(visit), recorder=refers(doctor)),
    ]  # fmt: skip
    await put(client, *records)
    return own


def found(bundle: dict[str, Any], own: str) -> set[str]:
    """The names of what was found: the ids without their beginning."""
    return {entry["resource"]["id"].removeprefix(f"{own}-") for entry in bundle.get("entry", ())}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Patient/{}-ann/Observation", {"0", "1", "2", "3", "4", "help"}),
        ("Patient/{}-ann/Observation?status=final", {"1", "2", "3", "4", "help"}),
        ("Patient/{}-bob/Observation", {"help", "machine"}),
        ("Patient/{}-ann/Patient", {"ann"}),
        ("Patient/{}-ann/*", {"ann", "mother", "visit", "0", "1", "2", "3", "4", "help", "asthma"}),
        ("Patient/{}-ann/*?_type=Condition,RelatedPerson", {"asthma", "mother"}),
        ("Patient/{}-ann/*?_type=Practitioner", set()),
        ("Patient/{}-ann/Observation?performer=Practitioner/{}-doctor&status=amended", {"0"}),
        ("Encounter/{}-visit/*", {"visit", "0", "1", "2", "3", "4", "asthma"}),
        ("Encounter/{}-visit/Condition", {"asthma"}),
        ("Practitioner/{}-doctor/Observation", {"0", "1", "2", "3", "4"}),
        ("Practitioner/{}-doctor/*", {"doctor", "0", "1", "2", "3", "4"}),
        ("RelatedPerson/{}-mother/*", {"mother", "machine"}),
        ("Device/{}-pump/*", {"pump", "machine"}),
        ("Device/{}-pump/Observation", {"machine"}),
    ],
)
async def test_what_is_in_a_compartment(client: httpx.AsyncClient, own: str, path: str, expected: set[str]) -> None:
    answer = await client.get(path.replace("{}", own))

    assert answer.status_code == 200, answer.text
    assert found(answer.json(), own) == expected
    assert answer.json()["total"] == len(expected)


async def test_a_search_by_form_and_its_pages_stay_in_the_compartment(client: httpx.AsyncClient, own: str) -> None:
    for path, form in (("Observation/_search", {"_count": "2"}), ("*/_search", {"_count": "2", "_type": "Observation"}),
                       ("_search", {"_count": "2", "_type": "Observation"})):  # fmt: skip
        answer = await client.post(f"Patient/{own}-ann/{path}", data=form)
        names: list[str] = []
        while True:
            assert answer.status_code == 200, answer.text
            bundle = answer.json()
            links = {link["relation"]: link["url"] for link in bundle["link"]}
            assert links["self"].startswith(f"{client.base_url}Patient/{own}-ann/")
            names += found(bundle, own)
            if "next" not in links:
                break
            answer = await client.get(links["next"])
        assert sorted(names) == ["0", "1", "2", "3", "4", "help"]


async def test_a_cursor_of_another_compartment_is_refused(client: httpx.AsyncClient, own: str) -> None:
    bundle = (await client.get(f"Patient/{own}-ann/Observation?_count=2")).json()
    following = next(link["url"] for link in bundle["link"] if link["relation"] == "next")

    assert (await client.get(following)).status_code == 200
    for path in (f"Patient/{own}-bob/Observation", f"Patient/{own}-ann/*", "Observation"):
        assert (await client.get(following.replace(f"Patient/{own}-ann/Observation", path))).status_code == 400


async def test_what_nobody_refers_to_has_an_empty_compartment_and_the_deleted_keep_theirs(
    client: httpx.AsyncClient, own: str
) -> None:
    assert (await client.get(f"Patient/{own}-nobody/*")).json()["total"] == 0
    assert (await client.delete(f"Device/{own}-pump")).status_code in (200, 204)
    assert found((await client.get(f"Device/{own}-pump/*")).json(), own) == {"machine"}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("Patient/1/Organization", "A Organization is never in the compartment of a Patient"),
        ("Organization/1/*", "has no compartment"),
        ("Patient/1/Nonsense", "no address"),
    ],
)
async def test_what_cannot_be_is_refused_with_words(client: httpx.AsyncClient, path: str, words: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert words in answer.json()["issue"][0]["diagnostics"]


async def test_parameters_of_one_type_are_not_for_all(client: httpx.AsyncClient, own: str) -> None:
    refused = await client.get(f"Patient/{own}-ann/*?status=final")
    assert refused.status_code == 400
    assert "_type" in refused.json()["issue"][0]["diagnostics"]
    narrowed = await client.get(f"Patient/{own}-ann/*?_type=Observation&status=amended")
    assert found(narrowed.json(), own) == {"0"}


@pytest.mark.parametrize("type_", ["batch", "transaction"])
async def test_an_entry_of_a_bundle_searches_a_compartment(client: httpx.AsyncClient, own: str, type_: str) -> None:
    urls = [f"Patient/{own}-ann/Condition", f"Encounter/{own}-visit/*?_type=Condition"]
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    answer = await client.post("", json={"resourceType": "Bundle", "type": type_, "entry": entries}, headers=JSON)

    assert answer.status_code == 200, answer.text
    for entry, url in zip(answer.json()["entry"], urls, strict=True):
        assert found(entry["resource"], own) == {"asthma"}
        assert entry["resource"]["link"][0]["url"].startswith(f"{client.base_url}{url.partition('?')[0]}")


async def test_the_statement_names_the_compartments(client: httpx.AsyncClient) -> None:
    statement = (await client.get("metadata")).json()
    named = {url.rpartition("/")[2] for url in statement["rest"][0]["compartment"]}
    assert named == {"device", "encounter", "patient", "practitioner", "relatedperson"}
