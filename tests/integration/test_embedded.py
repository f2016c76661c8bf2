"""The embedded mongod: starts, keeps its data, and never outlives or doubles its server."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhir_server.cli.run import start_again
from fhir_server.embedded import EmbeddedMongo, EmbeddedMongoError

START_AND_SLEEP = """
import sys, time
from pathlib import Path
from fhir_server.embedded import EmbeddedMongo
mongo = EmbeddedMongo(Path(sys.argv[1]))
print(mongo.start(), mongo.process.pid, flush=True)
time.sleep(60)
"""


def insert(uri: str, value: int) -> None:
    with MongoClient[dict[str, Any]](uri, w="majority", journal=True) as client:
        client.test.numbers.insert_one({"_id": value})


def stored(uri: str) -> list[int]:
    with MongoClient[dict[str, Any]](uri) as client:
        return sorted(document["_id"] for document in client.test.numbers.find())


def test_data_and_address_stay_over_a_restart(tmp_path: Path) -> None:
    with EmbeddedMongo(tmp_path) as mongo:
        first = mongo.uri
        insert(first, 1)
    with EmbeddedMongo(tmp_path) as mongo:
        assert mongo.uri == first
        assert stored(mongo.uri) == [1]


def test_takes_transactions(tmp_path: Path) -> None:
    with (
        EmbeddedMongo(tmp_path) as mongo,
        MongoClient[dict[str, Any]](mongo.uri) as client,
        client.start_session() as session,
    ):
        with session.start_transaction():
            client.test.numbers.insert_one({"_id": 1}, session=session)
        assert stored(mongo.uri) == [1]


def test_moves_when_its_port_was_taken(tmp_path: Path) -> None:
    with EmbeddedMongo(tmp_path / "a") as first:
        insert(first.uri, 1)
        taken = (tmp_path / "a" / "mongod.port").read_text()
    with EmbeddedMongo(tmp_path / "b"):
        pass
    (tmp_path / "b" / "mongod.port").write_text(taken)
    with EmbeddedMongo(tmp_path / "b") as other, EmbeddedMongo(tmp_path / "a") as moved:
        assert moved.uri != other.uri
        assert stored(moved.uri) == [1]


def test_second_server_on_the_directory_is_told_who_has_it(tmp_path: Path) -> None:
    words = rf"process {os.getpid()}\) is using .*--data"
    with EmbeddedMongo(tmp_path), pytest.raises(EmbeddedMongoError, match=words):
        EmbeddedMongo(tmp_path).start()


def test_acknowledged_write_survives_a_kill_of_mongod(tmp_path: Path) -> None:
    mongo = EmbeddedMongo(tmp_path)
    insert(mongo.start(), 1)
    assert mongo.process is not None
    mongo.process.kill()
    mongo.process.wait()
    insert(mongo.start(), 2)
    assert stored(mongo.uri) == [1, 2]
    mongo.stop()


def test_killed_server_takes_mongod_along_and_the_next_one_starts(tmp_path: Path) -> None:
    server = subprocess.Popen([sys.executable, "-c", START_AND_SLEEP, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    uri, pid = server.stdout.readline().split()
    insert(uri, 1)
    server.kill()
    server.communicate()
    with EmbeddedMongo(tmp_path) as mongo:
        assert not Path("/proc", pid).exists() or Path("/proc", pid, "stat").read_text().split()[2] == "Z"
        assert stored(mongo.uri) == [1]


def test_leftover_mongod_that_nobody_told_is_stopped(tmp_path: Path) -> None:
    first = EmbeddedMongo(tmp_path)
    insert(first.start(), 1)
    assert first._lock is not None
    first._lock.close()  # what a killed server leaves where the kernel does not tell mongod
    with EmbeddedMongo(tmp_path) as second:
        assert first.process is not None
        assert first.process.wait(10) == 0
        assert stored(second.uri) == [1]


def test_mongod_is_not_reached_by_the_terminal(tmp_path: Path) -> None:
    with EmbeddedMongo(tmp_path) as mongo:
        assert mongo.process is not None
        assert os.getsid(mongo.process.pid) != os.getsid(0)


def test_a_mongod_that_stops_at_once_points_at_its_log(tmp_path: Path) -> None:
    with EmbeddedMongo(tmp_path):
        pass
    (tmp_path / "mongodb" / "storage.bson").write_text("no storage engine wrote this")
    with pytest.raises(EmbeddedMongoError, match=r"stopped at once.*mongod\.log"):
        EmbeddedMongo(tmp_path).start()


def test_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedMongoError, match="cannot be used: Not a directory"):
        EmbeddedMongo(tmp_path / "file" / "data").start()


def test_stop_is_clean_and_can_be_repeated(tmp_path: Path) -> None:
    mongo = EmbeddedMongo(tmp_path)
    mongo.start()
    process = mongo.process
    assert process is not None
    begun = time.monotonic()
    mongo.stop()
    mongo.stop()
    assert process.returncode == 0
    assert time.monotonic() - begun < 10


async def test_a_start_that_hangs_can_be_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\ncase $1 in --version) echo 'db version v7.0.1';; *) exec sleep 60;; esac\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    mongo = EmbeddedMongo(tmp_path / "data")
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(start_again(mongo), 0.5)
    mongo.stop()
    assert time.monotonic() - begun < 5
