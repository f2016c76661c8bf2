"""Writes that others overtake: tried anew, further and further apart, and refused in the end."""

import time

import pytest

from fhir_server.interactions.retries import until_undisturbed
from fhir_server.model import Condition
from fhir_server.search.tree import EVERYTHING
from fhir_server.store.committer import ConditionChanged, VersionChanged
from resources.outcome import Conflict, PreconditionFailed

OVERTAKEN = (VersionChanged("Patient/1"), ConditionChanged(Condition("Patient", EVERYTHING, "key", None)))


class Attempts:
    """A write that meets each of `errors`, one a try, and then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times: list[float] = []

    async def __call__(self) -> str:
        self.times.append(time.monotonic())
        if self.errors:
            raise self.errors.pop(0)
        return "written"


async def test_an_undisturbed_write_is_tried_once() -> None:
    attempts = Attempts()
    assert await until_undisturbed(attempts, "it", tries=3, first_pause=60) == "written"
    assert len(attempts.times) == 1


@pytest.mark.parametrize("error", OVERTAKEN)
async def test_an_overtaken_write_is_tried_anew_up_to_the_last_try(error: Exception) -> None:
    attempts = Attempts(error, error)
    assert await until_undisturbed(attempts, "it", tries=3, first_pause=0.001) == "written"
    assert len(attempts.times) == 3


async def test_each_pause_is_longer_than_the_one_before() -> None:
    attempts = Attempts(*OVERTAKEN, *OVERTAKEN)
    await until_undisturbed(attempts, "it", tries=5, first_pause=0.01)
    pauses = [after - before for before, after in zip(attempts.times, attempts.times[1:], strict=False)]
    assert all(pause >= least for pause, least in zip(pauses, (0.005, 0.01, 0.02, 0.04), strict=True))


async def test_always_overtaken_is_a_conflict_that_says_what_others_change() -> None:
    attempts = Attempts(*OVERTAKEN, *OVERTAKEN)
    with pytest.raises(Conflict, match="Others keep changing Patient/1 at the same time") as raised:
        await until_undisturbed(attempts, "Patient/1", tries=3, first_pause=0.001)
    assert not isinstance(raised.value, OVERTAKEN[0].__class__)
    assert len(attempts.times) == 3


async def test_there_is_no_pause_after_the_last_try() -> None:
    began = time.monotonic()
    with pytest.raises(Conflict):
        await until_undisturbed(Attempts(*OVERTAKEN), "it", tries=1, first_pause=60)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("error", [PreconditionFailed("no"), Conflict("referred to")])
async def test_other_errors_are_not_tried_again(error: Exception) -> None:
    attempts = Attempts(error)
    with pytest.raises(type(error)) as raised:
        await until_undisturbed(attempts, "it", tries=3, first_pause=60)
    assert raised.value is error
    assert len(attempts.times) == 1
