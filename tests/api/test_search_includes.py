"""`_include` and `_revinclude` over HTTP: what comes along, counted by hand."""

import uuid
from typing import Any

import httpx
import pytest

from tests.api.writing import put


def resource(type_: str, id_: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": type_, "id": id_, **members}


def refers(key: str) -> dict[str, str]:
    return {"reference": key}


@pytest.fixture
async def own(client: httpx.AsyncClient) -> str:
    """The beginning of the ids of a small ward, written for this test."""
    own = uuid.uuid4().hex[:12]
    code = {"code": {"text": "x"}, "status": "final"}

    def observation(name: str, **members: Any) -> dict[str, Any]:
        tag = {"meta": {"tag": [{"system": "urn:mark", "code": own}]}}
        return resource("Observation", f"{own}-{name}", **code, **tag, **members)

    await put(
        client,
        resource("Organization", f"{own}-trust"),
        resource("Organization", f"{own}-ward", partOf=refers(f"Organization/{own}-trust")),
        resource("Practitioner", f"{own}-doctor"),
        resource("Group", f"{own}-group", type="person", actual=True),
        resource("Patient", f"{own}-ann", managingOrganization=refers(f"Organization/{own}-ward"),
                 generalPractitioner=[refers(f"Practitioner/{own}-doctor")]),
        resource("Patient", f"{own}-bob", link=[{"other": refers(f"Patient/{own}-ann"), "type": "seealso"}]),
        observation("0", subject=refers(f"Patient/{own}-ann"), performer=[refers(f"Practitioner/{own}-doctor")]),
        observation("1", subject=refers(f"Patient/{own}-bob"), performer=[refers(f"Organization/{own}-ward")]),
        observation("2", subject=refers(f"Group/{own}-group")),
        observation("panel", hasMember=[refers(f"Observation/{own}-0"), refers(f"Observation/{own}-1/_history/1")]),
        observation("lost", subject=refers(f"Patient/{own}-nobody"), performer=[refers("#p"), {"display": "she"}],
                    contained=[resource("Practitioner", "p")]),
        observation("abroad", subject=refers(f"http://elsewhere.example/fhir/Patient/{own}-ann")),
        observation("ours", subject=refers(f"{str(client.base_url).rstrip('/')}/Patient/{own}-ann")),
        resource("Provenance", f"{own}-note", target=[refers(f"Observation/{own}-0")], recorded="2024-01-01T00:00:00Z",
                 agent=[{"who": refers(f"Practitioner/{own}-doctor")}]),
    )  # fmt: skip
    return own


async def search(client: httpx.AsyncClient, own: str, path: str) -> tuple[list[str], set[str]]:
    """The names of matches and of what came along; that nothing came twice, and no warning."""
    answer = await client.get(path.replace("{}", own))
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", ())
    names = [(entry["search"]["mode"], entry["resource"]["id"].removeprefix(f"{own}-")) for entry in entries]
    assert len({entry["fullUrl"] for entry in entries}) == len(entries)
    assert {mode for mode, _ in names} <= {"match", "include"}
    assert sorted(names, key=lambda each: each[0] == "include") == names, "matches come first"
    return [name for mode, name in names if mode == "match"], {name for mode, name in names if mode == "include"}


ALL = "Observation?_tag=urn:mark|{}"
PANEL = "Observation?_id={}-panel"
UP = "Observation?_id={}-0&_include=Observation:subject&_include:iterate=Patient:organization"
DOWN = "Organization?_id={}-trust&_revinclude:iterate=Organization:partof&_revinclude:iterate=Patient:organization"


@pytest.mark.parametrize(
    ("path", "along"),
    [
        (f"{ALL}&_include=Observation:subject", {"ann", "bob", "group"}),
        (f"{ALL}&_include=Observation:subject:Patient", {"ann", "bob"}),
        (f"{ALL}&_include=Observation:patient", {"ann", "bob"}),
        (f"{ALL}&_include=Observation:subject:Patient&_include=Observation:subject:Group", {"ann", "bob", "group"}),
        (f"{ALL}&_include=Observation:patient&_include=Observation:performer", {"ann", "bob", "doctor", "ward"}),
        (f"{ALL}&_include=Observation:performer:Practitioner", {"doctor"}),
        (f"{ALL}&_include=Observation:*", {"ann", "bob", "group", "doctor", "ward"}),
        (f"{ALL}&_include=*", {"ann", "bob", "group", "doctor", "ward"}),
        (f"{ALL}&_include=Observation:has-member", set()),
        (f"{ALL}&_include=Observation:encounter", set()),
        (f"{ALL}&_revinclude=Provenance:target", {"note"}),
        (f"{ALL}&_revinclude=*", {"note"}),
        (f"{ALL}&_include=Observation:subject:Group&_revinclude=Provenance:target", {"group", "note"}),
        (f"{PANEL}&_include=Observation:has-member", {"0", "1"}),
        (f"{PANEL}&_include:iterate=Observation:has-member&_include:iterate=Observation:subject",
         {"0", "1", "ann", "bob"}),
        (f"{PANEL}&_include=Observation:has-member&_include=Observation:subject", {"0", "1"}),
        ("Observation?_id={}-0&_revinclude=Observation:has-member", {"panel"}),
        ("Observation?_id={}-0&_revinclude:iterate=Provenance:target&_include:iterate=Provenance:agent",
         {"note", "doctor"}),
        ("Observation?_id={}-lost&_include=*", set()),
        ("Observation?_id={}-abroad&_include=*", set()),
        ("Observation?_id={}-ours&_include=*", {"ann"}),
        (UP, {"ann", "ward"}),
        (f"{UP}&_include:iterate=Organization:partof", {"ann", "ward", "trust"}),
        ("Organization?_id={}-ward&_include:iterate=Organization:partof", {"trust"}),
        (f"{DOWN}&_revinclude:iterate=Observation:subject", {"ward", "ann", "0", "ours"}),
        ("Patient?_id={}-ann&_revinclude=Observation:subject", {"0", "ours"}),
        ("Patient?_id={}-ann&_revinclude=Observation:*", {"0", "ours"}),
        ("Patient?_id={}-ann&_revinclude=Patient:link", {"bob"}),
        ("Patient?_id={}-ann&_revinclude=*", {"0", "ours", "bob"}),
        ("Patient/{}-ann/Observation?_include=Observation:performer", {"doctor"}),
        ("?_type=Patient,Group&_id={}-ann,{}-group&_revinclude=Observation:subject", {"0", "2", "ours"}),
        ("?_id={}-ann&_include=*", {"ward", "doctor"}),
    ],
)  # fmt: skip
async def test_what_comes_along(client: httpx.AsyncClient, own: str, path: str, along: set[str]) -> None:
    _, included = await search(client, own, path)
    assert included == along


async def test_a_match_is_no_include_and_the_total_counts_matches_only(client: httpx.AsyncClient, own: str) -> None:
    ids = f"{own}-ann,{own}-bob"
    matches, included = await search(client, own, f"Patient?_id={ids}&_include=Patient:link&_revinclude=Patient:link")
    assert (sorted(matches), included) == (["ann", "bob"], set())
    answer = await client.get(f"Patient?_id={ids}&_include=Patient:general-practitioner&_total=accurate")
    assert answer.json()["total"] == 2
    assert len(answer.json()["entry"]) == 3


@pytest.mark.parametrize("query", ["_summary=count", "_count=0"])
async def test_a_count_includes_nothing(client: httpx.AsyncClient, own: str, query: str) -> None:
    answer = await client.get(f"Patient?_id={own}-ann&_include=Patient:organization&{query}")
    assert (answer.json()["total"], "entry" in answer.json()) == (1, False)


async def test_circles_end(client: httpx.AsyncClient) -> None:
    own = uuid.uuid4().hex[:12]
    names = ["a", "b", "c", "d"]
    await put(client, *(
        resource("Organization", f"{own}-{name}", partOf=refers(f"Organization/{own}-{names[(at + 1) % 4]}"))
        for at, name in enumerate(names)
    ))  # fmt: skip
    for include in ("_include:iterate", "_revinclude:iterate"):
        found = await search(client, own, f"Organization?_id={own}-a&{include}=Organization:partof")
        assert found == (["a"], {"b", "c", "d"})
    assert await search(client, own, f"Organization?_id={own}-a&_include=Organization:partof") == (["a"], {"b"})


async def test_what_was_deleted_does_not_come_along(client: httpx.AsyncClient, own: str) -> None:
    assert (await client.delete(f"Group/{own}-group")).status_code in (200, 204)
    assert await search(client, own, f"Observation?_id={own}-2&_include=Observation:subject") == (["2"], set())


async def test_each_page_has_what_belongs_to_its_matches(client: httpx.AsyncClient, own: str) -> None:
    query = f"Observation?_tag=urn:mark|{own}&_include=Observation:subject&_revinclude=Provenance:target&_count=1"
    expected = {"0": {"ann", "note"}, "1": {"bob"}, "2": {"group"}, "ours": {"ann"}}
    seen = {}
    path = query
    while path:
        [match], included = await search(client, own, path)
        seen[match] = included
        links = {link["relation"]: link["url"] for link in (await client.get(path)).json()["link"]}
        assert "_include=Observation:subject&_revinclude=Provenance:target" in links["self"]
        path = links.get("next", "")
    assert seen == {name: set() for name in ("panel", "lost", "abroad")} | expected


async def test_canonical_urls_lead_to_what_is_called_so(client: httpx.AsyncClient) -> None:
    own = uuid.uuid4().hex[:12]
    url = f"http://forms.example/{own}"
    draft = {"status": "draft"}
    answers = {"any": url, "first": f"{url}|1", "Beta": f"{url}|2-Beta", "none": f"{url}|9", "other": f"{url}/x"}
    await put(
        client,
        resource("Questionnaire", f"{own}-form1", url=url, version="1", **draft),
        resource("Questionnaire", f"{own}-form2", url=url, version="2-Beta", **draft),
        resource("StructureDefinition", f"{own}-namesake", url=url, name="X", kind="resource", abstract=False,
                 type="Patient", **draft),
        *(resource("QuestionnaireResponse", f"{own}-{name}", status="completed", questionnaire=asked)
          for name, asked in answers.items()),
    )  # fmt: skip
    expected = {"any": {"form1", "form2"}, "first": {"form1"}, "Beta": {"form2"}, "none": set(), "other": set()}
    for name, along in expected.items():
        path = f"QuestionnaireResponse?_id={own}-{name}&_include=QuestionnaireResponse:questionnaire"
        assert await search(client, own, path) == ([name], along)
    path = f"Questionnaire?_id={own}-form1&_revinclude=QuestionnaireResponse:questionnaire"
    assert await search(client, own, path) == (["form1"], {"any", "first"})
    path = f"Questionnaire?_id={own}-form2&_revinclude=QuestionnaireResponse:questionnaire"
    assert await search(client, own, path) == (["form2"], {"any", "Beta"})


async def test_what_is_cut_is_named(client: httpx.AsyncClient) -> None:
    own = uuid.uuid4().hex[:12]
    await put(client, resource("Patient", f"{own}-p"))
    await put(client, *(
        resource("Basic", f"{own}-{n}", code={"text": "x"}, subject=refers(f"Patient/{own}-p")) for n in range(1001)
    ))  # fmt: skip
    answer = (await client.get(f"Patient?_id={own}-p&_revinclude=Basic:subject")).json()
    modes = [entry["search"]["mode"] for entry in answer["entry"]]
    assert (modes[0], modes[1:-1], modes[-1]) == ("match", ["include"] * 1000, "outcome")
    issue = answer["entry"][-1]["resource"]["issue"][0]
    assert (issue["severity"], issue["diagnostics"].partition(": ")[0]) == ("warning", "_revinclude=Basic:subject")

    assert (await client.delete(f"Basic/{own}-0")).status_code in (200, 204)
    _, included = await search(client, own, f"Patient?_id={own}-p&_revinclude=Basic:subject")
    assert len(included) == 1000


async def test_iterating_ends_after_so_many_steps_and_says_so(client: httpx.AsyncClient) -> None:
    own = uuid.uuid4().hex[:12]
    await put(client, *(
        resource("Organization", f"{own}-{n}", partOf=refers(f"Organization/{own}-{n + 1}")) for n in range(12)
    ))  # fmt: skip
    answer = (await client.get(f"Organization?_id={own}-0&_include:iterate=Organization:partof")).json()
    modes = [entry["search"]["mode"] for entry in answer["entry"]]
    assert modes == ["match", *["include"] * 10, "outcome"]
    _, included = await search(client, own, f"Organization?_id={own}-2&_include:iterate=Organization:partof")
    assert included == {str(number) for number in range(3, 12)}


async def test_wrong_ones_are_refused_and_pointless_ones_told(client: httpx.AsyncClient, own: str) -> None:
    refused = await client.get(f"Patient?_id={own}-ann&_include=Patient:nose&_revinclude=Nonsense:x")
    assert refused.status_code == 400
    assert len(refused.json()["issue"]) == 2
    path = f"Patient?_id={own}-ann&_include=Encounter:subject"
    for pointless in (path, f"Group?_id={own}-group&_revinclude=Observation:subject:Patient"):
        assert (await client.get(pointless)).status_code == 400
    told = (await client.get(path, headers={"Prefer": "handling=lenient"})).json()
    assert [entry["search"]["mode"] for entry in told["entry"]] == ["match", "outcome"]
    assert "_include" not in told["link"][0]["url"]
