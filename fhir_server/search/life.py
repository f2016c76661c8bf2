"""The life of a search parameter that is defined here: declared → indexing → verified → searchable; failed; retiring.

Rule: pure. Where it matters a step is taken only when every server process knows of the one before, so that a parameter
is written by all before anything is reindexed, and answered by nobody before it is no longer written.

    declared    nobody answers it; where it was defined otherwise before, that is still written
    indexing    all write it; what is stored is reindexed, type by type
    verified    a sample of each type, extracted again, agrees with what is stored
    searchable  all answer it
    retiring    nobody answers it, then nobody writes it, then what is stored is reindexed without it; then it is gone
    failed      it cannot be answered, and says why
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from fhir_server.search.declarations import Declared
from resources.parameters import ParameterSet, SearchParameter, Unready


class State(StrEnum):
    """Where a parameter is in its life."""

    DECLARED = "declared"
    INDEXING = "indexing"
    VERIFIED = "verified"
    SEARCHABLE = "searchable"
    RETIRING = "retiring"
    FAILED = "failed"


_AHEAD = frozenset({State.DECLARED, State.INDEXING, State.VERIFIED})
"""It will be searchable."""


@dataclass(frozen=True, slots=True)
class Life:
    """One parameter and how far it is.

    `id` and `version` are those of its SearchParameter resource. `revision` is that of the stored state in which this
    was written. `written` is what entries are made by, if any are; `touched` are the types whose resources may have
    entries of it, `pending` those still to be reindexed. `done` of `total` resources are reindexed, and `sampled` were
    extracted again. `changed` is when the state was reached, in microseconds since the epoch.
    """

    id: str
    version: int
    definition: SearchParameter
    state: State
    revision: int = 0
    written: SearchParameter | None = None
    touched: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    done: int = 0
    total: int = 0
    sampled: int = 0
    reason: str | None = None
    changed: int = 0

    @property
    def waits_for_all(self) -> bool:
        """Whether its next step has to wait until every process knows of this one."""
        return self.state is State.DECLARED or (
            self.written is not None and self.state in (State.RETIRING, State.FAILED)
        )

    @property
    def is_being_reindexed(self) -> bool:
        """Whether the pending types are waiting for nothing but the work itself."""
        return bool(self.pending) and (
            self.state is State.INDEXING or (self.state is State.RETIRING and self.written is None)
        )


def declared(id_: str, version: int, found: Declared, before: Life | None) -> Life:
    """The beginning of a life, or of the next one, after a change of the definition."""
    state = State.FAILED if found.obstacle else State.DECLARED
    life = Life(id_, version, found.parameter, state, reason=found.obstacle)
    return replace(life, written=before.written, touched=before.touched) if before else life


def retired(life: Life) -> Life:
    """The end of a life begins."""
    pending = life.touched if life.written is None else ()
    return replace(life, state=State.RETIRING, pending=pending, done=0, total=0, reason=None)


def failed(life: Life, reason: str) -> Life:
    """It cannot go on."""
    return replace(life, state=State.FAILED, pending=(), reason=reason)


def reconciled(lives: Iterable[Life], found: Mapping[str, tuple[int, Declared]]) -> tuple[Life, ...]:
    """The lives that begin, begin anew or end by what the resources say: `found` are those in force, by id, with their
    versions."""
    before = {each.id: each for each in lives}
    begun = (declared(id_, version, what, before.get(id_)) for id_, (version, what) in found.items()
             if id_ not in before or before[id_].version != version)  # fmt: skip
    ended = (retired(each) for id_, each in before.items() if id_ not in found and each.state is not State.RETIRING)
    return (*begun, *ended)


def settled(life: Life) -> Life | None:
    """The next step, once every process knows of this one where it `waits_for_all`; the same if it waits for something
    else, None at the end of life."""
    if life.state is State.DECLARED:
        types = tuple(sorted({*life.touched, *life.definition.types}))
        begun = replace(life, state=State.INDEXING, written=life.definition, touched=types, pending=types)
        return replace(begun, done=0, total=0, sampled=0)
    if life.state is State.RETIRING and life.written is not None:
        return replace(life, written=None, pending=life.touched, done=0, total=0)
    if life.state is State.RETIRING and not life.pending:
        return None
    if life.state is State.FAILED and life.written is not None:
        return replace(life, written=None)
    if life.state is State.INDEXING and not life.pending:
        return replace(life, state=State.VERIFIED)
    return replace(life, state=State.SEARCHABLE) if life.state is State.VERIFIED else life


def reindexed(life: Life, type_: str, resources: int, sampled: int) -> Life:
    """One of the pending types is done, and a sample of it agreed."""
    pending = tuple(other for other in life.pending if other != type_)
    return replace(life, pending=pending, done=life.done + resources, sampled=life.sampled + sampled)


def written(lives: Iterable[Life]) -> tuple[SearchParameter, ...]:
    """What entries are made by, in an order that does not depend on that of the lives."""
    found = [life.written for life in lives if life.written is not None]
    return tuple(sorted(found, key=lambda parameter: (parameter.url, parameter.id)))


def answered(
    lives: Iterable[Life], base: ParameterSet, progress: Mapping[str, str], outdated: Mapping[str, str]
) -> ParameterSet:
    """What searches may use, beside `base`. `progress` is how far an id is, in words; `outdated` as in the set."""
    ready: list[SearchParameter] = []
    unready: dict[tuple[str, str], Unready] = {}
    for life in lives:
        if life.state is State.SEARCHABLE:
            ready.append(life.definition)
        elif life.state is not State.RETIRING:
            why = Unready(life.reason or progress.get(life.id, life.state), life.state in _AHEAD)
            unready.update({(type_, life.definition.code): why for type_ in life.definition.types})
    return ParameterSet(ready, beside=base, unready=unready, outdated=outdated)
