"""What a process may write and answer by, and when it must not."""

from __future__ import annotations

import pytest

from fhir_server.store.current import SILENT_SECONDS, CurrentParameters, clock
from resources.outcome import Unavailable
from resources.parameters import BASE, ParameterSet

LATER = ParameterSet((), beside=BASE)


def test_what_was_begun_by_an_earlier_set_may_still_be_committed() -> None:
    current = CurrentParameters()
    current.take_over(LATER, BASE, 1)
    current.check(BASE)
    current.check(LATER)
    assert (current.written, current.revision) == (LATER, 1)


def test_after_a_silence_only_what_is_begun_from_then_on() -> None:
    current = CurrentParameters()
    current.disown()
    current.take_over(LATER, BASE, 1)
    current.check(LATER)
    with pytest.raises(Unavailable):
        current.check(BASE)


def test_a_silent_process_commits_nothing_and_still_searches_while_it_looks() -> None:
    current = CurrentParameters()
    current.heard(clock() - SILENT_SECONDS - 1)
    current.looked(clock())
    assert current.is_silent()
    with pytest.raises(Unavailable):
        current.check(current.written)
    assert current.for_search() is BASE


def test_a_process_that_does_not_look_answers_no_searches() -> None:
    current = CurrentParameters()
    current.heard(clock())
    current.looked(clock() - SILENT_SECONDS - 1)
    with pytest.raises(Unavailable):
        current.for_search()
