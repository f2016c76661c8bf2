"""Search pages over HTTP: links, totals, order; a first client's view of the grammar."""

import uuid
from typing import Any

import httpx
import pytest

from tests.api.writing import JSON, post


@pytest.fixture
async def mark(client: httpx.AsyncClient) -> str:
    """An identifier shared by 25 Observations of 25 days, the 7th without a date."""
    mark = uuid.uuid4().hex
    observations = []
    for number in range(25):
        resource: dict[str, Any] = {
            "resourceType": "Observation",
            "status": "final" if number % 2 else "amended",
            "code": {"text": "x"},
            "identifier": [{"system": "urn:mark", "value": mark}],
            "effectiveDateTime": f"2024-03-{number + 1:02d}",
            "subject": {"reference": f"Patient/{number % 3}"},
        }
        if number == 7:
            del resource["effectiveDateTime"]
        observations.append(resource)
    await post(client, *observations)
    return mark


async def walk(client: httpx.AsyncClient, first: httpx.Response) -> list[dict[str, Any]]:
    """All resources from a first page to the end of its `next` links."""
    found: list[dict[str, Any]] = []
    answer = first
    while True:
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        found += [entry["resource"] for entry in bundle.get("entry", ())]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following:
            return found
        answer = await client.get(following[0])


@pytest.mark.parametrize("sort", [None, "date", "-date", "_lastUpdated", "-_lastUpdated", "_id"])
async def test_pages_lead_to_the_end_each_resource_once(client: httpx.AsyncClient, mark: str, sort: str | None) -> None:
    query = {"identifier": f"urn:mark|{mark}", "_count": "4"} | ({"_sort": sort} if sort else {})

    found = await walk(client, await client.get("Observation", params=query))

    assert len({resource["id"] for resource in found}) == len(found) == 25
    dates = [resource["effectiveDateTime"] for resource in found if "effectiveDateTime" in resource]
    if sort in ("date", "-date"):
        assert dates == sorted(dates, reverse=sort == "-date")
    if sort == "_id":
        assert [resource["id"] for resource in found] == sorted(resource["id"] for resource in found)


@pytest.mark.parametrize("query", ["", "status=final,amended&"])
async def test_updates_meanwhile_hide_nothing(client: httpx.AsyncClient, mark: str, query: str) -> None:
    known = (await client.get("Observation", params={"identifier": mark, "_count": "50"})).json()
    ids = {entry["resource"]["id"] for entry in known["entry"]}
    bundle = (await client.get(f"Observation?{query}_count=7")).json()
    seen: list[str] = []
    while True:
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        for id_ in sorted(ids)[::5]:
            resource = (await client.get(f"Observation/{id_}")).json()
            resource["issued"] = f"2024-01-01T00:00:00.{len(seen):03d}Z"
            assert (await client.put(f"Observation/{id_}", json=resource, headers=JSON)).status_code == 200
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following or len(seen) > 500:
            break
        bundle = (await client.get(following[0])).json()
    assert ids <= set(seen)
    if not query:
        assert len(seen) == len(set(seen))


async def test_a_search_by_post_can_be_followed(client: httpx.AsyncClient, mark: str) -> None:
    first = await client.post("Observation/_search", data={"identifier": f"urn:mark|{mark}", "_count": "10"})
    assert len(await walk(client, first)) == 25
    both = await client.post(
        "Observation/_search", params={"status": "final"}, data={"identifier": mark, "_count": "100"}
    )
    assert both.json()["total"] == 12


async def test_self_says_what_was_applied_and_totals_are_right(client: httpx.AsyncClient, mark: str) -> None:
    query = {"identifier": mark, "status": "final,amended", "date": "ge2024-03-20"}
    bundle = (await client.get("Observation", params=query | {"_count": "2", "_total": "accurate"})).json()
    assert (bundle["type"], bundle["total"], len(bundle["entry"])) == ("searchset", 6, 2)
    own = httpx.URL(bundle["link"][0]["url"])
    assert dict(own.params) == query | {"_count": "2", "_total": "accurate"}
    assert {entry["search"]["mode"] for entry in bundle["entry"]} == {"match"}
    assert bundle["entry"][0]["fullUrl"].startswith(f"{client.base_url}Observation/")
    counted = (await client.get("Observation", params=query | {"_count": "0"})).json()
    assert (counted["total"], "entry" in counted) == (6, False)
    assert (await client.get("Observation", params=query | {"_summary": "count"})).json()["total"] == 6
    assert (await client.get("Observation", params=query | {"_count": "50"})).json()["total"] == 6


async def test_unknown_parameters_are_refused_or_told(client: httpx.AsyncClient, mark: str) -> None:
    query = {"identifier": mark, "colour": "red"}
    refused = await client.get("Observation", params=query)
    assert refused.status_code == 400
    assert "colour" in refused.json()["issue"][0]["diagnostics"]

    told = (await client.get("Observation", params=query, headers={"Prefer": "handling=lenient"})).json()
    assert "colour" not in told["link"][0]["url"]
    assert told["entry"][-1]["search"]["mode"] == "outcome"
    assert "colour" in told["entry"][-1]["resource"]["issue"][0]["diagnostics"]
    assert len(told["entry"]) == 21


@pytest.mark.parametrize(
    "query",
    [
        "_sort=$$$",
        "_sort=colour",
        "_count=-1",
        "_count=x",
        "_count=99999999999999999999",
        "date=2023-02-30",
        "date=zz2023",
        "date=geyesterday",
        "subject:Foo=1",
        "status:exact=final",
        "status:colour=final",
        "_lastUpdated=x",
        "_id=a_b",
        "_cursor=AAAA",
        "subject:Patient.nose=x",
        "_total=some",
    ],
)
async def test_what_is_wrong_is_a_400_that_names_it(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"Observation?{query}")

    assert answer.status_code == 400, answer.text
    issue = answer.json()["issue"][0]
    assert query.partition("=")[0].partition(":")[0].partition(".")[0] in issue["diagnostics"]


async def test_a_search_has_a_thousand_values_at_most(client: httpx.AsyncClient) -> None:
    dates = ",".join(["2024"] * 600)
    answer = await client.post("Patient/_search", data={"birthdate": [dates, dates]})
    assert answer.status_code == 400
    assert "birthdate" in answer.json()["issue"][0]["diagnostics"]


async def test_a_cursor_of_another_query_is_refused(client: httpx.AsyncClient, mark: str) -> None:
    bundle = (await client.get("Observation", params={"identifier": mark, "_count": "5"})).json()
    cursor = httpx.URL(bundle["link"][1]["url"]).params["_cursor"]

    for query in ({"_cursor": cursor}, {"identifier": "other", "_count": "5", "_cursor": cursor}):
        assert (await client.get("Observation", params=query)).status_code == 400
    assert (await client.get("Patient", params={"_cursor": cursor})).status_code == 400
    tampered = cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")
    assert (
        await client.get("Observation", params={"identifier": mark, "_count": "5", "_cursor": tampered})
    ).status_code == 400


@pytest.mark.parametrize("value", ["$ne", "$where", ".*", "(", "a.b", "{$gt: ''}", "[", "^", "\\", "'", '"', "%", "*"])
@pytest.mark.usefixtures("mark")
async def test_values_are_only_values(client: httpx.AsyncClient, value: str) -> None:
    for name in ("identifier", "status"):
        answer = await client.get("Observation", params={name: value, "_count": "50"})
        assert answer.status_code in (200, 400)
        assert not answer.json().get("entry")
    for name in ("family", "family:contains", "family:exact", "name"):
        answer = await client.get("Patient", params={name: value})
        assert answer.status_code in (200, 400)
        assert not answer.json().get("entry")


@pytest.mark.parametrize(
    "order", ["", "&_sort=birthdate", "&_sort=-birthdate", "&_sort=family", "&_sort=-gender,family"]
)
async def test_each_match_is_shown_once_while_others_are_updated(client: httpx.AsyncClient, order: str) -> None:
    tag = f"t{abs(hash(order))}"

    def patient(number: int, count: int) -> dict[str, Any]:
        return {
            "resourceType": "Patient",
            "id": f"{tag}-{number}",
            "meta": {"tag": [{"system": "http://once", "code": tag}]},
            "gender": "male" if number % 2 else "female",
            "name": [{"family": f"Same{number % 3}"}],
            "birthDate": f"200{number % 4}-01-01",
            "telecom": [{"system": "phone", "value": str(count)}],
        }

    for number in range(24):
        assert (await client.put(f"Patient/{tag}-{number}", json=patient(number, 0))).status_code == 201
    seen: list[str] = []
    url = f"Patient?_tag=http://once|{tag}&_count=5{order}"
    for page in range(1, 10):
        answer = (await client.get(url)).json()
        seen += [entry["resource"]["id"] for entry in answer.get("entry", ())]
        for number in range(page % 2, 24, 2):  # what was shown and what was not
            assert (await client.put(f"Patient/{tag}-{number}", json=patient(number, page))).status_code == 200
        following = [link["url"] for link in answer["link"] if link["relation"] == "next"]
        if not following:
            break
        url = following[0]
    assert sorted(seen) == sorted(f"{tag}-{number}" for number in range(24))
