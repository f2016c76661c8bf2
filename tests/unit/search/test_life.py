"""The states of a search parameter, and what is written and answered in each of them."""

from __future__ import annotations

from dataclasses import replace

from fhir_server.search import life
from fhir_server.search.declarations import Declared
from fhir_server.search.life import Life, State
from resources.parameters import BASE, ParameterSet, SearchParameter, Unready

EYES = SearchParameter("eyes", "http://x.test/eyes", "eyes", "token", ("Patient", "Person"), "Patient.gender")
OTHER = replace(EYES, base=("Patient",), expression="Patient.active")
NEW = life.declared("eyes", 1, Declared(EYES), None)


def step(before: Life) -> Life:
    after = life.settled(before)
    assert after is not None
    return after


def reindexed(before: Life) -> Life:
    for type_ in before.pending:
        before = life.reindexed(before, type_, 10, 5)
    return before


def searchable() -> Life:
    return step(step(reindexed(step(NEW))))


def test_from_declared_to_searchable() -> None:
    assert (NEW.state, NEW.written) == (State.DECLARED, None)
    indexing = step(NEW)
    assert (indexing.state, indexing.written, indexing.pending) == (State.INDEXING, EYES, ("Patient", "Person"))
    assert indexing.is_being_reindexed
    assert step(indexing) is indexing  # until the work is done
    done = reindexed(indexing)
    assert (done.state, done.done, done.sampled) == (State.INDEXING, 20, 10)
    assert step(done).state is State.VERIFIED
    assert searchable().state is State.SEARCHABLE
    assert step(searchable()) == searchable()


def test_only_what_others_could_still_do_is_waited_for() -> None:
    waiting = [NEW, life.retired(searchable()), life.failed(searchable(), "No.")]
    assert all(each.waits_for_all for each in waiting)
    assert not any(each.waits_for_all for each in [reindexed(step(NEW)), searchable(), *map(step, waiting[1:])])


def test_another_definition_is_written_only_when_nobody_answers_the_first() -> None:
    changed = life.declared("eyes", 2, Declared(OTHER), searchable())
    assert (changed.state, changed.definition, changed.written) == (State.DECLARED, OTHER, EYES)
    indexing = step(changed)
    assert (indexing.written, indexing.pending) == (OTHER, ("Patient", "Person"))  # a Person has entries to be removed


def test_retired_is_first_not_answered_then_not_written_then_removed() -> None:
    retiring = life.retired(searchable())
    assert (retiring.state, retiring.written, retiring.is_being_reindexed) == (State.RETIRING, EYES, False)
    removing = step(retiring)
    assert (removing.written, removing.pending, removing.is_being_reindexed) == (None, ("Patient", "Person"), True)
    assert life.settled(reindexed(removing)) is None


def test_what_was_never_written_needs_no_removal() -> None:
    assert life.settled(life.retired(NEW)) is None


def test_what_failed_is_no_longer_written_and_leaves_entries_to_be_removed() -> None:
    failed = life.failed(searchable(), "It fails.")
    stopped = step(failed)
    assert (stopped.state, stopped.written, stopped.reason) == (State.FAILED, None, "It fails.")
    assert step(stopped) is stopped
    assert life.retired(stopped).pending == ("Patient", "Person")


def test_what_cannot_be_indexed_fails_at_once() -> None:
    hopeless = life.declared("eyes", 1, Declared(EYES, "No."), None)
    assert (hopeless.state, hopeless.reason, step(hopeless)) == (State.FAILED, "No.", hopeless)


def answered(each: Life) -> ParameterSet:
    return life.answered([each], BASE, {"eyes": "indexing (37%)"}, {})


def test_only_searchable_ones_are_answered_and_the_others_say_why() -> None:
    assert answered(searchable()).get("Person", "eyes") == EYES
    assert EYES in answered(searchable()).searchable("Patient")
    assert not answered(searchable()).unready
    for state in (NEW, step(NEW), step(reindexed(step(NEW)))):
        assert answered(state).get("Patient", "eyes") is None
        assert answered(state).unready[("Patient", "eyes")] == Unready("indexing (37%)", passing=True)
    assert answered(life.failed(NEW, "No.")).unready[("Person", "eyes")] == Unready("No.", passing=False)
    assert not answered(life.retired(searchable())).unready


def test_what_is_written_is_in_one_order() -> None:
    other = replace(searchable(), id="a", written=replace(EYES, id="a", url="http://x.test/a"))
    assert life.written([searchable(), other]) == life.written([other, searchable()])
    assert life.written([NEW]) == ()
