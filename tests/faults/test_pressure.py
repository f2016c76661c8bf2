"""More at once than mongod's cache holds: all of it is committed, and reads go on meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fhir_server.access.limits import Access
from fhir_server.embedded import EmbeddedMongo
from fhir_server.model import Change, Commit
from fhir_server.store import database, reader, schema
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from tests.faults.writer import BASE_URL

ACCESS = Access.system("fault tests")
SLOWEST_READ_SECONDS = 3.0

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@asynccontextmanager
async def opened(directory: Path, cache_gb: float) -> AsyncIterator[tuple[Database, Committer]]:
    with EmbeddedMongo(directory, cache_gb) as mongo:
        db = await database.connect(mongo.uri, "pressure")
        await schema.prepare(ACCESS, db)
        committer = Committer(db, base_url=BASE_URL)
        await committer.start()
        yield db, committer
        await committer.stop()
        await db.close()


def bundle(name: str, size: int) -> Commit:
    """Observations of about the size and with about the entries of a real hospital's."""

    def observation(number: int) -> Change:
        id_ = f"{name}-{number:06}"
        after = {
            "resourceType": "Observation",
            "id": id_,
            "status": "final",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                      "code": "vital-signs"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": f"{number % 500}-1"}], "text": "Body height"},
            "subject": {"reference": f"Patient/{number % 90}"},
            "encounter": {"reference": f"Encounter/{number % 900}"},
            "effectiveDateTime": f"2024-{number % 12 + 1:02}-11T08:00:{number % 60:02}+01:00",
            "issued": "2024-03-11T08:00:00.000+01:00",
            "valueQuantity": {"value": number, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"},
            "note": [{"text": "x" * 600}],
        }  # fmt: skip
        return Change("PUT", "Observation", id_, None, after)

    return Commit(tuple(observation(number) for number in range(size)))


async def slowest_read(db: Database, until: asyncio.Event) -> float:
    slowest = 0.0
    while not until.is_set():
        started = time.perf_counter()
        await reader.read(ACCESS, db, "Observation", "b0-000001")
        slowest = max(slowest, time.perf_counter() - started)
        await asyncio.sleep(0.02)
    return slowest


async def test_24_bundles_of_1600_at_once_with_a_cache_of_1_gb(tmp_path: Path) -> None:
    async with opened(tmp_path, 1) as (db, committer):
        done = asyncio.Event()
        reading = asyncio.create_task(slowest_read(db, done))
        written = await asyncio.gather(*(committer.commit(ACCESS, bundle(f"b{number}", 1600)) for number in range(24)))
        done.set()
        assert [len(versions) for versions in written] == [1600] * 24
        assert await db.resources.count_documents({}) == 24 * 1600
        assert await reading < SLOWEST_READ_SECONDS


async def test_a_bundle_of_25_000_with_a_cache_of_4_gb(tmp_path: Path) -> None:
    async with opened(tmp_path, 4) as (db, committer):
        done = asyncio.Event()
        reading = asyncio.create_task(slowest_read(db, done))
        versions = await committer.commit(ACCESS, bundle("b0", 25_000))
        done.set()
        assert len(versions) == 25_000
        assert await db.resources.count_documents({}) == 25_000
        assert await reading < SLOWEST_READ_SECONDS
