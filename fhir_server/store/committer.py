"""The queue of commits: what waits shares one transaction, acknowledged when it is durable.

Rule: nobody fails for a neighbour. Commits that touch the same resource or claim the same key never run at once in this
process; a group that fails is tried one by one; commits that are large, conditional or still to be checked have a
transaction of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from fhir_server.access.limits import Access
from fhir_server.model import Commit, Version
from fhir_server.store import admission, transaction
from fhir_server.store import commit as committing
from fhir_server.store.commit import ConditionChanged, Prepared, VersionChanged
from fhir_server.store.current import CurrentParameters
from fhir_server.store.database import Database, translation
from fhir_server.store.guards import Guard
from fhir_server.threads import Threads
from resources.outcome import PayloadTooLarge, Unavailable
from resources.parameters import ParameterSet

__all__ = ["Committer", "ConditionChanged", "VersionChanged"]

GROUP_COMMITS: Final = 256
GROUP_WEIGHT: Final = 8 * 1024 * 1024
GROUPS_AT_ONCE: Final = 2
"""While one group waits for the disk, the next is sent."""
COMPANION: Final = 2
"""A group starts beside another of at most so many times its commits: a small one costs more than it gains."""
LARGE_WEIGHT: Final = 2 * 1024 * 1024
"""A commit that needs more of mongod's cache (bytes) is large: it has a transaction of its own and waits for room."""
ALONE_AT_ONCE: Final = 6
LARGE_AT_ONCE: Final = 2
"""Large transactions in flight; more only fight for mongod's cache."""
LOOK_AHEAD: Final = 2_000
"""Waiting commits that are looked at for those that can run now."""
LARGE_PATIENCE_SECONDS: Final = 90.0
"""How long a large transaction is tried again; mongod aborts them when its cache is under pressure."""


def now_us() -> int:
    """The time in microseconds since the epoch."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    prepared: Prepared
    keys: frozenset[str]
    """Resources and claims that no other running commit may share."""
    done: asyncio.Future[None]

    @property
    def alone(self) -> bool:
        return bool(self.prepared.claims) or self.large or not self.prepared.checked

    @property
    def large(self) -> bool:
        return self.prepared.weight > LARGE_WEIGHT


@dataclass(slots=True)
class _Running:
    """What is in flight."""

    keys: set[str] = field(default_factory=set)
    groups: int = 0
    grouped: int = 0
    """Commits in these groups."""
    alone: int = 0
    large: int = 0
    large_weight: int = 0


class Committer:
    """Commits changes durably. One for each process and database; `start` it first, `stop` it last.

    base_url: the server's own, whose absolute references count as relative. clock: µs since the epoch.
    cache_share: part of mongod's cache that the large transactions of this process may fill together, 0 to 1.
    parameters: those that resources are to be found by. threads: where large resources are encoded.
    """

    def __init__(
        self,
        db: Database,
        *,
        base_url: str,
        cache_share: float = 0.25,
        guards: Sequence[Guard] = (),
        clock: Callable[[], int] = now_us,
        parameters: CurrentParameters | None = None,
        threads: Threads | None = None,
    ) -> None:
        self._db = db
        self._base_url = base_url
        self._cache_share = cache_share
        self._guards = tuple(guards)
        self._clock = clock
        self._parameters = parameters or CurrentParameters()
        self._threads = threads or Threads()
        self._settling: dict[str, Callable[[], Awaitable[None]]] = {}
        self._under: Counter[ParameterSet] = Counter()
        self._last = 0
        self._budget = 0
        self._waiting: deque[_Waiting] = deque()
        self._running = _Running()
        self._tasks: set[asyncio.Task[None]] = set()
        self._encoding = asyncio.Lock()
        self._launching = False
        self._open = False

    async def start(self) -> None:
        """Learn how much mongod's cache holds. Raises Unavailable."""
        self._budget = await admission.budget(Access.system("admission of commits"), self._db, self._cache_share)
        self._open = True

    async def stop(self) -> None:
        """Take no more commits, and return when those that wait are done."""
        self._open = False
        while self._tasks or self._waiting:
            await asyncio.sleep(0)  # what waits becomes a task, what has ended makes room
            if self._tasks:
                await asyncio.wait(self._tasks)

    def settle_by(self, type_: str, settle: Callable[[], Awaitable[None]]) -> None:
        """From now on commits that change resources of this type are acknowledged when `settle` has returned."""
        self._settling[type_] = settle

    async def commit(self, access: Access, commit: Commit) -> tuple[Version, ...]:
        """Write the changes together or not at all; the new versions in their order, once they are durable.

        Raises VersionChanged, ConditionChanged, PayloadTooLarge (a resource, or all together, that the database cannot
        take; nothing was written), what a guard raises, InsufficientStorage, Unavailable. A caller that is cancelled
        does not stop its commit.
        """
        if not self._open:
            raise Unavailable("The server is stopping. Try again.")
        parameters = self._parameters.written
        self._under[parameters] += 1
        try:
            prepared = await self._prepare(access, commit, parameters)
            self._admit(prepared)
            for guard in prepared.guards:
                await guard.foresee(access, self._db, commit)
        except BaseException:
            self._under[parameters] -= 1
            raise
        keys = frozenset(change.key for change in commit.changes).union(prepared.claims)
        waiting = _Waiting(prepared, keys, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._launch_soon()
        await waiting.done
        for type_ in self._settling.keys() & {change.type for change in commit.changes}:
            await self._settling[type_]()
        return prepared.versions

    def writes_by(self, parameters: ParameterSet) -> bool:
        """Whether all commits under way make entries for these parameters and no others."""
        self._under = Counter({held: count for held, count in self._under.items() if count})
        return not self._under.keys() - {parameters}

    async def _prepare(self, access: Access, commit: Commit, parameters: ParameterSet) -> Prepared:
        """Encode the changes; Bundles one after another, so that together they leave the event loop to others."""
        turn = self._encoding if len(commit.changes) > committing.TURN_CHANGES else contextlib.nullcontext()
        async with turn:
            return await committing.prepare(
                access, commit, self._base_url, self._stamp, self._guards, self._budget, parameters, self._threads
            )

    def _stamp(self, before: Version | None) -> int:
        """The time of a new version: strictly increasing here, and later than the version it replaces."""
        self._last = max(self._clock(), self._last + 1, before.updated + 1 if before else 0)
        return self._last

    def _admit(self, prepared: Prepared) -> None:
        """Refuse what can never fit, before anything is written."""
        if prepared.weight > max(LARGE_WEIGHT, self._budget):
            raise PayloadTooLarge(
                f"These {len(prepared.drafts)} changes need {prepared.weight / 1e6:.0f} MB of MongoDB's cache in one "
                f"transaction, and {self._budget / 1e6:.0f} MB of it are for that. Divide the Bundle, or give mongod "
                "a larger cache (--wiredTigerCacheSizeGB).",
                code="too-costly",
            )

    def _launch_soon(self) -> None:
        """Look at the queue when everybody who is ready now has been heard: that makes the groups."""
        if not self._launching:
            self._launching = True
            asyncio.get_running_loop().call_soon(self._launch)

    def _launch(self) -> None:
        """Start all that can run now, in order of arrival."""
        self._launching = False
        running = self._running
        group: list[_Waiting] = []
        group_weight = 0
        later: list[_Waiting] = []
        blocked = set(running.keys)
        no_large = False
        for _ in range(min(len(self._waiting), LOOK_AHEAD)):
            waiting = self._waiting.popleft()
            weight = waiting.prepared.weight
            if not blocked.isdisjoint(waiting.keys):
                can_run = False
            elif waiting.large:
                can_run = not no_large and self._has_room(weight)
                no_large = no_large or not can_run
            elif waiting.alone:
                can_run = running.alone < ALONE_AT_ONCE
            else:
                can_run = (
                    running.groups < GROUPS_AT_ONCE
                    and len(group) < GROUP_COMMITS
                    and group_weight + weight <= GROUP_WEIGHT
                )
            blocked |= waiting.keys
            if not can_run:
                later.append(waiting)
            elif waiting.alone:
                self._spawn([waiting], self._run_alone(waiting))
            else:
                group.append(waiting)
                group_weight += weight
        self._waiting.extendleft(reversed(later))
        if len(group) * COMPANION < running.grouped:
            self._waiting.extendleft(reversed(group))
        elif group:
            self._spawn(group, self._run_group(group))

    def _has_room(self, weight: int) -> bool:
        running = self._running
        return running.large < LARGE_AT_ONCE and running.large_weight + weight <= self._budget

    def _spawn(self, members: Sequence[_Waiting], work: Coroutine[Any, Any, None]) -> None:
        running = self._running
        keys = frozenset().union(*(member.keys for member in members))
        large = sum(member.prepared.weight for member in members if member.large)
        kind = "large" if large else "alone" if members[0].alone else "groups"
        grouped = len(members) if kind == "groups" else 0
        running.keys |= keys
        running.large_weight += large
        running.grouped += grouped
        setattr(running, kind, getattr(running, kind) + 1)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            running.keys -= keys
            running.large_weight -= large
            running.grouped -= grouped
            setattr(running, kind, getattr(running, kind) - 1)
            if self._waiting:
                self._launch_soon()

        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(ended)

    async def _run_group(self, group: Sequence[_Waiting]) -> None:
        """Write a group; where that fails for one of them, each alone."""
        error = await self._attempt(group, transaction.PATIENCE_SECONDS)
        if error is None or len(group) == 1 or not _is_of_one(error):
            for waiting in group:
                self._settle(waiting, error)
            return
        for number, waiting in enumerate(group):
            error = await self._attempt([waiting], transaction.PATIENCE_SECONDS)
            self._settle(waiting, error)
            if error is not None and not _is_of_one(error):  # the database went away: it would for the others as well
                for other in group[number + 1 :]:
                    self._settle(other, error)
                return

    async def _run_alone(self, waiting: _Waiting) -> None:
        patience = LARGE_PATIENCE_SECONDS if waiting.large else transaction.PATIENCE_SECONDS
        self._settle(waiting, await self._attempt([waiting], patience))

    async def _attempt(self, members: Sequence[_Waiting], patience: float) -> Exception | None:
        """Write them in one transaction; the error if that fails."""
        prepared = [waiting.prepared for waiting in members]
        try:
            await transaction.run(
                self._db,
                lambda session: self._write(session, prepared),
                patience=patience,
                retry_conflicts=len(members) == 1,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait
            return error
        return None

    async def _write(self, session: AsyncClientSession, prepared: Sequence[Prepared]) -> None:
        """Write commits. The last thing before they are committed is a look at the clock: should this process have
        stood still, the others may rely on it no longer writing by these parameters."""
        await committing.write(self._db, session, prepared, self._threads)
        for parameters in {one.parameters for one in prepared}:
            self._parameters.check(parameters)

    def _settle(self, waiting: _Waiting, error: Exception | None) -> None:
        """The end of a commit."""
        self._under[waiting.prepared.parameters] -= 1
        _tell(waiting, error)


def _is_of_one(error: Exception) -> bool:
    """Whether a group failed for one of its members, and not for all of them."""
    if isinstance(error, PyMongoError):
        return transaction.is_write_conflict(error) or translation(error) is None
    return not isinstance(error, Unavailable)


def _tell(waiting: _Waiting, error: Exception | None) -> None:
    """Tell the caller, unless it has gone."""
    if waiting.done.done():
        return
    if error is None:
        waiting.done.set_result(None)
    elif isinstance(error, PyMongoError) and (answer := translation(error)) is not None:
        answer.__cause__ = error
        waiting.done.set_exception(answer)
    else:
        waiting.done.set_exception(error)
