"""What the writes of a transaction write to: ids given, ids found by criteria, ids made.

Rule: all targets are known before a link is replaced, and no two entries write the same resource.
See https://hl7.org/fhir/R4/http.html#trules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from fhir_server.access.limits import Access
from fhir_server.interactions import bundle_entries, conditional, create, delete, patch, update
from fhir_server.interactions.bundle_entries import Entry
from fhir_server.interactions.links import Linked
from fhir_server.interactions.server import Server
from fhir_server.interactions.writing import Prepare, Step
from fhir_server.model import Condition, FhirRequest, Interaction, Version, frozen
from fhir_server.store import reader
from resources.outcome import BadRequest, FhirError

T = TypeVar("T")
R = TypeVar("R")

IN_FLIGHT = 16
"""Criteria that are searched at a time."""

_PREPARE: dict[Interaction, Prepare] = {
    Interaction.CREATE: create.prepare,
    Interaction.UPDATE: update.prepare,
    Interaction.PATCH: patch.prepare,
    Interaction.DELETE: delete.prepare,
}


@frozen
class Target:
    """What an entry writes to. `id` is None for a delete that found nothing; `current` is the stored version, also a
    tombstone; `settled` are the steps of an entry on which links have no influence."""

    id: str | None
    current: Version | None = None
    conditions: tuple[Condition, ...] = ()
    settled: tuple[Step, ...] | None = None

    @property
    def finds(self) -> Version | None:
        """What a conditional create found, and leaves as it is."""
        if self.settled is None or len(self.settled) != 1 or self.settled[0].change is not None:
            return None
        return self.settled[0].current

    def creates_by(self, condition: Condition, request: FhirRequest) -> bool:
        """Whether the entry makes a resource because its criteria match none, or none that stays."""
        return condition.found is None or (request.interaction is Interaction.CREATE and self.settled is None)


class Failures:
    """The errors of entries, collected so that a client learns of all at once."""

    def __init__(self) -> None:
        self._errors: list[tuple[int, FhirError]] = []
        self._placed: set[FhirError] = set()
        self._issues = 0

    def __bool__(self) -> bool:
        return bool(self._errors)

    @property
    def enough(self) -> bool:
        """Whether there are more issues than an answer tells."""
        return self._issues > bundle_entries.MOST_ISSUES

    def add(self, position: int, error: FhirError, *, placed: bool = False) -> None:
        """Note what is wrong with an entry. A failure that is not the client's is raised at once.

        `placed`: its issues say already where in the Bundle they are, not where in the entry's resource.
        """
        if error.status >= 500:
            raise error
        self._errors.append((position, error))
        self._issues += len(error.issues)
        if placed:
            self._placed.add(error)

    def raise_any(self) -> None:
        """Raise what was collected as one error: the issues of all, the status of the first entry's."""
        if not self._errors:
            return
        errors = sorted(self._errors, key=lambda each: each[0])
        issues = [
            issue if error in self._placed else bundle_entries.located(issue, position)
            for position, error in errors
            for issue in error.issues
        ]
        kind, headers = type(errors[0][1]), errors[0][1].headers
        raise kind(issues=bundle_entries.shortened(issues), headers=headers)


async def find(server: Server, access: Access, entries: Sequence[Entry], failures: Failures) -> dict[int, Target]:
    """The target of each write, by its position. What cannot be found is added to `failures`."""
    targets: dict[int, Target] = {}
    keys = [f"{entry.request.type}/{entry.request.id}" for entry in entries if entry.request.id is not None]
    stored = await reader.read_many(access, server.database, keys) if keys else {}
    by_criteria: list[Entry] = []
    for entry in entries:
        asked = entry.request
        if asked.id is not None:
            targets[entry.position] = Target(asked.id, stored.get(f"{asked.type}/{asked.id}"))
        elif asked.interaction is Interaction.CREATE and asked.when.if_none_exist is None:
            targets[entry.position] = Target(server.new_id())
        else:
            by_criteria.append(entry)
    found = await side_by_side(by_criteria, lambda entry: find_one(server, access, entry.request))
    for entry, target in zip(by_criteria, found, strict=True):
        if isinstance(target, FhirError):
            failures.add(entry.position, target)
        else:
            targets[entry.position] = target
    deleted = {key for entry in entries if entry.position in targets for key in deletes(entry, targets[entry.position])}
    for entry in by_criteria:
        match = targets[entry.position].finds if entry.position in targets else None
        if match is not None and match.key in deleted:
            targets[entry.position] = await create_anew(server, access, entry.request)
    return targets


def writes(entry: Entry, target: Target) -> list[str]:
    """The keys of what an entry writes, a deletion included."""
    if target.settled is None:
        return [f"{entry.request.type}/{target.id}"]
    return [step.change.key for step in target.settled if step.change]


def deletes(entry: Entry, target: Target) -> list[str]:
    """The keys of what an entry deletes."""
    return writes(entry, target) if entry.request.interaction is Interaction.DELETE else []


async def create_anew(server: Server, access: Access, request: FhirRequest) -> Target:
    """The target of a conditional create whose match the same transaction deletes: deletes come first. The match must
    still be the only one when that is committed. Raises what `conditional.find` raises."""
    match = await conditional.find(server, access, str(request.type), request.when.if_none_exist or ())
    return Target(server.new_id(), conditions=(match.condition,))


async def side_by_side(items: Sequence[T], ask: Callable[[T], Awaitable[R]]) -> list[R | FhirError]:
    """What `ask` answers for each item, or the `FhirError` that it raises; `IN_FLIGHT` run at a time."""
    answers: list[R | FhirError] = []

    async def one(item: T) -> R | FhirError:
        try:
            return await ask(item)
        except FhirError as error:
            return error

    for start in range(0, len(items), IN_FLIGHT):
        answers += await asyncio.gather(*map(one, items[start : start + IN_FLIGHT]))
    return answers


async def find_one(server: Server, access: Access, request: FhirRequest) -> Target:
    """The target of a conditional write. Raises what its verb raises."""
    if request.interaction is Interaction.DELETE and server.settings.conditional_delete_multiple:
        return Target(None, settled=await delete.steps(server, access, request))
    step = await _PREPARE[request.interaction](server, access, request)
    id_ = step.change.id if step.change else step.current.id if step.current else None
    is_settled = request.interaction is Interaction.DELETE or (
        request.interaction is Interaction.CREATE and step.change is None
    )
    return Target(id_, step.current, step.conditions, (step,) if is_settled else None)


def check_overlap(entries: Iterable[Entry], targets: dict[int, Target], failures: Failures) -> None:
    """No two entries may write one resource, or create under the same condition."""
    claimed: dict[str, int] = {}
    for entry in entries:
        target = targets.get(entry.position)
        if target is None:
            continue
        for claim, words in claims(entry, target):
            first = claimed.setdefault(claim, entry.position)
            if first != entry.position:
                failures.add(
                    entry.position,
                    BadRequest(
                        f"{words}, as does {bundle_entries.place(first)}: a transaction writes each resource once.",
                        code="duplicate",
                    ),
                )


def claims(entry: Entry, target: Target) -> list[tuple[str, str]]:
    """What an entry must be alone with, and in words: the resources that it writes, the criteria that it relies on."""
    found = [(key, f"This entry writes {key}") for key in writes(entry, target)]
    found += [
        (f"?{condition.key}", "This entry creates on the same criteria")
        for condition in target.conditions
        if target.creates_by(condition, entry.request)
    ]
    return found


def steps(linked: Linked, target: Target) -> tuple[Step, ...]:
    """The steps of a write whose links are replaced; what creates is checked by the commit. Raises what its verb
    raises."""
    if target.settled is not None:
        return target.settled
    asked = linked.asked.request
    match asked.interaction:
        case Interaction.CREATE:
            step = create.late_step(str(asked.type), linked.body, str(target.id))
        case Interaction.UPDATE:
            step = update.step(linked.entry.request, target.current, target.id)
        case Interaction.PATCH:
            step = patch.step(linked.entry.request, target.current)
        case _:
            step = delete.step(asked, target.current)
    return (replace(step, conditions=target.conditions) if target.conditions else step,)


def check_full_urls(entries: Iterable[Entry], failures: Failures) -> None:
    """A link to a fullUrl must lead to one entry."""
    first: dict[str, int] = {}
    for entry in entries:
        if entry.full_url is None:
            continue
        position = first.setdefault(entry.full_url, entry.position)
        if position != entry.position:
            words = f"{bundle_entries.place(position)} has the same fullUrl: a link to it would lead to two resources."
            where = bundle_entries.place(entry.position, "fullUrl")
            failures.add(entry.position, BadRequest(words, code="duplicate", expression=where), placed=True)
