"""What goes wrong in searches elsewhere does not go wrong here: filters that evaporate, days off by one, rows lost
between pages, stale answers; and what is asked wrongly is refused with words.

Others of the kind: circles of includes in `test_search_includes`, parameters not yet indexed in
`test_search_parameters`, updates between pages in `test_search_paging`, numbers of matches in `test_search_results`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.writing import post, put

Json = dict[str, Any]
STRICT = {"Prefer": "handling=strict"}
LENIENT = {"Prefer": "handling=lenient"}


async def found(client: httpx.AsyncClient, path: str) -> list[str]:
    """The ids of all pages of a search."""
    ids: list[str] = []
    following = path
    while following:
        answer = await client.get(following)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        ids += [entry["resource"]["id"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == "match"]
        following = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    return ids


def observation(id_: str, **members: Any) -> Json:
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "x"}, **members}


def tagged(mark: str) -> Json:
    return {"tag": [{"system": "urn:mark", "code": mark}]}


@pytest.fixture
def mark() -> str:
    return uuid.uuid4().hex


# Days and zones


@pytest.fixture(params=["Pacific/Kiritimati", "America/Los_Angeles", "UTC"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The time zone that the server stands in."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
async def test_a_day_ends_where_the_next_begins(client: httpx.AsyncClient, mark: str) -> None:
    times = {
        "before": "2024-03-10T23:59:59.999Z",
        "first": "2024-03-11T00:00:00Z",
        "last": "2024-03-11T23:59:59.999Z",
        "after": "2024-03-12T00:00:00Z",
        "eastern": "2024-03-12T01:30:00+02:00",
        "day": "2024-03-11",
    }
    for name, text in times.items():
        await put(client, observation(f"{name}-{mark}", effectiveDateTime=text, meta=tagged(mark)))
    within = {"first", "last", "eastern", "day"}
    expected = {
        "2024-03-11": within,
        "ge2024-03-11": within | {"after"},
        "gt2024-03-11": {"after"},
        "le2024-03-11": within | {"before"},
        "lt2024-03-11": {"before"},
        "sa2024-03-11": {"after"},
        "eb2024-03-11": {"before"},
        "ne2024-03-11": {"before", "after"},
        "lt2024-03-12": within | {"before"},
        "ge2024-03-12": {"after"},
        "2024-03-11T23:30:00Z": {"eastern"},
    }
    for asked, names in expected.items():
        ids = await found(client, f"Observation?date={asked}&_tag={mark}")
        assert {id_.partition("-")[0] for id_ in ids} == names, asked


# Filters that evaporate


@pytest.mark.parametrize(
    "query",
    [
        "nose=x",
        "subject:Patient.nose=x",
        "_has:Observation:patient:nose=x",
        "_has:Observation:nose:code=x",
        "_has:Nose:patient:code=x",
        "_has:Observation:code:code=x",
        "_has=x",
        "_has:Observation=x",
        "organization:Nose.name=x",
        "gender.name=x",
        "organization.name.nose=x",
        "gender:nose=x",
        "_query=nose",
        "_content=x",
        "birthdate=",
    ],
)
async def test_no_filter_is_left_out_in_silence(client: httpx.AsyncClient, mark: str, query: str) -> None:
    await put(client, {"resourceType": "Patient", "id": f"p-{mark}", "meta": tagged(mark)})
    path, name = f"Patient?_tag={mark}&{query}", query.partition("=")[0]

    strict = await client.get(path, headers=STRICT)
    assert strict.status_code == 400, strict.text
    assert name.rpartition(":")[2] in strict.text

    lenient = await client.get(path, headers=LENIENT)
    bundle = lenient.json()
    if lenient.status_code == 200:
        assert name not in bundle["link"][0]["url"]
        told = [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "outcome"]
        assert name in told[0]["issue"][0]["diagnostics"]
    else:
        assert (lenient.status_code, bundle["issue"][0]["severity"]) == (400, "error")


# Rows between pages


@pytest.mark.parametrize("order", ["birthdate", "-birthdate", "gender,-birthdate", "_lastUpdated", "-family", "_id"])
async def test_ties_and_missing_values_are_on_one_page_each(client: httpx.AsyncClient, mark: str, order: str) -> None:
    patients = []
    for number in range(13):
        patient: Json = {"resourceType": "Patient", "meta": tagged(mark), "birthDate": f"2000-01-0{number % 2 + 1}"}
        if number % 4 == 3:
            del patient["birthDate"]
        patients.append(patient)
    await post(client, *patients)

    whole = await found(client, f"Patient?_tag={mark}&_sort={order}&_count=50")
    paged = await found(client, f"Patient?_tag={mark}&_sort={order}&_count=2")
    assert len(paged) == len(set(paged)) == 13
    assert set(whole) == set(paged)

    form = {"_tag": f"urn:mark|{mark}", "_sort": order, "_count": "3"}
    first = (await client.post("Patient/_search", data=form)).json()
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert [entry["resource"]["id"] for entry in first["entry"]] + await found(client, following) == paged


# Values that are compared wrongly


async def test_no_system_is_not_any_system(client: httpx.AsyncClient, mark: str) -> None:
    for name, system in {"none": {}, "one": {"system": "urn:one"}, "two": {"system": "urn:two"}}.items():
        code = {"coding": [{"code": mark, **system}]}
        await put(client, observation(f"{name}-{mark}", code=code))
    expected = {f"|{mark}": "none", mark: "none one two", f"urn:one|{mark}": "one", f"urn:x|{mark}": ""}
    for asked, names in expected.items():
        ids = await found(client, f"Observation?code={asked}")
        assert {id_.partition("-")[0] for id_ in ids} == set(names.split()), asked


async def test_a_reference_is_the_same_however_it_is_written(
    client: httpx.AsyncClient, server_url: str, mark: str
) -> None:
    forms = [f"Patient/{mark}", f"{server_url}/Patient/{mark}"]
    abroad = f"http://other.example/fhir/Patient/{mark}"
    for name, reference in [("relative", forms[0]), ("absolute", forms[1]), ("abroad", abroad)]:
        await put(client, observation(f"{name}-{mark}", subject={"reference": reference}))
    here = {f"relative-{mark}", f"absolute-{mark}"}
    for asked in [*forms, mark]:
        assert set(await found(client, f"Observation?subject={asked}")) == here, asked
    assert await found(client, f"Observation?subject={abroad}") == [f"abroad-{mark}"]
    await put(client, {"resourceType": "Patient", "id": mark, "gender": "other", "meta": tagged(mark)})
    assert set(await found(client, f"Observation?subject:Patient._tag={mark}")) == here
    assert set(await found(client, f"Patient/{mark}/Observation")) == here


# Stale answers


async def test_a_write_is_seen_by_the_next_search(client: httpx.AsyncClient, mark: str) -> None:
    for turn in range(10):
        await put(client, {"resourceType": "Patient", "id": mark, "name": [{"family": f"F{mark}{turn}"}]})
        assert await found(client, f"Patient?family=F{mark}{turn}") == [mark]
        assert await found(client, f"Patient?family=F{mark}{turn - 1}") == []
        counted = (await client.get(f"Patient?family=F{mark}&_summary=count")).json()
        assert counted["total"] == 1
    assert (await client.delete(f"Patient/{mark}")).status_code in (200, 204)
    assert await found(client, f"Patient?family=F{mark}") == []


# What is asked wrongly

TEN_LEVELS = ".".join(["partof"] * 10 + ["name"])
TEN_HAS = "_has:Organization:partof:" * 10 + "name"
LONG = "x" * 20_000


@pytest.mark.parametrize(
    ("path", "named", "allowed"),
    [
        ("Observation?date=xx2024", "date", "eq ne gt lt ge le sa eb ap"),
        ("Observation?date=gte2024", "date", "eq ne gt lt ge le sa eb ap"),
        ("Observation?date=2024-02-30", "date", "2024-02-30"),
        ("Observation?date=2023-02-29", "date", "2023-02-29"),
        ("Observation?date=ge2024-13-01", "date", "2024-13-01"),
        ("Observation?date=2024-01-01T25:00:00Z", "date", "hours"),
        ("Observation?date=2024-01-01T10:00:00%2B15:00", "date", "offset"),
        ("Observation?value-quantity=much", "value-quantity", "number"),
        ("Observation?value-quantity=1|2", "value-quantity", "[system]"),
        ("RiskAssessment?probability=1,5x", "probability", "number"),
        ("Patient?_count=-1", "_count", "0"),
        ("Patient?_count=1e3", "_count", "number"),
        ("Patient?_count=99999999999999999999999", "_count", "number"),
        ("Patient?_count=٣", "_count", "number"),
        ("Patient?family:soundslike=x", "family", "contains"),
        ("Patient?family:exact:exact=x", "family", "exact"),
        ("Patient?gender:exact=male", "gender", "not"),
        ("Patient?birthdate:not=2024", "birthdate", "missing"),
        ("Observation?subject:Practitioner=1", "subject", "Patient"),
        ("Observation?subject:Nose.name=x", "subject", "Patient"),
        ("Observation?subject:Practitioner.name=x", "subject", "Patient"),
        ("Observation?code.name=x", "code", "reference"),
        ("Patient?family:missing=maybe", "family", "true or false"),
        (f"Organization?{TEN_LEVELS}=x", "partof", "links"),
        (f"Organization?{TEN_HAS}=x", "_has", "links"),
        ("Patient?_sort=nose", "_sort", "nose"),
        ("Patient?_include=Patient:nose", "_include", "nose"),
        ("Patient?_total=about", "_total", "accurate"),
        ("Patient?_summary=most", "_summary", "count"),
        ("Patient?_id=a/b", "_id", "64"),
        ("Patient?family=,", "family", "comma"),
        ("Patient?_cursor=forged", "_cursor", "page one"),
        (f"Patient?family={LONG}", "family", "characters"),
        (f"Patient?family:exact={LONG}", "family", "characters"),
        (f"Patient?name:contains={LONG}", "name", "characters"),
        (f"Observation?code={LONG}", "code", "characters"),
        (f"Observation?date={LONG}", "date", "characters"),
        (f"Patient?_sort={LONG}", "_sort", "characters"),
        (f"Patient?{LONG}=x", "xxxx", "search parameter"),
        ("?family=x", "family", "_type"),
        ("?_type=Nose&_id=1", "_type", "Nose"),
    ],
    ids=lambda text: text[:50],
)
@pytest.mark.parametrize("way", ["get", "post"])
async def test_what_is_asked_wrongly_is_refused_with_words(
    client: httpx.AsyncClient, way: str, path: str, named: str, allowed: str
) -> None:
    type_, _, query = path.partition("?")
    if way == "get":
        answer = await client.get(path)
    else:
        name, _, value = query.partition("=") if query.count("=") == 1 else ("", "", "")
        data = {name: value.replace("%2B", "+")} if name else dict(httpx.QueryParams(query))
        answer = await client.post(f"{type_}/_search".lstrip("/"), data=data)

    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert answer.status_code == 400, answer.text
    said = " ".join(issue["diagnostics"] for issue in outcome["issue"])
    assert named in said
    assert allowed in said
    assert len(said) < 2_000


NAMES = ["$where", "subject[$ne]", "_id[$ne]", "__proto__", "constructor", "index", "ranges.k", "json", "a" * 300, "🦴"]


@pytest.mark.parametrize("name", NAMES)
async def test_names_that_mean_something_to_others_mean_nothing(client: httpx.AsyncClient, name: str) -> None:
    for type_ in ("Patient", "Observation"):
        answer = await client.get(type_, params={name: "1"})
        assert answer.status_code == 400, answer.text
        assert answer.json()["issue"][0]["code"] in ("not-supported", "invalid")


PATTERNS = [".*", "^", "(a+)+$", "[", "\\", "{$ne:1}", "$regex", "a|b|c|d", "%00", "\x00", "' OR 1=1", "*"]


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_patterns_and_operators_are_texts(client: httpx.AsyncClient, mark: str, pattern: str) -> None:
    await put(client, {"resourceType": "Patient", "id": mark, "name": [{"family": f"aaaa {mark}"}],
                       "identifier": [{"value": "a"}]})  # fmt: skip
    for name in ("family", "family:exact", "family:contains", "identifier", "general-practitioner", "_tag", "_profile"):
        answer = await client.get("Patient", params={name: pattern})
        assert answer.status_code in (200, 400), answer.text
        assert mark not in [entry["resource"]["id"] for entry in answer.json().get("entry", ())], name


async def test_a_cursor_is_good_for_its_own_search_only(client: httpx.AsyncClient, mark: str) -> None:
    for number in range(3):
        await put(client, {"resourceType": "Patient", "id": f"{number}-{mark}", "meta": tagged(mark)})
    first = (await client.get(f"Patient?_tag={mark}&_count=1")).json()
    url = next(link["url"] for link in first["link"] if link["relation"] == "next")
    cursor = httpx.URL(url).params["_cursor"]
    foreign = [
        f"Patient?_tag=other&_count=1&_cursor={cursor}",
        f"Patient?_tag={mark}&_count=1&_sort=-_lastUpdated&_cursor={cursor}",
        f"Observation?_tag={mark}&_count=1&_cursor={cursor}",
        f"Patient?_tag={mark}&_count=1&_cursor={cursor[::-1]}",
        f"Patient?_tag={mark}&_count=1&_cursor={cursor}A",
        f"Patient?_tag={mark}&_count=1&_cursor={cursor}&_cursor={cursor}",
    ]
    for path in foreign:
        answer = await client.get(path)
        assert answer.status_code == 400, path
        assert "_cursor" in answer.json()["issue"][0]["diagnostics"]
    assert (await client.get(url)).status_code == 200
