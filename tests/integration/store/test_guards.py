"""Referential integrity, also when write and delete come at once from two processes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fhir_server.model import Change, Version
from fhir_server.store import reader
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from fhir_server.store.guards import ReferentialIntegrity
from resources.outcome import Conflict, Unprocessable
from resources.parameters import BASE
from tests.integration.store.changes import ACCESS, BASE_URL, commit, created, deleted


def guarded(db: Database, *, on_write: bool = True, on_delete: bool = True) -> Committer:
    guard = ReferentialIntegrity(BASE, BASE_URL, on_write=on_write, on_delete=on_delete)
    return Committer(db, base_url=BASE_URL, guards=(guard,))


@pytest.fixture
async def strict(db: Database) -> AsyncIterator[Committer]:
    committer = guarded(db)
    await committer.start()
    yield committer
    await committer.stop()


def observation(id_: str, *subjects: str) -> Change:
    after: dict[str, Any] = {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"text": "x"},
        "performer": [{"reference": subject} for subject in subjects],
    }
    return Change("PUT", "Observation", id_, None, after)


async def test_every_reference_to_nothing_is_named(db: Database, strict: Committer) -> None:
    await commit(strict, created("a"))
    await commit(strict, deleted(await commit(strict, created("gone"))))
    with pytest.raises(Unprocessable) as caught:
        await commit(strict, observation("o", "Patient/a", "Patient/b", "Patient/gone", "http://other.test/Patient/z"))
    assert [(issue.diagnostics, issue.expression) for issue in caught.value.issues] == [
        ("Patient/b does not exist.", "Observation.performer[1].reference"),
        ("Patient/gone does not exist.", "Observation.performer[2].reference"),
    ]
    assert await reader.read(ACCESS, db, "Observation", "o") is None


@pytest.mark.parametrize("reference", ["Patient/a", f"{BASE_URL}/Patient/a", "Patient/a/_history/1"])
async def test_what_is_written_in_the_same_commit_exists(strict: Committer, reference: str) -> None:
    assert (await commit(strict, observation("o", reference), created("a"))).version == 1


@pytest.mark.parametrize("reference", ["Patient/a", f"{BASE_URL}/Patient/a"])
async def test_what_is_referred_to_cannot_be_deleted_until_the_reference_goes(
    strict: Committer, reference: str
) -> None:
    target = await commit(strict, created("a"))
    referring = await commit(strict, observation("o", reference))
    with pytest.raises(Conflict, match="Observation/o"):
        await commit(strict, deleted(target))
    assert (await commit(strict, deleted(target), deleted(referring))).deleted


async def test_each_direction_can_be_off(db: Database) -> None:
    lenient = guarded(db, on_write=False)
    await lenient.start()
    await commit(lenient, observation("o", "Patient/nobody"))
    careless = guarded(db, on_delete=False)
    await careless.start()
    target = await commit(careless, created("a"))
    await commit(careless, observation("p", "Patient/a"))
    assert (await commit(careless, deleted(target))).deleted


async def test_a_write_and_a_delete_at_once_from_two_processes_leave_no_dangling_reference(
    db: Database, strict: Committer
) -> None:
    other = guarded(db)
    await other.start()
    targets: list[Version] = [await commit(strict, created(f"p{number}")) for number in range(20)]
    outcomes = await asyncio.gather(
        *(commit(strict, observation(f"o{target.id}", target.key)) for target in targets),
        *(commit(other, deleted(target)) for target in targets),
        return_exceptions=True,
    )
    for target, wrote, gone in zip(targets, outcomes[:20], outcomes[20:], strict=True):
        assert isinstance(wrote, Version) != isinstance(gone, Version), (target, wrote, gone)
