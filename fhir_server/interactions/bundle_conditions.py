"""Conditional references of a transaction, and criteria judged on what it is about to write.

Rule: a conditional reference is resolved last, as the specification orders: it may lead to a resource that the same
transaction creates, and never to one that it deletes. See https://hl7.org/fhir/R4/http.html#trules.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fhir_server.access.limits import Access
from fhir_server.interactions import address, bundle_entries, conditional
from fhir_server.interactions.bundle_entries import CHUNK
from fhir_server.interactions.bundle_targets import Failures, Target, deletes, side_by_side
from fhir_server.interactions.conditional import Match
from fhir_server.interactions.links import Linked
from fhir_server.interactions.server import Server
from fhir_server.model import Condition, Interaction, Json
from fhir_server.search import match as matching
from fhir_server.search.extract import Extracted, extract
from fhir_server.search.tree import All, Equals, Expr
from fhir_server.store import committer, reader
from fhir_server.store.committer import ConditionChanged
from fhir_server.threads import Threads
from resources import json_codec, references, validation
from resources.outcome import FhirError, PayloadTooLarge, PreconditionFailed, Unprocessable

MOST_COMPARISONS = 200_000
"""Criteria times entries that they are compared with, in one transaction; about two seconds."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Conditional reference → `Patient/1`, and what must still hold when the transaction is committed."""

    keys: Mapping[str, str]
    conditions: tuple[Condition, ...]


@dataclass(slots=True)
class _Table:
    """The resources of one type that are about to be written, with their search entries."""

    rows: list[tuple[int, str, Extracted]] = field(default_factory=list)
    """Position of the entry, key, entries."""
    by_entry: dict[str, list[int]] = field(default_factory=dict)
    """Entry of `Extracted.index` → numbers of rows."""


class Pending:
    """What a transaction is about to write and to delete, searchable by criteria before it is written."""

    def __init__(
        self, linked: Iterable[Linked], targets: Mapping[int, Target], base_url: str, threads: Threads
    ) -> None:
        self.deleted: set[str] = set()
        self.written: set[str] = set()
        self._base_url = base_url
        self._threads = threads
        self._waiting: dict[str, list[tuple[int, str, Json]]] = {}
        self._tables: dict[str, _Table] = {}
        self._compared = 0
        for each in linked:
            self._add(each, targets[each.asked.position])

    def _add(self, each: Linked, target: Target) -> None:
        asked = each.asked.request
        key = f"{asked.type}/{target.id}"
        if asked.interaction is Interaction.DELETE:
            self.deleted.update(deletes(each.asked, target))
        elif asked.interaction is not Interaction.PATCH and target.settled is None:
            self.written.add(key)
            self._waiting.setdefault(str(asked.type), []).append((each.asked.position, key, each.body))

    async def matching(self, type_: str, tree: Expr) -> list[tuple[int, str]]:
        """Position and key of the entries that write a resource of this type which the criteria match."""
        if type_ not in self._tables and type_ in self._waiting:
            self._tables[type_] = await self._extracted(self._waiting[type_])
        table = self._tables.get(type_)
        if table is None:
            return []
        first = _equality(tree)
        numbers: Sequence[int] = range(len(table.rows)) if first is None else table.by_entry.get(first, ())
        self._compared += len(numbers)
        if self._compared > MOST_COMPARISONS:
            raise Unprocessable(
                "The criteria in this transaction would have to be compared with too many of its own entries. Use "
                "criteria that name a value, such as identifier=system|value, or divide the Bundle.",
                code="too-costly",
            )
        now = committer.now_us()
        found = []
        for count, number in enumerate(numbers, 1):
            position, key, entries = table.rows[number]
            if matching.matches(tree, entries, type_=type_, id_=key.partition("/")[2], updated=now):
                found.append((position, key))
            if count % CHUNK == 0:
                await asyncio.sleep(0)
        return found

    async def _extracted(self, waiting: Sequence[tuple[int, str, Json]]) -> _Table:
        table = _Table()
        for number, (position, key, resource) in enumerate(waiting, 1):
            size = len(json_codec.encode(resource))
            entries = await self._threads.sized(size, _entries, resource, self._base_url)
            if entries is not None:
                for entry in set(entries.index):
                    table.by_entry.setdefault(entry, []).append(len(table.rows))
                table.rows.append((position, key, entries))
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        return table


def _entries(resource: Json, base_url: str) -> Extracted | None:
    """None for what is invalid, which fails by itself, and for what has too many."""
    if validation.validate(resource):
        return None
    try:
        return extract(resource, base_url, bounded=True)
    except PayloadTooLarge:
        return None


def _equality(tree: Expr) -> str | None:
    """An index entry that every match has, if the criteria name one; it spares looking at all the others."""
    for part in tree.parts if isinstance(tree, All) else (tree,):
        if isinstance(part, Equals):
            return part.entry
    return None


async def resolve(
    server: Server, access: Access, linked: Sequence[Linked], targets: Mapping[int, Target], failures: Failures
) -> Resolved:
    """Find what each conditional reference leads to; what leads nowhere, or to several, is added to `failures`, and
    so are conditional creates whose criteria match what another entry writes."""
    pending = Pending(linked, targets, server.settings.base_url, server.threads)
    await _check_creates(linked, targets, pending, failures)
    first: dict[str, int] = {}
    for each in linked:
        for text in each.conditional:
            first.setdefault(text, each.asked.position)
    texts = list(first)
    found = await side_by_side(texts, lambda text: _find(server, access, text))
    keys: dict[str, str] = {}
    conditions: list[Condition] = []
    for text, match in zip(texts, found, strict=True):
        try:
            if isinstance(match, FhirError):
                raise match
            rows = await pending.matching(match.condition.type, match.condition.tree)
            for position, _ in rows if match.version is not None else ():
                await _check_overtaken(server, access, targets[position])
            keys[text] = _only(text, match, {key for _, key in rows}, pending)
            conditions.append(match.condition)
        except ConditionChanged:
            raise
        except FhirError as error:
            failures.add(first[text], _named(text, error))
    return Resolved(keys, tuple(conditions))


async def _find(server: Server, access: Access, text: str) -> Match:
    """What the database has for a conditional reference. Raises BadRequest, PreconditionFailed."""
    parsed = references.parse(text)
    assert parsed is not None, "links lists conditional references only"  # noqa: S101 - links' contract
    return await conditional.find(server, access, str(parsed.type), address.pairs(parsed.criteria or ""))


async def _check_overtaken(server: Server, access: Access, target: Target) -> None:
    """Raises ConditionChanged where a conditional create of this transaction found nothing a moment ago and would find
    something now: an equal transaction was quicker, and what the reference found is what it made."""
    for condition in target.conditions:
        if condition.found is None and await reader.matching(
            access, server.database, condition.type, condition.tree, most=1
        ):
            raise ConditionChanged(condition)


def _only(text: str, match: Match, written: set[str], pending: Pending) -> str:
    """The one resource that the criteria match when the transaction is done; `written` are those that it writes itself.

    Raises PreconditionFailed.
    """
    found = set(written)
    if match.version is not None and match.version.key not in pending.written | pending.deleted:
        found.add(match.version.key)
    if len(found) == 1:
        return found.pop()
    if not found:
        raise PreconditionFailed(
            f"The conditional reference {address.shown(text)} matches nothing, neither here nor in the transaction.",
            code="not-found",
        )
    raise PreconditionFailed(
        f"The conditional reference {address.shown(text)} matches several: {', '.join(sorted(found)[:5])}.",
        code="multiple-matches",
    )


def _named(text: str, error: FhirError) -> FhirError:
    """The error of a conditional reference, naming it where the words do not."""
    shown = address.shown(text)
    if any(shown in issue.diagnostics for issue in error.issues):
        return error
    issues = [
        replace(issue, diagnostics=f"The conditional reference {shown}: {issue.diagnostics}", expression=None)
        for issue in error.issues
    ]
    return type(error)(issues=issues)


async def _check_creates(
    linked: Sequence[Linked], targets: Mapping[int, Target], pending: Pending, failures: Failures
) -> None:
    """A conditional create makes a duplicate where another entry writes what its criteria look for."""
    uses = Counter(condition.key for target in targets.values() for condition in target.conditions)
    for each in linked:
        entry = each.asked
        for condition in targets[entry.position].conditions:
            creates = targets[entry.position].creates_by(condition, entry.request)
            if not creates or uses[condition.key] > 1:  # used twice: `check_overlap` says so
                continue
            for position, key in await pending.matching(condition.type, condition.tree):
                if position != entry.position:
                    failures.add(
                        entry.position,
                        PreconditionFailed(
                            f"The criteria match nothing that is stored, but {key}, which "
                            f"{bundle_entries.place(position)} writes.",
                            code="multiple-matches",
                        ),
                    )
