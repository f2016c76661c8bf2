"""transaction: all entries or none. https://hl7.org/fhir/R4/http.html#trules.

Rule: entries become `Change`s that are committed once; what was found before the commit is found again in it, and if
somebody wrote in between, everything is worked out anew, in turns with the others that write the same.

The order is the specification's: deletes, creates, updates and patches, then reads. Criteria of conditional writes are
judged on the state before, conditional references on the state after, with what is patched as it was before (see
`bundle_conditions`). Reads are tried before anything is written, so that one that fails makes the transaction fail;
they are made after the commit and see it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

from fhir_server.access.limits import Access
from fhir_server.interactions import (
    bundle_answer,
    bundle_conditions,
    bundle_entries,
    bundle_reads,
    bundle_targets,
    links,
    retries,
    writing,
)
from fhir_server.interactions.bundle_answer import Budget
from fhir_server.interactions.bundle_entries import CHUNK, Entry, Refused
from fhir_server.interactions.bundle_targets import Failures, Target
from fhir_server.interactions.links import Linked, Links
from fhir_server.interactions.server import Server
from fhir_server.interactions.writing import Step
from fhir_server.model import Change, Commit, Condition, FhirRequest, FhirResponse, Interaction, Version, frozen
from fhir_server.store.committer import ConditionChanged, VersionChanged
from fhir_server.threads import HEAVY_BYTES
from resources import validation
from resources.outcome import FhirError, Unprocessable

TRIES = 9
FIRST_PAUSE_SECONDS = 0.01
LONGEST_TURN_SECONDS = 0.02
"""Then others are let run."""
MOST_PATCHED_BYTES = 16 * 1024 * 1024
ROUNDS = 3
"""Times that version-specific links are worked out, as what they lead to may turn out to be unchanged."""

_ORDER = {Interaction.DELETE: 0, Interaction.CREATE: 1, Interaction.UPDATE: 2, Interaction.PATCH: 2}


@frozen
class Write:
    """A write entry made ready; a conditional delete can have any number of steps."""

    entry: Entry
    steps: tuple[Step, ...]


async def transaction(server: Server, access: Access, request: FhirRequest) -> FhirResponse:
    """A transaction-response in the order of the request. Raises the errors of all entries that fail as one, Conflict
    when others keep writing the same resources, PayloadTooLarge for what the database cannot take at once."""
    entries = await checked(server, request)
    keys = {key for entry in entries if entry.writes and (key := writing.turn(entry.request)) is not None}
    if not server.turns.are_taken(keys):
        with contextlib.suppress(VersionChanged, ConditionChanged):
            return await attempt(server, access, entries)
    async with server.turns.of_all(keys):
        return await retries.until_undisturbed(
            lambda: attempt(server, access, entries),
            "the same resources",
            tries=TRIES,
            first_pause=FIRST_PAUSE_SECONDS,
        )


async def checked(server: Server, request: FhirRequest) -> list[Entry]:
    """The entries, all understood. Raises everything that can be said without the database, of the resources too."""
    parsed = await bundle_entries.parse(request, server.threads)
    entries = [item for item in parsed if isinstance(item, Entry)]
    failures = Failures()
    for item in parsed:
        if isinstance(item, Refused):
            failures.add(item.position, item.error, placed=True)
    bundle_targets.check_full_urls(entries, failures)
    for entry in entries:
        if entry.request.interaction is Interaction.OPERATION:
            check_operation(server, entry, failures)
    if failures:
        for entry in entries:
            if failures.enough:
                break
            await add_invalid(server, entry, failures)
            await asyncio.sleep(0)
        failures.raise_any()
    return entries


def check_operation(server: Server, entry: Entry, failures: Failures) -> None:
    """An operation that changes something of its own accord could not be undone with the rest."""
    operation = server.operations.get(entry.request.operation or "")
    if operation is not None and not operation.reads:
        failures.add(
            entry.position,
            Unprocessable(f"${operation.name} changes data, so it cannot be part of a transaction: call it by itself."),
        )


async def add_invalid(server: Server, entry: Entry, failures: Failures) -> None:
    """What is wrong with the resource itself, beside what makes the Bundle fail already."""
    if entry.request.interaction in (Interaction.CREATE, Interaction.UPDATE):
        asked = entry.request
        issues = await server.threads.sized(asked.body_bytes, validation.validate, asked.body, type_=asked.type)
        if issues:
            failures.add(entry.position, Unprocessable(issues=issues))


async def attempt(server: Server, access: Access, entries: Sequence[Entry]) -> FhirResponse:
    """Work the transaction out on the present state and commit it. Raises VersionChanged and ConditionChanged too."""
    writes, conditions = await prepared(server, access, [entry for entry in entries if entry.writes])
    reads = [entry for entry in entries if not entry.writes]
    try:
        await bundle_reads.rehearse(server, access, reads, changes_of(writes))
        made = await committed(server, access, writes, conditions)
    except FhirError:
        # What is wrong with the Bundle itself is told before all else, and completely.
        await check(server, writes, Failures())
        raise
    answers: list[bytes] = [b""] * len(entries)
    budget = Budget()
    for number, write in enumerate(writes, 1):
        asked = write.entry.request
        told = answer(asked, write, made)
        answers[write.entry.position] = await bundle_answer.entry_text(asked, told, budget)
        if number % CHUNK == 0:
            await asyncio.sleep(0)
    await bundle_reads.run(server, reads, answers, budget)
    return bundle_answer.response("transaction-response", answers)


async def prepared(
    server: Server, access: Access, entries: Sequence[Entry]
) -> tuple[list[Write], tuple[Condition, ...]]:
    """The steps of all writes, their links replaced, and the conditions under which they may be committed.

    Raises what is wrong with any of them, as one error.
    """
    failures = Failures()
    targets = await bundle_targets.find(server, access, entries, failures)
    bundle_targets.check_overlap(entries, targets, failures)
    entries = [entry for entry in entries if entry.position in targets]
    made = made_links(entries, targets)
    for _ in range(ROUNDS):
        linked = await made.rewritten(entries, server.threads)
        found = await bundle_conditions.resolve(server, access, linked, targets, failures)
        writes = [write async for write in made_ready(server, linked, targets, found.keys, failures)]
        if failures:
            await check(server, writes, failures)
        if not made.correct(versions(writes)):
            break
    conditions = [condition for write in writes for step in write.steps for condition in step.conditions]
    return writes, (*conditions, *found.conditions)


def made_links(entries: Sequence[Entry], targets: dict[int, Target]) -> Links:
    """Where each fullUrl leads, and the version that its target is about to have."""
    made = Links()
    for entry in entries:
        target = targets[entry.position]
        if target.id is None or entry.request.interaction is Interaction.DELETE:
            continue
        key = f"{entry.request.type}/{target.id}"
        current = target.current.version if target.current else 0
        made.versions[key] = current if target.settled else current + 1
        if entry.full_url is not None:
            made.add(entry.full_url, key)
    return made


async def made_ready(
    server: Server,
    linked: Sequence[Linked],
    targets: dict[int, Target],
    conditional: Mapping[str, str],
    failures: Failures,
) -> AsyncIterator[Write]:
    """The steps of each entry, until enough have failed: those are added to `failures`. Lets others run meanwhile."""
    clock = asyncio.get_running_loop().time
    pause = clock() + LONGEST_TURN_SECONDS
    patched = 0
    for each in linked:
        size = each.asked.request.body_bytes
        settled = each
        if each.conditional:
            settled = await server.threads.sized(size, links.with_conditional, each, conditional)
        target = targets[each.asked.position]
        try:
            if each.asked.request.interaction is Interaction.PATCH:
                patched += len(target.current.text or b"") if target.current else 0
                made = await patch_steps(server, settled, target, patched)
            elif size < HEAVY_BYTES:
                made = bundle_targets.steps(settled, target)
            else:
                made = await server.threads.heavy(bundle_targets.steps, settled, target)
            yield Write(each.asked, made)
        except FhirError as error:
            failures.add(each.asked.position, error)
            if failures.enough:
                return
        if clock() > pause:
            await asyncio.sleep(0)
            pause = clock() + LONGEST_TURN_SECONDS


async def check(server: Server, writes: Sequence[Write], failures: Failures) -> None:
    """Check what the commit would: raises it together with `failures`, as one error, if there is anything."""
    for write in writes:
        for step in write.steps:
            if step.change is None or step.change.check is None or failures.enough:
                continue
            try:
                await server.threads.sized(write.entry.request.body_bytes, step.change.check)
            except FhirError as error:
                failures.add(write.entry.position, error)
            await asyncio.sleep(0)
    failures.raise_any()


async def patch_steps(server: Server, linked: Linked, target: Target, patched: int) -> tuple[Step, ...]:
    """The steps of a patch, in a thread; `patched` are the bytes of what this transaction patches, with this one.

    Raises Unprocessable where they are too many, and what the patch raises.
    """
    if patched > MOST_PATCHED_BYTES:
        raise Unprocessable(
            f"A transaction patches resources of {MOST_PATCHED_BYTES:,} bytes together at most: divide it.",
            code="too-costly",
        )
    return await server.threads.heavy(bundle_targets.steps, linked, target)


def versions(writes: Sequence[Write]) -> dict[str, int]:
    """The version that each resource has when the transaction is done."""
    found = {}
    for write in writes:
        for step in write.steps:
            if step.change is not None:
                before = step.change.before
                found[step.change.key] = before.version + 1 if before else 1
            elif step.current is not None:
                found[step.current.key] = step.current.version
    return found


def changes_of(writes: Sequence[Write]) -> tuple[Change, ...]:
    """All changes in the order of the specification."""
    ordered = sorted(writes, key=lambda write: _ORDER[write.entry.request.interaction])
    return tuple(step.change for write in ordered for step in write.steps if step.change is not None)


async def committed(
    server: Server, access: Access, writes: Sequence[Write], conditions: tuple[Condition, ...]
) -> dict[str, Version]:
    """The new versions by their keys, once they are durable."""
    changes = changes_of(writes)
    if not changes:
        return {}
    made = await server.committer.commit(access, Commit(changes, conditions))
    return {version.key: version for version in made}


def answer(request: FhirRequest, write: Write, made: Mapping[str, Version]) -> FhirResponse:
    """What became of a write."""
    if len(write.steps) != 1:
        return FhirResponse(204)
    [step] = write.steps
    version = made[step.change.key] if step.change else step.current
    return writing.written(request, step, version)
