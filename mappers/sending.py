"""One load's conversation with the server: a transaction at a time, and what its answer means.

Rule: an entry is refused alone. Where the server says which entries it does not take, the others are sent without them.
"""

from __future__ import annotations

import asyncio
import email.utils
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from mappers.identities import Memory
from mappers.sources import Item
from resources import json_codec
from resources.outcome import FhirError

TRIES = 8
LONGEST_PAUSE_SECONDS = 20.0
AWAY = frozenset({429, 502, 503, 504})
"""The server, or what stands before it, asks to come again."""
LATER = frozenset({404, 409, 410, 412})
LATER_CODES = frozenset({"not-found", "conflict", "deleted"})
"""What another part of the load may still make good: a conditional reference, referential integrity, a conflict."""
TOO_LARGE = frozenset({408, 413, 507})

_ENTRY = re.compile(r"Bundle\.entry\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Complaint:
    """One issue of the server's: its code and, with the element concerned, its words."""

    code: str
    words: str


class Sender:
    """Sends entries and counts what became of them. `settled` is told of entries that are done with."""

    def __init__(
        self, client: httpx.AsyncClient, base_url: str, remembered: Memory, settled: Callable[[Sequence[Item]], None]
    ) -> None:
        self.created = self.updated = self.unchanged = 0
        self.put_off = 0
        self.last_try = False
        self.refused: list[tuple[str, str]] = []
        self._client = client
        self._base_url = base_url
        self._remembered = remembered
        self._settled = settled
        self._began: datetime | None = None

    @property
    def succeeded(self) -> int:
        """Entries that the server took."""
        return self.created + self.updated + self.unchanged

    async def send(self, items: list[Item]) -> None:
        """Send entries together; where some are refused, the others without them. Raises httpx.HTTPError."""
        while items:
            answer = await self._post(items)
            body = decoded(answer)
            if answer.status_code == httpx.codes.OK:
                self._count(items, body)
                self._settled(items)
                return
            items = self._without_refused(items, answer.status_code, body)
            if answer.status_code in TOO_LARGE and len(items) > 1:
                half = len(items) // 2
                await self.send(items[:half])
                items = items[half:]

    async def _post(self, items: list[Item]) -> httpx.Response:
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [item.entry for item in items]}
        content = json_codec.encode(bundle)
        headers = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
        for number in range(1, TRIES + 1):
            try:
                answer = await self._client.post(self._base_url, content=content, headers=headers)
            except httpx.TransportError:
                if number == TRIES:
                    raise
                await asyncio.sleep(pause(None, number))
                continue
            self._began = self._began or server_time(answer)
            if answer.status_code not in AWAY:
                return answer
            await asyncio.sleep(pause(answer.headers.get("retry-after"), number))
        answer.raise_for_status()
        return answer

    def _count(self, items: Sequence[Item], body: Any) -> None:
        for item, told in zip(items, body["entry"], strict=True):
            response = told.get("response", {})
            if response.get("status", "").startswith("201"):
                self.created += 1
            elif self._is_new(response.get("lastModified")):
                self.updated += 1
            else:
                self.unchanged += 1
            if item.key is None:
                self._learn(item, response.get("location"))

    def _is_new(self, last_modified: str | None) -> bool:
        """Whether this load made the version; both times are the server's."""
        if last_modified is None or self._began is None:
            return False
        return datetime.fromisoformat(last_modified) >= self._began

    def _learn(self, item: Item, location: str | None) -> None:
        """What the fullUrl of an entry means whose id the server chose: others may refer to it."""
        full_url = item.entry.get("fullUrl")
        if isinstance(full_url, str) and location is not None:
            type_, id_ = location.partition("/_history/")[0].split("/")[-2:]
            self._remembered.remember([(full_url, f"{type_}/{id_}")])

    def _without_refused(self, items: list[Item], status: int, body: Any) -> list[Item]:
        """The entries that the server did not complain of. What it named is refused, or put off for later."""
        found = complaints(body)
        named = [number for number in found if number is not None and number < len(items)]
        together = any(item.key is None for item in items)
        if status in TOO_LARGE and len(items) > 1 and not named and not together:
            return items
        whole = [each for number in found if number is None for each in found[number]]
        if together or not named:
            self._give_up(items, status, [each for number in found for each in found[number]])
            return []
        for number in named:
            self._give_up([items[number]], status, found[number] + whole)
        return [item for number, item in enumerate(items) if number not in found]

    def _give_up(self, items: Sequence[Item], status: int, complaints: Sequence[Complaint]) -> None:
        """Put entries off that belong together, or refuse them where another try would not help."""
        may_wait = status in LATER if not complaints else all(each.code in LATER_CODES for each in complaints)
        if may_wait and not self.last_try:
            self._remembered.put_off(json_codec.encode([[i.source, i.size, i.key, i.entry] for i in items]))
            self.put_off += len(items)
            return
        reason = "; ".join(each.words for each in complaints) or f"the server answered {status}"
        if len(items) > 1:
            reason = f"{reason} (a transaction with {len(items) - 1} other entries, none of which was stored)"
        self.refused.append((items[0].source, reason))
        self._settled(items)


def decoded(answer: httpx.Response) -> Any:
    """The JSON of an answer; None where it is something else, such as a gateway's page."""
    try:
        return json_codec.decode(answer.content)
    except FhirError:
        return None


def complaints(body: Any) -> dict[int | None, list[Complaint]]:
    """What an OperationOutcome says, by the number of the entry concerned; None for no entry in particular."""
    found: dict[int | None, list[Complaint]] = {}
    issues = body.get("issue", []) if isinstance(body, dict) else []
    for issue in issues:
        if issue.get("severity") not in ("error", "fatal"):
            continue
        expression = (issue.get("expression") or [""])[0]
        place = _ENTRY.match(expression)
        words = issue.get("diagnostics") or issue.get("code") or ""
        where = expression[place.end() :].removeprefix(".resource").removeprefix(".") if place else ""
        complaint = Complaint(issue.get("code", ""), f"{where}: {words}" if where else words)
        found.setdefault(int(place[1]) if place else None, []).append(complaint)
    return found


def server_time(answer: httpx.Response) -> datetime | None:
    """When the server answered, by its own clock, to the second below."""
    date = answer.headers.get("date")
    return email.utils.parsedate_to_datetime(date) - answer.elapsed if date else None


def pause(retry_after: str | None, number: int) -> float:
    """Seconds to wait before try number + 1."""
    if retry_after is not None and retry_after.isdigit():
        return min(float(retry_after), LONGEST_PAUSE_SECONDS)
    return min(0.25 * 2.0**number, LONGEST_PAUSE_SECONDS)
