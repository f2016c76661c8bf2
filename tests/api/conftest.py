"""A real server on a port of its own, for each module of tests.

A module may say `SETTINGS = {"max_body_bytes": 1000}` to have it configured so; its tests share one database and keep
apart by their ids.
"""

import socket
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from pymongo import MongoClient

from fhir_server.app import create
from fhir_server.http.connection import Connection
from fhir_server.settings import Settings

START_SECONDS = 30


@contextmanager
def running(mongo_uri: str, database: str, **overrides: Any) -> Iterator[str]:
    """The base url of a server in a thread of this process, as long as the context lasts."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/fhir"
        settings = Settings(mongodb_uri=mongo_uri, database=database, base_url=base_url, open=True, **overrides)
        config = uvicorn.Config(create(settings), http=Connection, log_level="warning", lifespan="on", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait_until_started(server, thread)
            yield base_url
        finally:
            server.should_exit = True
            thread.join()


def wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    pause = threading.Event()
    for _ in range(START_SECONDS * 100):
        if server.started:
            return
        assert thread.is_alive(), "the server ended while starting"
        pause.wait(0.01)
    raise TimeoutError("the server did not start")


@pytest.fixture(scope="session")
def run_server() -> Callable[..., AbstractContextManager[str]]:
    """`running`, for tests that start servers of their own."""
    return running


@pytest.fixture(scope="module")
def server_database(mongo_uri: str) -> Iterator[str]:
    """The name of the server's database."""
    name = f"test_{uuid.uuid4().hex}"
    yield name
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        client.drop_database(name)


@pytest.fixture(scope="module")
def server_url(request: pytest.FixtureRequest, mongo_uri: str, server_database: str) -> Iterator[str]:
    """The service base url, without a slash at its end."""
    with running(mongo_uri, server_database, **getattr(request.module, "SETTINGS", {})) as base_url:
        yield base_url


@pytest.fixture
async def client(server_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose paths are relative to the service base: `client.get("Patient/1")`."""
    async with httpx.AsyncClient(base_url=f"{server_url}/") as made:
        yield made


@pytest.fixture
def mrn() -> str:
    """A medical record number that no other test uses."""
    return uuid.uuid4().hex
