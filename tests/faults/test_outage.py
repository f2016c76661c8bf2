"""MongoDB stops answering, ends, or has no space left: said within seconds, nothing lost, back by itself."""

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fhir_server.access.limits import Access
from fhir_server.embedded import EmbeddedMongo
from fhir_server.model import Change, Commit, Version
from fhir_server.store import database, reader, schema
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from resources.outcome import InsufficientStorage, Unavailable
from tests.faults import checker
from tests.faults.checker import Acknowledged
from tests.faults.writer import BASE_URL

HOLD = """
import sys, time
from pymongo import MongoClient
client = MongoClient(sys.argv[1], appname=sys.argv[2])
with client.start_session() as session, session.start_transaction():
    client.faults.resources.update_one({"_id": "Patient/held"}, {"$set": {"version": 7}}, session=session)
    print("held", flush=True)
    time.sleep(60)
"""

ACCESS = Access.system("fault tests")
FEW_SECONDS = 12


@pytest.fixture
def mongo(tmp_path: Path) -> Iterator[EmbeddedMongo]:
    with EmbeddedMongo(tmp_path, 0.25) as mongo:
        yield mongo


@pytest.fixture
async def db(mongo: EmbeddedMongo) -> AsyncIterator[Database]:
    db = await database.connect(mongo.uri, "faults")
    await schema.prepare(ACCESS, db)
    yield db
    await db.close()


@pytest.fixture
async def committer(db: Database) -> AsyncIterator[Committer]:
    committer = Committer(db, base_url=BASE_URL)
    await committer.start()
    yield committer
    await committer.stop()


async def create(committer: Committer, id_: str, size: int = 10) -> Version:
    after = {"resourceType": "Patient", "id": id_, "name": [{"text": "x" * size}]}
    [version] = await committer.commit(ACCESS, Commit((Change("PUT", "Patient", id_, None, after),)))
    return version


async def recovered(committer: Committer, id_: str) -> Version:
    """What is written as soon as the database is back."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return await create(committer, id_)
        except Unavailable:
            assert time.monotonic() < deadline, "did not come back"


async def test_a_mongod_that_hangs_is_unavailable_and_comes_back(
    mongo: EmbeddedMongo, db: Database, committer: Committer
) -> None:
    await create(committer, "before")
    assert mongo.process is not None
    mongo.process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        outcomes = await asyncio.gather(
            create(committer, "during"),
            create(committer, "during-too"),
            reader.read(ACCESS, db, "Patient", "before"),
            db.ping(),
            return_exceptions=True,
        )
        assert time.monotonic() - started < FEW_SECONDS
        assert [isinstance(outcome, Unavailable) for outcome in outcomes] == [True] * 4
        assert isinstance(outcomes[0], Unavailable)
        assert dict(outcomes[0].headers)["Retry-After"]
    finally:
        mongo.process.send_signal(signal.SIGCONT)
    assert (await recovered(committer, "after")).version == 1
    assert await reader.read(ACCESS, db, "Patient", "before") is not None


async def test_a_mongod_that_ends_is_unavailable_and_comes_back(
    mongo: EmbeddedMongo, db: Database, committer: Committer
) -> None:
    await create(committer, "before")
    assert mongo.process is not None
    mongo.process.kill()
    mongo.process.wait()
    started = time.monotonic()
    with pytest.raises(Unavailable):
        await create(committer, "during")
    with pytest.raises(Unavailable):
        await reader.read(ACCESS, db, "Patient", "before")
    assert time.monotonic() - started < FEW_SECONDS
    mongo.start()
    assert (await recovered(committer, "after")).version == 1
    assert await reader.read(ACCESS, db, "Patient", "before") is not None


async def test_a_transaction_left_open_by_a_killed_process_blocks_nobody_for_long(
    committer: Committer, mongo: EmbeddedMongo
) -> None:
    version = await create(committer, "held")
    script = (sys.executable, "-c", HOLD, mongo.uri, database.APPLICATION)
    holder = await asyncio.create_subprocess_exec(*script, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert await holder.stdout.readline()
    holder.kill()
    await holder.wait()
    after = {"resourceType": "Patient", "id": "held"}
    started = time.monotonic()
    [replaced] = await committer.commit(ACCESS, Commit((Change("PUT", "Patient", "held", version, after),)))
    assert replaced.version == 2
    assert time.monotonic() - started < FEW_SECONDS


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory on a file system of 400 MB of its own."""
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(mount)], check=True)
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


async def fill(committer: Committer, acknowledged: list[Acknowledged]) -> None:
    for number in range(2000):
        version = await create(committer, f"n{number}", 200_000)
        acknowledged.append(Acknowledged.of(version.key, version.version, version.text))


@pytest.mark.long
async def test_a_full_disk_refuses_and_does_not_corrupt(small_disk: Path) -> None:
    """Needs root, for a file system of its own."""
    acknowledged: list[Acknowledged] = []
    ballast = small_disk / "ballast"
    with EmbeddedMongo(small_disk, 0.25) as mongo:
        db = await database.connect(mongo.uri, "faults")
        await schema.prepare(ACCESS, db)
        committer = Committer(db, base_url=BASE_URL)
        await committer.start()
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 24 * 1024 * 1024))
        with pytest.raises((InsufficientStorage, Unavailable)):  # some versions of mongod end themselves
            await fill(committer, acknowledged)
        assert acknowledged
        ballast.unlink()
        if not mongo.is_running():
            mongo.start()
        assert (await recovered(committer, "after")).version == 1
        assert checker.problems(mongo.uri, "faults", acknowledged, BASE_URL) == []
        await committer.stop()
        await db.close()
