"""What all tests share: one mongod for the session, a fresh database for a test.

Rule: tests use a real MongoDB. The process that steers the run starts it, so that parallel workers share one.
"""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.embedded import EmbeddedMongo

mongod_key = pytest.StashKey[tuple[EmbeddedMongo, "tempfile.TemporaryDirectory[str]"]]()
uri_key = pytest.StashKey[str]()


def session_uri(config: pytest.Config) -> str:
    """The connection string of the session's MongoDB, which is started on first use."""
    if uri_key not in config.stash:
        config.stash[uri_key] = os.environ.get("MONGODB_URI") or start_mongod(config)
    return config.stash[uri_key]


def start_mongod(config: pytest.Config) -> str:
    directory = tempfile.TemporaryDirectory(prefix="fhir-tests-")
    mongod = EmbeddedMongo(Path(directory.name))
    config.stash[mongod_key] = (mongod, directory)
    return mongod.start()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a parallel worker of pytest-xdist where the session's MongoDB is."""
    node.workerinput["mongo_uri"] = session_uri(node.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the session's mongod, where this process started it."""
    started = config.stash.get(mongod_key, None)
    if started is not None:
        mongod, directory = started
        mongod.stop()
        directory.cleanup()


@pytest.fixture(scope="session")
def mongo_uri(pytestconfig: pytest.Config) -> str:
    """The connection string of a replica set that lives as long as the session."""
    given = getattr(pytestconfig, "workerinput", {}).get("mongo_uri")
    return str(given) if given else session_uri(pytestconfig)


@pytest.fixture
def database_name(mongo_uri: str) -> Iterator[str]:
    """The name of a database of this test's own; dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    yield name
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        client.drop_database(name)
