"""What `fhir-server run` says once the server is ready, and whether it loads the demo hospital."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx
import pytest
from rich.console import Console

from fhir_server.access.limits import Access
from fhir_server.cli.demo import MARK, fill_in
from fhir_server.cli.welcome import welcome
from fhir_server.settings import Settings
from fhir_server.store import marks
from fhir_server.store.database import connect


async def test_a_database_of_somebody_elses_stays_empty(
    run_server: Callable[..., AbstractContextManager[str]],
    mongo_uri: str,
    database_name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with run_server(mongo_uri, database_name) as base_url:
        settings = Settings(mongodb_uri=mongo_uri.replace("?", "?appName=s3cret&"), database=database_name)
        await welcome(settings, base_url.removesuffix("/fhir"), None, demo=True)
        async with httpx.AsyncClient() as client:
            assert "entry" not in (await client.get(f"{base_url}/_history")).json()
    said = capsys.readouterr().out
    assert f"fhir-server demo --base {base_url}" in said
    assert "s3cret" not in said


async def test_a_database_that_holds_something_gets_no_hospital(
    run_server: Callable[..., AbstractContextManager[str]], mongo_uri: str, database_name: str
) -> None:
    with run_server(mongo_uri, database_name) as base_url:
        async with httpx.AsyncClient(base_url=f"{base_url}/") as client:
            await client.put("Basic/1", json={"resourceType": "Basic", "id": "1", "code": {"text": "mine"}})
            await client.delete("Basic/1")
            await fill_in(Settings(mongodb_uri=mongo_uri, database=database_name), base_url, Console(quiet=True))
            assert (await client.get("Patient?_total=accurate")).json()["total"] == 0
    db = await connect(mongo_uri, database_name)
    try:
        assert await marks.find(Access.system("test"), db, MARK) is None
    finally:
        await db.close()
