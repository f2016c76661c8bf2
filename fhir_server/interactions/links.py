"""Links between the entries of a transaction: what a fullUrl, urn or conditional reference becomes.

Rule: pure; a link is replaced wherever `resources.references.rewrite` finds one, and keeps its fragment and its being
version-specific. See https://hl7.org/fhir/R4/http.html#trules and https://hl7.org/fhir/R4/bundle.html#references.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fhir_server.interactions.bundle_entries import CHUNK, Entry
from fhir_server.model import Json, frozen
from fhir_server.threads import HEAVY_BYTES, Threads
from resources import references

_HISTORY = "/_history/"


@dataclass(slots=True)
class Links:
    """Where the links of one Bundle lead.

    `absolute`: fullUrl → `Patient/1`. `relative`: for each base of RESTful fullUrls, `Patient/1` there → here, because
    a relative reference is resolved against its own entry's fullUrl. `versions`: version of each target when the
    transaction is done. `pinned` collects the targets that a version-specific link led to.
    """

    absolute: dict[str, str] = field(default_factory=dict)
    relative: dict[str, dict[str, str]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    pinned: set[str] = field(default_factory=set)
    _found: dict[str | None, _Leads] = field(default_factory=dict, repr=False, compare=False)
    """By the base of the entries' fullUrls; empty after each change."""

    def add(self, full_url: str, key: str) -> None:
        """Let links to `full_url` lead to `key`, `Patient/1`."""
        self._found.clear()
        self.absolute[full_url] = key
        if full_url.startswith("urn:"):
            return
        parsed = references.parse(full_url)
        if parsed is not None and parsed.base is not None:
            there = f"{parsed.type}/{parsed.id}"
            if there != key:
                self.relative.setdefault(parsed.base, {})[there] = key

    async def rewritten(self, entries: Sequence[Entry], threads: Threads) -> list[Linked]:
        """The entries with the links in their bodies replaced. Lets others run every `CHUNK` entries, and takes large
        ones to a thread."""
        found = []
        for number, entry in enumerate(entries, 1):
            if entry.request.body_bytes < HEAVY_BYTES:
                found.append(self.rewrite(entry))
            else:
                found.append(await threads.heavy(self.rewrite, entry))
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        return found

    def rewrite(self, entry: Entry) -> Linked:
        """The entry with the links in its body replaced, and the conditional references that are left."""
        body = entry.request.body
        if body is None:
            return Linked(entry, None)
        if isinstance(body, list):
            return Linked(entry, self._in_patch(body))
        leads = self._leads(entry)
        after = references.rewrite(body, leads.__getitem__)
        return Linked(entry, after, tuple(conditional_references(after)) if leads.suspicious else ())

    def correct(self, versions: Mapping[str, int]) -> bool:
        """Learn the versions that the targets really get; whether a version-specific link has to change for it."""
        wrong = {key for key in self.pinned if versions.get(key, self.versions.get(key)) != self.versions.get(key)}
        self.versions.update((key, versions[key]) for key in wrong)
        self._found.clear()
        return bool(wrong)

    def _leads(self, entry: Entry) -> _Leads:
        """Where the links of this entry lead; relative ones only where it has a RESTful fullUrl as others have."""
        parsed = references.parse(entry.full_url) if self.relative and entry.full_url is not None else None
        base = parsed.base if parsed else None
        if base not in self._found:
            self._found[base] = _Leads(self, self.relative.get(base or "", {}))
        return self._found[base]

    def with_ending(self, link: str, local: Mapping[str, str]) -> str | None:
        """Where a link with a fragment or version leads."""
        address, mark, fragment = link.partition("#")
        key = self.absolute.get(address) or local.get(address)
        if key is not None:
            return key + mark + fragment
        address, history, _ = address.partition(_HISTORY)
        key = self.absolute.get(address) or local.get(address)
        if not history or key is None:
            return None
        self.pinned.add(key)
        return f"{key}{_HISTORY}{self.versions.get(key, 1)}{mark}{fragment}"

    def _in_patch(self, value: Any) -> Any:
        """The operations of a JSON Patch with their links replaced: whole strings only, as the elements that they go
        to are not known yet."""
        if isinstance(value, str):
            return self.absolute.get(value, value)
        if isinstance(value, list):
            return [self._in_patch(item) for item in value]
        if isinstance(value, dict):
            return {name: self._in_patch(item) for name, item in value.items()}
        return value


class _Leads(dict[str, "str | None"]):
    """Link → where it leads, each found once for all entries of a base: the few code systems and the patient stand in
    every one. `suspicious` says that some link may be a conditional reference."""

    def __init__(self, links: Links, local: Mapping[str, str]) -> None:
        super().__init__()
        self._links = links
        self._local = local
        self.suspicious = False

    def __missing__(self, link: str) -> str | None:
        found = self._links.absolute.get(link) or self._local.get(link)
        if found is None and ("#" in link or _HISTORY in link):
            found = self._links.with_ending(link, self._local)
        elif found is None and "?" in link:
            self.suspicious = True
        self[link] = found
        return found


@frozen
class Linked:
    """An entry, and its body with the links replaced, but for the conditional references that are listed."""

    asked: Entry
    body: Any
    conditional: tuple[str, ...] = ()

    @property
    def entry(self) -> Entry:
        """The entry with that body."""
        asked = self.asked
        if self.body is asked.request.body:
            return asked
        return replace(asked, request=replace(asked.request, body=self.body))


def with_conditional(linked: Linked, keys: Mapping[str, str]) -> Linked:
    """The entry with its conditional references replaced too, by what they were found to mean."""
    return Linked(linked.asked, references.rewrite(linked.body, keys.get))


def conditional_references(resource: Json) -> Iterator[str]:
    """Each `Patient?identifier=…` that stands as a reference in the resource; links in narrative are searches."""
    for _, _, value in references.references_in(resource):
        if "?" in value:
            parsed = references.parse(value)
            if parsed is not None and parsed.criteria is not None:
                yield value
