"""The entries of a batch or transaction, parsed into requests: https://hl7.org/fhir/R4/bundle.html#request.

Rule: everything that can be said without the database is said here, all problems at once, each with its entry.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fhir_server.interactions import address
from fhir_server.model import FhirRequest, Interaction, Json, Pairs, Preconditions, Prefer, frozen
from fhir_server.threads import HEAVY_BYTES, Threads
from resources import instants, json_codec, validation
from resources.outcome import BadRequest, FhirError, Issue, PayloadTooLarge, UriTooLong
from resources.registry import RESOURCE_TYPES

CHUNK = 100
"""Entries worked on before others get their turn: some milliseconds."""
MOST_ENTRIES = 100_000
"""Of one Bundle."""
MOST_ISSUES = 200
"""Problems that are told one by one; of the rest the number."""

WRITES = frozenset({Interaction.CREATE, Interaction.UPDATE, Interaction.PATCH, Interaction.DELETE})
CARRIES_BODY = frozenset({Interaction.CREATE, Interaction.UPDATE, Interaction.PATCH})

_HEAD = {"resourceType": "Bundle", "type": "batch"}
MOST_URL = 64 * 1024
"""Characters of an entry's url: a long search can have as many."""
_SOME_REQUEST = {"request": {"method": "GET", "url": "metadata"}}
_ENTRY = re.compile(r"Bundle\.entry\[(\d+)\]")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|//")
_FULL_URL = re.compile(r"urn:uuid:[0-9a-f\-]{1,36}")
_USUAL_ENTRY = {"fullUrl", "resource", "request"}
_USUAL_REQUEST = {"method", "url"}
_USUAL_METHODS = frozenset({"POST", "PUT", "DELETE", "GET"})
_RENDERING = frozenset({"_format", "_pretty"})
"""Parameters that say how an answer is written; the answers in a Bundle are written as the Bundle is."""


@frozen
class Entry:
    """One entry: `position` in the Bundle (from 0), `full_url` as given, and what it asks for."""

    position: int
    full_url: str | None
    request: FhirRequest

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.request.interaction in WRITES

    @property
    def place(self) -> str:
        """FHIRPath of the entry."""
        return place(self.position)


def place(position: int, member: str = "") -> str:
    """FHIRPath of an entry or something in it: `Bundle.entry[3].request.url`."""
    return f"Bundle.entry[{position}]" + (f".{member}" if member else "")


def located(issue: Issue, position: int) -> Issue:
    """The issue of an entry's request as one of the Bundle: what stands at `Patient.name[0]` stands at
    `Bundle.entry[3].resource.name[0]`, what has no place stands at the entry."""
    root, dot, rest = (issue.expression or "").partition(".")
    return replace(issue, expression=place(position, f"resource{dot}{rest}" if root else ""))


def shortened(issues: list[Issue]) -> list[Issue]:
    """The first `MOST_ISSUES`, and that there are more."""
    if len(issues) <= MOST_ISSUES:
        return issues
    more = f"There are more problems than the {MOST_ISSUES} that are listed."
    return [*issues[:MOST_ISSUES], Issue("information", "informational", more)]


@frozen
class Refused:
    """An entry that cannot be understood; the error's issues name it."""

    position: int
    error: FhirError


async def parse(request: FhirRequest, threads: Threads) -> list[Entry | Refused]:
    """The entries of the Bundle in `request.body`, in its order.

    Raises BadRequest for problems of the Bundle itself. Lets others run every `CHUNK` entries, and takes large ones to
    a thread.
    """
    bundle: Json = request.body
    given = bundle.get("entry", [])
    if not isinstance(given, list):
        raise BadRequest("Bundle.entry must be an array.", code="structure", expression="Bundle.entry")
    if len(given) > MOST_ENTRIES:
        words = f"The Bundle has {len(given):,} entries; {MOST_ENTRIES:,} can be taken at once. Divide it."
        raise PayloadTooLarge(words, code="too-costly")
    frame = {name: value for name, value in bundle.items() if name != "entry"}
    [frame_size] = sizes([frame], request)
    if issues := await threads.sized(frame_size, validation.validate, frame, type_="Bundle"):
        raise BadRequest(issues=issues)
    parsed: list[Entry | Refused] = []
    for start in range(0, len(given), CHUNK):
        chunk = given[start : start + CHUNK]
        found = sizes(chunk, request)
        size = min(sum(found), request.body_bytes)
        parsed.extend(await threads.sized(size, parse_chunk, chunk, found, start, request))
        await asyncio.sleep(0)
    return parsed


def sizes(values: list[Any], outer: FhirRequest) -> list[int]:
    """Of each value the size as text, where that matters; of all in a small Bundle, the Bundle's."""
    if outer.body_bytes < HEAVY_BYTES:
        return [outer.body_bytes] * len(values)
    return [len(json_codec.encode(value)) for value in values]


def parse_chunk(chunk: list[Any], sizes_: list[int], start: int, outer: FhirRequest) -> list[Entry | Refused]:
    """Some entries, of these sizes as text; the first stands at `start` in the Bundle."""
    wrong: dict[int, list[Issue]] = {}
    for position, issue in envelope_issues([each for each in enumerate(chunk, start) if not is_usual(each[1])]):
        wrong.setdefault(position, []).append(issue)
    parsed: list[Entry | Refused] = []
    for position, (raw, size) in enumerate(zip(chunk, sizes_, strict=True), start):
        if position in wrong:
            parsed.append(Refused(position, BadRequest(issues=wrong[position])))
            continue
        try:
            parsed.append(parse_entry(raw, position, outer, size))
        except FhirError as error:
            parsed.append(Refused(position, error))
    return parsed


def is_usual(raw: Any) -> bool:
    """Whether an entry, its resource left aside, is certainly right: it has what nearly all have, and nothing else."""
    if not isinstance(raw, dict) or raw.keys() != _USUAL_ENTRY:
        return False
    asked, full_url = raw["request"], raw["fullUrl"]
    return (
        isinstance(asked, dict)
        and asked.keys() == _USUAL_REQUEST
        and isinstance(asked["method"], str)
        and asked["method"] in _USUAL_METHODS
        and isinstance(asked["url"], str)
        and asked["url"] in RESOURCE_TYPES
        and isinstance(full_url, str)
        and _FULL_URL.fullmatch(full_url) is not None
    )


def envelope_issues(entries: list[tuple[int, Any]]) -> list[tuple[int, Issue]]:
    """What is wrong with the structure of these entries, their resources left aside, each with its position."""
    if not entries:
        return []
    full_urls: set[str] = set()
    issues = validation.validate({**_HEAD, "entry": [bare(raw, full_urls) for _, raw in entries]}, type_="Bundle")
    if len(issues) > validation.MAXIMUM_ISSUES and len(entries) > 1:  # some are not told: one by one they are
        return [found for each in entries for found in envelope_issues([each])]
    placed = []
    for issue in issues:
        found = _ENTRY.match(issue.expression or "")
        position = entries[int(found[1]) if found else 0][0]
        rest = (issue.expression or "")[found.end() :] if found else ""
        placed.append((position, replace(issue, expression=place(position) + rest)))
    return placed


def bare(raw: Any, full_urls: set[str]) -> Any:
    """An entry without its resource. What is said elsewhere for the whole Bundle is not said again for a part of it:
    where the request is missing there is some request, and a fullUrl that came already is left out."""
    if not isinstance(raw, dict):
        return raw
    made = {**_SOME_REQUEST, **raw}
    made.pop("resource", None)
    full_url = raw.get("fullUrl")
    if isinstance(full_url, str):
        if full_url in full_urls:
            del made["fullUrl"]
        full_urls.add(full_url)
    return made


def parse_entry(raw: Json, position: int, outer: FhirRequest, size: int) -> Entry:
    """One entry, whose structure is right, as a request made by whoever sent the Bundle. Where the client did not say,
    a write inside a Bundle does not repeat the resource. Raises a `FhirError` that names the entry."""
    asked = raw.get("request")
    if asked is None:
        raise BadRequest(
            "An entry of a batch or transaction needs a request that says its method and url.",
            code="required",
            expression=place(position, "request"),
        )
    try:
        target, query = target_of(asked["method"], asked["url"], outer.base_url)
    except FhirError as error:
        raise _at(error, place(position, "request.url")) from None
    quiet = target.interaction in WRITES and outer.prefer.returns is None
    inner = FhirRequest(
        interaction=target.interaction,
        method=asked["method"],
        base_url=outer.base_url,
        request_id=outer.request_id,
        type=target.type,
        id=target.id,
        version_id=target.version_id,
        operation=target.operation,
        query=query,
        body=body_of(raw.get("resource"), target, position),
        when=preconditions(asked, target, position),
        prefer=_minimal(outer.prefer.handling) if quiet else outer.prefer,
        principal=outer.principal,
        compartment=target.compartment,
        body_bytes=size,
    )
    return Entry(position, raw.get("fullUrl"), inner)


@cache
def _minimal(handling: str | None) -> Prefer:
    return Prefer("minimal", handling)


def target_of(method: str, url: str, base_url: str) -> tuple[address.Address, Pairs]:
    """The interaction that an entry names, and its parameters. Raises a `FhirError`."""
    if len(url) > MOST_URL:
        raise UriTooLong(f"The url of an entry has at most {MOST_URL:,} characters; this one has {len(url):,}.")
    return _target_of_type(method, url) if url in RESOURCE_TYPES else _target_of(method, relative(url, base_url))


@cache
def _target_of_type(method: str, type_: str) -> tuple[address.Address, Pairs]:
    """Nearly every entry that creates; there are few methods, since the entry's structure is right."""
    return _target_of(method, type_)


def _target_of(method: str, url: str) -> tuple[address.Address, Pairs]:
    path, _, query = url.partition("?")
    target = address.parse(method, path)
    pairs = tuple(pair for pair in address.pairs(query) if pair[0] not in _RENDERING) if query else ()
    if target.interaction is Interaction.BUNDLE:
        raise BadRequest("A batch or transaction cannot hold another one.", code="not-supported")
    if method == "POST" and target.interaction in (Interaction.SEARCH_TYPE, Interaction.SEARCH_SYSTEM):
        raise BadRequest("An entry searches by GET: it has no place for a form.", code="not-supported")
    if target.interaction in WRITES and method != "POST" and target.id is None and not pairs:
        raise BadRequest(f"{method} needs an id, as {target.type}/1, or criteria, as {target.type}?identifier=1.")
    return target, pairs


def relative(url: str, base_url: str) -> str:
    """The part of an entry's url behind our base: it is relative, or absolute and ours. Raises BadRequest."""
    if "#" in url:
        raise BadRequest("The url of a request has no fragment (#).")
    if url == base_url or url.startswith((f"{base_url}/", f"{base_url}?")):
        return url[len(base_url) :]
    if _ABSOLUTE.match(url.partition("?")[0]):
        raise BadRequest(
            f"'{address.shown(url)}' is not below this server's base {base_url}: name it relative, as Patient/1."
        )
    return url


def _at(error: FhirError, where: str) -> FhirError:
    """The same error, its issues placed at `where`."""
    return type(error)(issues=[replace(issue, expression=where) for issue in error.issues], headers=error.headers)


def body_of(resource: Any, target: address.Address, position: int) -> Any:
    """What the interaction works on: the resource, or the patch that it carries. Raises BadRequest."""
    where = place(position, "resource")
    is_write = target.interaction in CARRIES_BODY
    if resource is None:
        if is_write:
            words = f"The entry of a {target.interaction} needs a resource."
            raise BadRequest(words, code="required", expression=where)
        return None
    if not (is_write or target.interaction is Interaction.OPERATION):
        raise BadRequest(f"A {target.interaction} takes no resource: leave it out.", expression=where)
    if not isinstance(resource, dict):
        raise BadRequest("A resource is a JSON object.", code="structure", expression=where)
    given = resource.get("resourceType")
    if target.interaction is Interaction.PATCH:
        return json_patch(resource, where) if given == "Binary" else resource
    if is_write and given != target.type:
        said = f"is of type {given}" if isinstance(given, str) else "has no resourceType"
        raise BadRequest(f"The resource {said}, but request.url names {target.type}.", expression=where)
    return resource


def json_patch(binary: Json, where: str) -> Any:
    """The JSON Patch in a Binary: https://hl7.org/fhir/R4/http.html#patch, "patch in a batch". Raises BadRequest."""
    content_type = str(binary.get("contentType", "")).partition(";")[0].strip().lower()
    if content_type != "application/json-patch+json":
        raise BadRequest(
            "A JSON Patch stands in a Binary with contentType application/json-patch+json; "
            "a FHIRPath Patch is a Parameters resource.",
            expression=f"{where}.contentType",
        )
    data = binary.get("data")
    if not isinstance(data, str):
        raise BadRequest("The Binary has no data: the patch belongs there, in base64.", expression=f"{where}.data")
    try:
        return json_codec.decode(base64.b64decode("".join(data.split()), validate=True))
    except (binascii.Error, ValueError):
        raise BadRequest("The Binary's data is not base64.", expression=f"{where}.data") from None
    except BadRequest as error:
        raise BadRequest(f"The JSON Patch in the Binary: {error}", expression=f"{where}.data") from None


def preconditions(asked: Json, target: address.Address, position: int) -> Preconditions:
    """The conditional members of entry.request, each only where it means something. Raises BadRequest."""
    if asked.keys().isdisjoint(_CONDITIONS):
        return _UNCONDITIONAL
    found: dict[str, Any] = {}
    for member, (field, allowed, read) in _CONDITIONS.items():
        text = asked.get(member)
        if text is None:
            continue
        where = place(position, f"request.{member}")
        if target.interaction not in allowed:
            raise BadRequest(
                f"{member} means nothing for a {target.interaction}.", code="business-rule", expression=where
            )
        try:
            found[field] = read(text, str(target.type))
        except BadRequest as error:
            raise _at(error, where) from None
    return Preconditions(**found)


def _versions(text: str, _type: str) -> tuple[str, ...]:
    return address.versions_of(text, "The version")


def _moment(text: str, _type: str) -> datetime:
    try:
        return datetime.fromtimestamp(instants.parse_instant(text) // 1_000_000, UTC)
    except ValueError as error:
        raise BadRequest(f"{error}.", code="value") from None


def _criteria(text: str, type_: str) -> Pairs:
    return address.criteria(text, type_, "ifNoneExist")


_READS = frozenset({Interaction.READ, Interaction.VREAD})
_CHANGES = frozenset({Interaction.UPDATE, Interaction.PATCH, Interaction.DELETE})
_CONDITIONS: Mapping[str, tuple[str, frozenset[Interaction], Callable[[str, str], Any]]] = {
    "ifMatch": ("if_match", _CHANGES, _versions),
    "ifNoneMatch": ("if_none_match", _READS | _CHANGES, _versions),
    "ifModifiedSince": ("if_modified_since", _READS, _moment),
    "ifNoneExist": ("if_none_exist", frozenset({Interaction.CREATE}), _criteria),
}
"""Member of entry.request → field of `Preconditions`, where it may stand, how it is read."""
_UNCONDITIONAL = Preconditions()
