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
from fhir_server.model import Json
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

    def add(self, full_url: str, key: str) -> None:
        """Let links to `full_url` lead to `key`, `Patient/1`."""
        self.absolute[full_url] = key
        parsed = references.parse(full_url)
        if parsed is not None and parsed.base is not None:
            there = f"{parsed.type}/{parsed.id}"
            if there != key:
                self.relative.setdefault(parsed.base, {})[there] = key

    async def rewritten(self, entries: Sequence[Entry]) -> list[Linked]:
        """The entries with the links in their bodies replaced. Lets others run every `CHUNK` entries."""
        found = []
        for number, entry in enumerate(entries, 1):
            found.append(self.rewrite(entry))
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        return found

    def rewrite(self, entry: Entry) -> Linked:
        """The entry with the links in its body replaced, and the conditional references that are left."""
        body = entry.request.body
        if body is None:
            return Linked(entry)
        if isinstance(body, list):
            return Linked(with_body(entry, self._in_patch(body)))
        local = self._local(entry)
        absolute = self.absolute
        suspicious = False

        def target(link: str) -> str | None:
            nonlocal suspicious
            found = absolute.get(link) or local.get(link)
            if found is None and ("#" in link or _HISTORY in link):
                found = self._with_ending(link, local)
            elif found is None and "?" in link:
                suspicious = True
            return found

        after = with_body(entry, references.rewrite(body, target))
        return Linked(after, tuple(conditional_references(after.request.body)) if suspicious else ())

    def correct(self, versions: Mapping[str, int]) -> bool:
        """Learn the versions that the targets really get; whether a version-specific link has to change for it."""
        wrong = {key for key in self.pinned if versions.get(key, self.versions.get(key)) != self.versions.get(key)}
        self.versions.update((key, versions[key]) for key in wrong)
        return bool(wrong)

    def _local(self, entry: Entry) -> Mapping[str, str]:
        """Where relative links of this entry lead, if it has a RESTful fullUrl as others of the Bundle have."""
        if not self.relative or entry.full_url is None:
            return {}
        parsed = references.parse(entry.full_url)
        return self.relative.get(parsed.base or "", {}) if parsed else {}

    def _with_ending(self, link: str, local: Mapping[str, str]) -> str | None:
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


@dataclass(frozen=True, slots=True)
class Linked:
    """An entry whose links are replaced, but for the conditional references that are listed."""

    entry: Entry
    conditional: tuple[str, ...] = ()


def with_body(entry: Entry, body: Any) -> Entry:
    """The entry with another body."""
    return entry if body is entry.request.body else replace(entry, request=replace(entry.request, body=body))


def with_conditional(entry: Entry, keys: Mapping[str, str]) -> Entry:
    """The entry with its conditional references replaced by what they were found to mean."""
    return with_body(entry, references.rewrite(entry.request.body, keys.get))


def conditional_references(resource: Json) -> Iterator[str]:
    """Each `Patient?identifier=…` that stands as a reference in the resource; links in narrative are searches."""
    for _, _, value in references.references_in(resource):
        if "?" in value:
            parsed = references.parse(value)
            if parsed is not None and parsed.criteria is not None:
                yield value
