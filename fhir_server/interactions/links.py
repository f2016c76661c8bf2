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
            patched = _replaced(body, self.absolute)
            return Linked(entry, patched, tuple(dict.fromkeys(_in_operations(patched))))
        leads = self._leads(entry)
        own = _own_links(body)
        after = references.rewrite(
            body, leads.__getitem__ if not own else lambda link: None if _address(link) in own else leads[link]
        )
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
    if isinstance(linked.body, list):
        return Linked(linked.asked, _replaced(linked.body, keys))
    return Linked(linked.asked, references.rewrite(linked.body, keys.get))


def _replaced(value: Any, keys: Mapping[str, str]) -> Any:
    """The operations of a JSON Patch with their links replaced: whole strings only, as the elements that they go to are
    not known yet."""
    if isinstance(value, str):
        return keys.get(value, value)
    if isinstance(value, list):
        return [_replaced(item, keys) for item in value]
    if isinstance(value, dict):
        return {name: _replaced(item, keys) for name, item in value.items()}
    return value


def _in_operations(patch: Sequence[Any]) -> Iterator[str]:
    """Each conditional reference that a JSON Patch puts where a reference stands."""
    for operation in patch:
        if isinstance(operation, dict) and "value" in operation:
            last = str(operation.get("path", "")).rpartition("/")[2]
            yield from _in_value(last, operation["value"])


def _in_value(member: str, value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if member == "reference" and _is_conditional(value):
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _in_value(member, item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _in_value(name, item)


def _own_links(body: Json) -> frozenset[str]:
    """What the resources inside a Bundle are called there: links to them lead to them, whatever has the same name
    outside (https://hl7.org/fhir/R4/bundle.html#references)."""
    if body.get("resourceType") != "Bundle" or not isinstance(body.get("entry"), list):
        return frozenset()
    own = set()
    for entry in body["entry"]:
        full_url = entry.get("fullUrl") if isinstance(entry, dict) else None
        if isinstance(full_url, str):
            parsed = references.parse(full_url)
            own.add(full_url)
            if parsed is not None and parsed.id is not None:
                own.add(f"{parsed.type}/{parsed.id}")
    return frozenset(own)


def _address(link: str) -> str:
    """A link without its version and fragment."""
    return link.partition("#")[0].partition(_HISTORY)[0]


def conditional_references(resource: Json) -> Iterator[str]:
    """Each `Patient?identifier=…` that stands as a reference in the resource; links in narrative are searches."""
    for _, _, value in references.references_in(resource):
        if _is_conditional(value):
            yield value


def _is_conditional(reference: str) -> bool:
    parsed = references.parse(reference) if "?" in reference else None
    return parsed is not None and parsed.criteria is not None
