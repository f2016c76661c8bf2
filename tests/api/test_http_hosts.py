"""A server without sign-in answers to names of its own, and takes writes from pages of its own."""

from typing import Any

import httpx
import pytest

from fhir_server.http import hosts
from fhir_server.settings import Settings

PAGES = ["/fhir/metadata", "/fhir/Patient", "/", "/docs", "/openapi.json", "/health", "/ready", "/nowhere"]
PATIENT = {"resourceType": "Patient", "id": "rebound"}


def known(**settings: Any) -> frozenset[bytes]:
    return hosts.known(Settings(open=True, **settings))


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost@evil.example", "", "[::2]:80"]
)
async def test_a_name_that_is_not_the_servers_is_refused(server_url: str, path: str, host: str) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(server_url.removesuffix("/fhir") + path, headers={"Host": host})
    assert answer.status_code == 421
    [issue] = answer.json()["issue"]
    assert "--base-url" in issue["diagnostics"]
    assert (issue["code"], answer.json()["resourceType"]) == ("security", "OperationOutcome")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:8000"])
async def test_names_of_this_machine_are_known_at_any_port(server_url: str, host: str) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{server_url}/Patient?_count=0", headers={"Host": host})).status_code == 200


async def test_the_refusal_comes_in_the_format_asked_for(client: httpx.AsyncClient) -> None:
    answer = await client.get("metadata", headers={"Host": "evil.example", "Accept": "application/fhir+xml"})
    assert (answer.status_code, b"<OperationOutcome" in answer.content) == (421, True)


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1.evil.example:8000", "null", ""])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_pages_elsewhere_cannot_write(client: httpx.AsyncClient, method: str, origin: str) -> None:
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    answer = await client.request(method, "Patient/rebound", json=PATIENT, headers=headers)
    assert answer.status_code == 403, answer.text
    assert "Origin" in answer.json()["issue"][0]["diagnostics"]
    assert (await client.get("Patient/rebound", headers={"Origin": origin})).status_code == 404


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:8000"])
async def test_pages_of_this_machine_may_write(client: httpx.AsyncClient, origin: str) -> None:
    answer = await client.post("Patient", json={"resourceType": "Patient"}, headers={"Origin": origin})
    assert answer.status_code == 201, answer.text


def test_the_base_url_says_under_which_name_else() -> None:
    assert b"ehr.example" in known(base_url="https://EHR.example:8443/fhir")
    assert b"[2001:db8::1]" in known(base_url="http://[2001:db8::1]/fhir")
    assert b"127.9.9.9" in known(host="127.9.9.9", base_url="https://ehr.example/fhir")
    assert b"" not in known()
