"""What stands beside /fhir, and how the server behaves while its database is away."""

import html
import re
import threading
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx
import pytest

from resources.registry import RESOURCE_TYPES

NOWHERE = "mongodb://127.0.0.1:9/?replicaSet=rs0&serverSelectionTimeoutMS=200"


def site(server_url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server_url.removesuffix("/fhir"), follow_redirects=True)


async def test_alive_and_ready(server_url: str) -> None:
    async with site(server_url) as client:
        assert (await client.get("/health")).json() == {"status": "alive"}
        assert (await client.get("/ready")).json() == {"status": "ready"}


async def test_every_type_is_documented(server_url: str) -> None:
    async with site(server_url) as client:
        page = await client.get("/docs")
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert {path.split("/")[1] for path in paths} >= RESOURCE_TYPES
    assert set(paths["/Patient/{id}"]) == {"get", "put", "patch", "delete", "parameters"}
    assert {"/Patient/$validate", "/$meta", "/Patient/{id}/$meta-add"} <= set(paths)
    assert {"/_search", "/Encounter/{id}/{searched}", "/Encounter/{id}/{searched}/_search"} <= set(paths)
    searched = {each.get("$ref", "").rpartition("/")[2] for each in paths["/Patient"]["get"]["parameters"]}
    assert {"_has", "_filter", "_list", "_include", "_revinclude", "_sort", "_total", "_contained"} <= searched
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    names = re.findall(r"<details (?:open )?id=(\w+)>", page.text)
    assert names[:5] == ["Patient", "Practitioner", "Appointment", "MedicationRequest", "Invoice"]
    assert names[5:] == sorted(RESOURCE_TYPES - set(names[:5]))


async def test_the_documentation_shows_all_and_fetches_nothing(server_url: str) -> None:
    async with site(server_url) as client:
        page = (await client.get("/docs")).text
    assert not re.search(r"(src|url|import)\s*[=(]", page)
    assert re.findall(r"<link [^>]*href='(\w+:)", page) == ["data:"]
    assert "<meta name=viewport" in page
    entry = page.partition("<details open id=Patient>")[2].partition("</section>")[0]
    for shown in (
        "<code>birthdate</code><span>date</span>",
        "<span class=badge>history-instance</span>",
        "<span class='badge operation'>$validate</span>",
        f"href='{server_url}/Patient?_pretty=true'",
    ):
        assert shown in entry
    async with httpx.AsyncClient() as client:
        for address in re.findall(r"<pre>curl '([^']+)'", page)[:3]:
            assert (await client.get(html.unescape(address))).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/Patient", 404), ("GET", "/fhirx", 404), ("POST", "/", 405)]
)
async def test_beside_fhir_it_says_where_fhir_is(server_url: str, method: str, path: str, status: int) -> None:
    async with site(server_url) as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/fhir+json"
    assert f"FHIR is at {server_url};" in answer.json()["issue"][0]["diagnostics"]


async def test_root_leads_to_the_documentation(server_url: str) -> None:
    async with site(server_url) as client:
        assert (await client.get("/")).url.path == "/docs"


async def test_references_inside_the_description_lead_somewhere(server_url: str) -> None:
    async with site(server_url) as client:
        description = (await client.get("/openapi.json")).json()
    for kind, name in references(description["paths"]):
        assert name in description["components"][kind]


def references(value: object) -> set[tuple[str, str]]:
    """(kind, name) of every `$ref` to a component."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    if "$ref" in value:
        _, _, kind, name = value["$ref"].split("/")
        return {(kind, name)}
    return set().union(*map(references, value.values()))


@pytest.mark.parametrize("path", ["/fhir/Patient/1", "/fhir", "/ready", "/docs"])
async def test_without_its_database_the_server_says_so(
    run_server: Callable[..., AbstractContextManager[str]], path: str
) -> None:
    with run_server(NOWHERE, f"test_{uuid.uuid4().hex}") as base_url:
        async with site(base_url) as client:
            answer = await client.get(path)
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "2"
            assert (await client.get("/health")).status_code == 200


@pytest.mark.parametrize("kind", ["nobody listens", "no such name", "wrong password"])
async def test_what_is_waited_for_is_said_once_and_without_the_password(
    run_server: Callable[..., AbstractContextManager[str]], mongo_uri: str, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    uri, host = {
        "nobody listens": (NOWHERE.replace("://", "://nobody:s3cret@"), "127.0.0.1:9"),
        "no such name": ("mongodb+srv://nobody:s3cret@no-such.name.invalid/", "no-such.name.invalid"),
        "wrong password": (mongo_uri.replace("://", "://nobody:s3cret@"), "127.0.0.1:"),
    }[kind]
    with run_server(uri, f"test_{uuid.uuid4().hex}") as base_url:
        threading.Event().wait(2.5)  # it has tried three times
        async with site(base_url) as client:
            assert (await client.get("/ready")).status_code == 503
    (line,) = [record.getMessage() for record in caplog.records if record.name == "fhir_server.app"]
    assert f"waiting for MongoDB at {host}" in line
    assert "`fhir-server doctor`" in line
    assert "s3cret" not in caplog.text
