"""`fhir-server load` against a running server."""

import asyncio
import io
import json
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from mappers.loading import LoadProgress, NoServer, load

Json = dict[str, Any]
CLOCK_SECONDS = 2.1
"""A version counts as the load's own from the second on in which it began."""


def write(folder: Path, name: str, value: Any) -> None:
    (folder / name).write_text(json.dumps(value))


def transaction(*entries: Json, kind: str = "transaction") -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def posted(resource: Json, full_url: str | None = None, **request: str) -> Json:
    made: Json = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"], **request}}
    return made | ({"fullUrl": full_url} if full_url else {})


def patient(**members: Any) -> Json:
    return {"resourceType": "Patient", **members}


def encounter(subject: str, **members: Any) -> Json:
    class_ = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    return {
        "resourceType": "Encounter", "status": "finished", "class": class_, "subject": {"reference": subject}, **members
    }  # fmt: skip


async def test_links_lead_across_files_and_a_second_run_changes_nothing(
    client: httpx.AsyncClient, server_url: str, tmp_path: Path
) -> None:
    person, visit = uuid.uuid4(), uuid.uuid4()
    write(tmp_path, "a.json", transaction(posted(encounter(f"urn:uuid:{person}"), f"urn:uuid:{visit}")))
    write(tmp_path, "b.json", transaction(posted(patient(), f"urn:uuid:{person}"), kind="collection"))
    seen: list[tuple[int, int, int]] = []

    def show(progress: LoadProgress) -> None:
        seen.append((progress.bytes_done, progress.bytes_total, progress.resources))

    report = await load([str(tmp_path)], server_url, show)
    assert (report.created, report.updated, report.unchanged, report.refused) == (2, 0, 0, [])
    stored = (await client.get(f"Encounter/{visit}")).json()
    assert stored["subject"]["reference"] == f"Patient/{person}"
    assert seen[-1][0] == seen[-1][1] > 0
    assert seen[-1][2] == 2
    await asyncio.sleep(CLOCK_SECONDS)
    again = await load([str(tmp_path)], server_url)
    assert (again.created, again.updated, again.unchanged, again.refused) == (0, 0, 2, [])
    assert (await client.get(f"Encounter/{visit}")).json() == stored


async def test_bare_resources_in_lines(client: httpx.AsyncClient, server_url: str, tmp_path: Path) -> None:
    ids = [uuid.uuid4().hex for _ in range(450)]
    lines = [json.dumps(patient(id=id_)) for id_ in ids]
    nameless = json.dumps(patient(birthDate="1970-01-01", identifier=[{"value": ids[0]}]))
    (tmp_path / "patients.ndjson").write_text("\n".join([*lines, nameless, "", "{broken"]))
    report = await load([str(tmp_path / "patients.ndjson")], server_url)
    assert report.created == 451
    assert [refused.source for refused in report.refused] == ["patients.ndjson line 453"]
    assert (await client.get(f"Patient/{ids[-1]}")).status_code == 200
    await load([str(tmp_path / "patients.ndjson")], server_url)
    assert len((await client.get(f"Patient?identifier={ids[0]}")).json()["entry"]) == 1


async def test_digits_are_kept(client: httpx.AsyncClient, server_url: str, tmp_path: Path) -> None:
    id_ = uuid.uuid4().hex
    extension = '[{"url":"http://example.org/x","valueDecimal":1.50}]'
    text = f'{{"resourceType":"Patient","id":"{id_}","extension":{extension}}}'
    (tmp_path / "a.json").write_text(text)
    await load([str(tmp_path)], server_url)
    assert '"valueDecimal":1.50}' in (await client.get(f"Patient/{id_}")).text


async def test_what_is_refused_and_why(client: httpx.AsyncClient, server_url: str, tmp_path: Path) -> None:
    good, bad = uuid.uuid4(), uuid.uuid4()
    write(
        tmp_path,
        "a.json",
        transaction(
            posted(patient(), f"urn:uuid:{good}"),
            posted(patient(gender="unclear"), f"urn:uuid:{bad}"),
            posted({"resourceType": "Nonsense"}),
        ),
    )
    (tmp_path / "b.json").write_text("{")
    report = await load([str(tmp_path)], server_url)
    told = {refused.source: refused.reason for refused in report.refused}
    assert set(told) == {"a.json entry 1", "a.json entry 2", "b.json"}
    assert told["a.json entry 1"].startswith("gender: ")
    assert (await client.get(f"Patient/{good}")).status_code == 200


async def test_conditional_references_wait_for_what_they_refer_to(
    client: httpx.AsyncClient, server_url: str, tmp_path: Path
) -> None:
    mrn, visit, later = uuid.uuid4().hex, uuid.uuid4(), uuid.uuid4()
    link = f"Patient?identifier={mrn}"
    identifier = [{"value": mrn}]
    # The first needs the second, which needs the third.
    part = encounter(f"Patient/{mrn}", partOf={"reference": f"Encounter?identifier={mrn}-2"})
    write(tmp_path, "a.json", transaction(posted(part, f"urn:uuid:{later}")))
    linked = encounter(link, identifier=[{"value": f"{mrn}-2"}])
    write(tmp_path, "b.json", transaction(posted(linked, f"urn:uuid:{visit}")))
    write(tmp_path, "c.json", transaction(posted(patient(identifier=identifier), ifNoneExist=f"identifier={mrn}")))
    report = await load([str(tmp_path)], server_url)
    assert report.refused == []
    found = (await client.get(link)).json()["entry"][0]["resource"]["id"]
    assert (await client.get(f"Encounter/{visit}")).json()["subject"]["reference"] == f"Patient/{found}"
    await load([str(tmp_path)], server_url)
    assert len((await client.get(link)).json()["entry"]) == 1


async def test_the_standard_input(client: httpx.AsyncClient, server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [uuid.uuid4().hex for _ in range(2)]
    lines = "\n".join(json.dumps(patient(id=id_)) for id_ in ids).encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(lines)))
    assert (await load(["-"], server_url)).created == 2
    assert (await client.get(f"Patient/{ids[1]}")).status_code == 200


async def test_paths_and_servers_that_are_not_there(server_url: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await load([str(tmp_path / "missing.json")], server_url)
    (tmp_path / "a.json").write_text(json.dumps(patient()))
    with pytest.raises(NoServer, match="answers 404"):
        await load([str(tmp_path)], f"{server_url}/elsewhere")


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_a_proxy_is_not_asked_for_this_machine(
    server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    (tmp_path / "a.json").write_text(json.dumps(patient(id=uuid.uuid4().hex)))
    assert (await load([str(tmp_path)], server_url)).created == 1


async def test_progress_ends_at_the_end(server_url: str, tmp_path: Path) -> None:
    id_ = uuid.uuid4().hex
    (tmp_path / "a.ndjson").write_text(f"{json.dumps(patient(id=id_))}\n\n   \n{json.dumps(patient(id=id_))}\n")
    (tmp_path / "b.json").write_text("{")
    told: list[tuple[int, int]] = []
    report = await load([str(tmp_path)], server_url, lambda each: told.append((each.bytes_done, each.bytes_total)))
    assert (report.created, report.repeated, len(report.refused)) == (1, 1, 1)
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1] > 0


@pytest.mark.parametrize(
    "odd",
    [
        {"resourceType": "Bundle", "type": ["x"], "entry": {}},
        {"resourceType": "Bundle", "type": "transaction", "entry": {"a": 1}},
        {"resourceType": "Bundle", "type": "transaction", "entry": [None, 5, [], {"request": 7}, {"resource": []}]},
        {
            "resourceType": "Bundle",
            "type": "batch",
            "entry": [{"resource": {"id": 5}, "request": {"method": [], "url": 3}}],
        },
        {"resourceType": ["Patient"], "id": {}},
        {},
        [],
        "text",
        None,
    ],
)
async def test_an_odd_file_is_refused_and_keeps_nothing_else(server_url: str, tmp_path: Path, odd: Any) -> None:
    id_ = str(uuid.uuid4())
    write(tmp_path, "a.json", odd)
    write(tmp_path, "b.json", patient(id=id_))

    report = await load([str(tmp_path)], base_url=server_url)

    assert report.created == 1
    assert report.refused
    assert all("b.json" not in each.source for each in report.refused)
