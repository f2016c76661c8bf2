"""`fhir-server doctor` and a MongoDB that is there."""

from pathlib import Path
from typing import Any

from pymongo import MongoClient

from fhir_server.cli import doctor
from fhir_server.embedded import find_mongod, mongod_version


def test_a_replica_set_is_fine(mongo_uri: str) -> None:
    check = doctor.external_mongodb(mongo_uri)
    assert check.good
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        assert check.found == client.server_info()["version"]


def test_mongod_that_is_found_runs() -> None:
    mongod = find_mongod()
    assert mongod is not None
    assert mongod_version(mongod) >= (6, 0)
    assert doctor.embedded_mongod().good


def test_old_mongod_on_path_is_passed_over(tmp_path: Path, monkeypatch: Any) -> None:
    old = tmp_path / "mongod"
    old.write_text("#!/bin/sh\necho 'db version v4.4.29'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert find_mongod() != old
    old.write_text("#!/bin/sh\necho 'db version v7.0.1'\n")
    assert find_mongod() == old
