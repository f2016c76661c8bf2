"""`Patient/[id]/$everything`, sets counted by hand."""

import uuid
from typing import Any

import httpx
import pytest

from tests.api.writing import JSON, put

MEMBERS = {"ann", "visit", "stay", "old", "mother", "pulse", "weight", "undated", "help", "plan"}
ALONG = {"doctor", "trust", "bed", "drug", "group", "pump"}


def resource(type_: str, id_: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": type_, "id": id_, **members}


@pytest.fixture
async def own(client: httpx.AsyncClient) -> str:
    """The beginning of the ids of Ann's record, and of what is Bob's, written for this test."""
    own = uuid.uuid4().hex[:12]

    def of(type_: str, name: str) -> dict[str, str]:
        return {"reference": f"{type_}/{own}-{name}"}

    def observation(name: str, patient: str = "ann", **members: Any) -> dict[str, Any]:
        coded = {"status": "final", "code": {"text": name}, "subject": of("Patient", patient)}
        return resource("Observation", f"{own}-{name}", **coded, **members)

    def encounter(name: str, start: str, end: str, **members: Any) -> dict[str, Any]:
        known = {"status": "finished", "class": {"code": "AMB"}, "subject": of("Patient", "ann")}
        return resource("Encounter", f"{own}-{name}", period={"start": start, "end": end}, **known, **members)

    await put(
        client,
        resource("Organization", f"{own}-trust", partOf=of("Organization", "above")),
        resource("Organization", f"{own}-above"),
        resource("Practitioner", f"{own}-doctor"),
        resource("Practitioner", f"{own}-stranger"),
        resource("Location", f"{own}-bed"),
        resource("Medication", f"{own}-drug"),
        resource("Device", f"{own}-pump"),
        resource("Group", f"{own}-group", type="person", actual=True),
        resource("Group", f"{own}-of-bob", type="person", actual=True, member=[{"entity": of("Patient", "bob")}]),
        resource("Patient", f"{own}-ann", managingOrganization=of("Organization", "trust")),
        resource("Patient", f"{own}-bob", generalPractitioner=[of("Practitioner", "stranger")]),
        resource("RelatedPerson", f"{own}-mother", patient=of("Patient", "ann")),
        encounter("visit", "2024-02-01T10:00:00Z", "2024-02-01T11:00:00Z",
                  location=[{"location": of("Location", "bed")}]),
        encounter("stay", "2023-12-20", "2024-01-03"),
        encounter("old", "2020-05-01", "2020-05-02"),
        observation("pulse", effectiveDateTime="2024-02-01T10:30:00Z", performer=[of("Practitioner", "doctor")],
                    encounter=of("Encounter", "visit"), device=of("Device", "pump")),
        observation("weight", effectiveDateTime="2021-07", performer=[of("Practitioner", "gone")],
                    focus=[of("Group", "group"), of("Group", "of-bob"), of("Patient", "bob")]),
        observation("undated"),
        observation("help", "bob", performer=[of("Patient", "ann")], effectiveDateTime="2024-03-01"),
        observation("of-bob", "bob", performer=[of("Practitioner", "stranger")]),
        resource("MedicationRequest", f"{own}-plan", status="active", intent="order", authoredOn="2024-01-10",
                 subject=of("Patient", "ann"), medicationReference=of("Medication", "drug")),
    )  # fmt: skip
    return own


def names(bundle: dict[str, Any], own: str, mode: str) -> list[str]:
    return [entry["resource"]["id"].removeprefix(f"{own}-") for entry in bundle.get("entry", ())
            if entry["search"]["mode"] == mode]  # fmt: skip


async def asked(client: httpx.AsyncClient, own: str, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"Patient/{own}-ann/$everything{query}")
    assert answer.status_code == 200, answer.text
    bundle: dict[str, Any] = answer.json()
    return bundle


def following(bundle: dict[str, Any]) -> str | None:
    return next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)


@pytest.mark.parametrize(
    ("query", "members", "along"),
    [
        ("", MEMBERS, ALONG),
        ("?start=2024-01-01", MEMBERS - {"old", "weight"}, ALONG - {"group"}),
        ("?end=2021-12-31", {"ann", "mother", "undated", "old", "weight"}, {"trust", "group"}),
        ("?start=2024-01-01&end=2024-01-31", {"ann", "mother", "undated", "stay", "plan"}, {"trust", "drug"}),
        (
            "?start=2024-02-01&end=2024-02-01",
            {"ann", "mother", "undated", "visit", "pulse"},
            {"trust", "bed", "doctor", "pump"},
        ),
        ("?start=2021&end=2021", {"ann", "mother", "undated", "weight"}, {"trust", "group"}),
        ("?start=2024&end=2024&_type=Encounter", {"visit", "stay"}, set()),
        ("?start=2024-01-03&_type=Encounter", {"visit", "stay"}, set()),
        ("?start=2024-01&end=2024-01&_type=Encounter", {"stay"}, set()),
        ("?end=2023-12-20&_type=Encounter", {"stay", "old"}, set()),
        ("?end=2023&_type=Encounter", {"stay", "old"}, set()),
        ("?start=2020-05-01&end=2020-05-01&_type=Encounter", {"old"}, set()),
        ("?_type=Observation", {"pulse", "weight", "undated", "help"}, set()),
        ("?_type=Observation,Practitioner", {"pulse", "weight", "undated", "help"}, {"doctor"}),
        ("?_type=Encounter&_type=Patient", {"ann", "visit", "stay", "old"}, set()),
        ("?_type=Organization", set(), {"trust"}),
        ("?_type=Medication,Location&start=2024-01-15", set(), {"bed"}),
        ("?_type=Observation,Device&start=2024-01-01", {"pulse", "undated", "help"}, {"pump"}),
    ],
)
async def test_what_belongs_to_a_patient(
    client: httpx.AsyncClient, own: str, query: str, members: set[str], along: set[str]
) -> None:
    bundle = await asked(client, own, query)
    matches, included = names(bundle, own, "match"), names(bundle, own, "include")
    assert (set(matches), set(included)) == (members, along)
    assert (len(matches), len(included)) == (len(members), len(along))
    assert bundle["total"] == len(members)
    assert following(bundle) is None
    if "ann" in members:
        assert matches[0] == "ann"


async def test_only_what_was_written_since(client: httpx.AsyncClient, own: str) -> None:
    changed = (await client.get(f"Observation/{own}-pulse")).json() | {"issued": "2024-02-01T10:31:00Z"}
    again = (await client.put(f"Observation/{own}-pulse", json=changed, headers=JSON)).json()
    bundle = await asked(client, own, f"?_since={again['meta']['lastUpdated']}")
    assert (names(bundle, own, "match"), names(bundle, own, "include")) == (["pulse"], [])


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11])
async def test_pages_show_each_once_with_what_it_refers_to(client: httpx.AsyncClient, own: str, count: int) -> None:
    bundle = await asked(client, own, f"?_count={count}")
    matches: list[str] = []
    while True:
        page = names(bundle, own, "match")
        along = names(bundle, own, "include")
        assert len(page) <= count
        assert ("trust" in along) == ("ann" in page)
        assert ("doctor" in along) == ("pulse" in page)
        assert len(set(along)) == len(along)
        matches += page
        url = following(bundle)
        if url is None:
            break
        assert "total" not in bundle
        bundle = (await client.get(url)).json()
    assert matches[0] == "ann"
    assert sorted(matches) == sorted(MEMBERS)


async def test_a_walk_loses_and_repeats_nothing_while_others_write(client: httpx.AsyncClient, own: str) -> None:
    bundle, matches = await asked(client, own, "?_count=2&start=2020-01-01"), []
    while True:
        matches += names(bundle, own, "match")
        for name in ("pulse", "undated", "weight"):
            written = (await client.get(f"Observation/{own}-{name}")).json()
            written["issued"] = f"2024-01-01T00:00:00.{len(matches):03d}Z"
            assert (await client.put(f"Observation/{own}-{name}", json=written, headers=JSON)).status_code == 200
        url = following(bundle)
        if url is None:
            break
        bundle = (await client.get(url)).json()
    assert sorted(matches) == sorted(MEMBERS)


async def test_by_post_and_its_links(client: httpx.AsyncClient, own: str) -> None:
    parameters = [{"name": "start", "valueDate": "2024-02-01"}, {"name": "_type", "valueCode": "Observation"},
                  {"name": "_type", "valueCode": "Encounter"}, {"name": "_count", "valueInteger": 2}]  # fmt: skip
    body = {"resourceType": "Parameters", "parameter": parameters}
    first = (await client.post(f"Patient/{own}-ann/$everything", json=body, headers=JSON)).json()
    address = f"{client.base_url}Patient/{own}-ann/$everything"
    assert first["link"][0]["url"] == f"{address}?start=2024-02-01&_type=Observation&_type=Encounter&_count=2"
    second = (await client.get(str(following(first)))).json()
    found = [*names(first, own, "match"), *names(second, own, "match")]
    assert sorted(found) == ["help", "pulse", "undated", "visit"]
    assert following(second) is None


async def test_an_entry_of_a_batch_can_ask_for_it(client: httpx.AsyncClient, own: str) -> None:
    entry = {"request": {"method": "GET", "url": f"Patient/{own}-ann/$everything?_type=RelatedPerson"}}
    answer = await client.post("", json={"resourceType": "Bundle", "type": "batch", "entry": [entry]}, headers=JSON)
    assert names(answer.json()["entry"][0]["resource"], own, "match") == ["mother"]


async def test_who_is_not_there_and_who_is_gone(client: httpx.AsyncClient, own: str) -> None:
    assert (await client.get(f"Patient/{own}-nobody/$everything")).status_code == 404
    await put(client, resource("Patient", f"{own}-short"))
    assert len((await client.get(f"Patient/{own}-short/$everything")).json()["entry"]) == 1
    assert (await client.delete(f"Patient/{own}-short")).status_code in (200, 204)
    assert (await client.get(f"Patient/{own}-short/$everything")).status_code == 410
    assert (await client.get("Patient/$everything")).status_code == 404
    assert (await client.get(f"Observation/{own}-pulse/$everything")).status_code == 404


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("start=yesterday", "start=yesterday"),
        ("start=2024-02-30", "start=2024-02-30"),
        ("start=2024,2025", "start=2024,2025"),
        ("end=ge2024", "end=ge2024"),
        ("start=2024-02&end=2024-01", "is before"),
        ("start=2024&start=2025", "start"),
        ("_since=2024", "_since=2024"),
        ("_type=Nonsense", "'Nonsense'"),
        ("_type=", "_type"),
        ("_count=0", "_count=0"),
        ("_count=x", "_count=x"),
        ("_cursor=AAAA", "_cursor"),
        ("colour=red", "colour"),
    ],
)
async def test_what_is_wrong_is_named(client: httpx.AsyncClient, own: str, query: str, words: str) -> None:
    answer = await client.get(f"Patient/{own}-ann/$everything?{query}")
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["issue"][0]["diagnostics"]


async def test_a_cursor_is_of_one_patient_and_one_question(client: httpx.AsyncClient, own: str) -> None:
    url = str(following(await asked(client, own, "?_count=2")))
    assert (await client.get(url)).status_code == 200
    for other in (url.replace("-ann/", "-bob/"), url.replace("_count=2", "_count=3"), url.replace("$everything", "*")):
        assert (await client.get(other)).status_code == 400
