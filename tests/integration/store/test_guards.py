"""Referential integrity, also when write and delete come at once from two processes."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fhir_server.model import Change, Commit, Version
from fhir_server.store import reader
from fhir_server.store.committer import Committer
from fhir_server.store.current import CurrentParameters
from fhir_server.store.database import Database
from fhir_server.store.guards import ReferentialIntegrity
from resources.outcome import Conflict, Unprocessable
from tests.integration.store.changes import ACCESS, BASE_URL, commit, created, deleted


def guarded(db: Database, *, on_write: bool = True, on_delete: bool = True) -> Committer:
    guard = ReferentialIntegrity(CurrentParameters(), BASE_URL, on_write=on_write, on_delete=on_delete)
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


def basic(*references: str, **members: Any) -> Change:
    """A Basic whose extensions refer to something."""
    extension = [{"url": "http://x.test/about", "valueReference": {"reference": text}} for text in references]
    after = {"resourceType": "Basic", "id": "b", "code": {"text": "x"}, "extension": extension, **members}
    return Change("PUT", "Basic", "b", None, after)


async def test_where_a_reference_stands_is_said_in_fhirpath(strict: Committer) -> None:
    contained = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "id": "c"}
    inner = {"extension": [{"url": "http://x.test/why", "valueReference": {"reference": "Patient/3"}}]}
    change = basic(
        "Patient/1",
        contained=[contained | {"subject": {"reference": "Patient/2"}}],
        author={"reference": "#c", "_display": inner},
    )
    with pytest.raises(Unprocessable) as caught:
        await commit(strict, change)
    assert {issue.expression for issue in caught.value.issues} == {
        "Basic.extension[0].value.reference",
        "Basic.contained[0].subject.reference",
        "Basic.author.display.extension[0].value.reference",
    }


async def test_thousands_of_references_to_nothing_are_refused_fast_and_not_all_named(
    db: Database, strict: Committer
) -> None:
    await commit(strict, created("p0"))
    pauses: list[float] = []
    watching = asyncio.create_task(watch(pauses))
    started = time.monotonic()
    with pytest.raises(Unprocessable) as caught:
        await commit(strict, basic(*(f"Patient/p{number}" for number in range(5001))))
    assert time.monotonic() - started < 2
    watching.cancel()
    assert max(pauses) < 0.5
    assert len(caught.value.issues) == 100
    assert caught.value.issues[0].expression == "Basic.extension[1].value.reference"
    assert caught.value.issues[-1].diagnostics == "4,901 more references lead to nothing."
    assert await db.claims.count_documents({"_id": {"$exists": True}}) == 0, "no transaction was opened for it"


async def watch(pauses: list[float]) -> None:
    """How long the event loop kept others waiting."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(0)
        pauses.append(time.monotonic() - before)


async def test_thousands_of_references_to_what_is_there(strict: Committer) -> None:
    await strict.commit(ACCESS, Commit(tuple(created(f"p{number}") for number in range(1500))))
    assert (await commit(strict, basic(*(f"Patient/p{number}" for number in range(1500))))).version == 1


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


@pytest.mark.parametrize(
    "referring",
    [
        basic("Patient/a"),
        basic(f"{BASE_URL}/Patient/a/_history/1"),
        basic(
            contained=[{"resourceType": "Account", "id": "c", "status": "active", "owner": {"reference": "Patient/a"}}]
        ),
        Change(
            "PUT",
            "Binary",
            "b",
            None,
            {
                "resourceType": "Binary",
                "id": "b",
                "contentType": "text/plain",
                "securityContext": {"reference": "Patient/a"},
            },
        ),
    ],
    ids=["extension", "absolute and of a version", "contained", "securityContext"],
)
async def test_a_reference_that_no_parameter_covers_counts_as_well(strict: Committer, referring: Change) -> None:
    target = await commit(strict, created("a"))
    made = await commit(strict, referring)
    with pytest.raises(Conflict, match=made.key):
        await commit(strict, deleted(target))
    await commit(strict, deleted(made))
    assert (await commit(strict, deleted(target))).deleted


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
