"""What create, update, patch and delete share: a write is first made ready as a `Step`, then committed.

Rule: a verb only makes the step. A transaction makes many and commits them once; here one is committed, and made anew
when somebody else wrote in between, so that no update is lost and nobody fails for being second.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime

from fhir_server.access.limits import Access
from fhir_server.interactions import retries
from fhir_server.interactions.server import Server
from fhir_server.model import Change, Commit, Condition, FhirRequest, FhirResponse, Preconditions, Version, frozen
from resources import json_codec
from resources.outcome import BadRequest, Issue, PreconditionFailed, operation_outcome

TRIES = 12
FIRST_PAUSE_SECONDS = 0.002


@frozen
class Step:
    """One write made ready. `change` is None where nothing is to be written: then `current` is the answer (None for a
    delete of what is not there). `created` tells 201 from 200."""

    change: Change | None
    current: Version | None = None
    conditions: tuple[Condition, ...] = ()
    created: bool = False


Prepare = Callable[[Server, Access, FhirRequest], Awaitable[Step]]


async def carry_out(server: Server, access: Access, request: FhirRequest, prepare: Prepare) -> FhirResponse:
    """Prepare and commit one write. Raises what `prepare` raises, Conflict when others keep writing."""

    async def attempt() -> FhirResponse:
        step = await prepare(server, access, request)
        if step.change is None:
            return written(request, step, step.current)
        [version] = await server.committer.commit(access, Commit((step.change,), step.conditions))
        return written(request, step, version)

    key = turn(request)
    async with contextlib.nullcontext() if key is None else server.turns.of(key):
        return await retries.until_undisturbed(attempt, "this resource", tries=TRIES, first_pause=FIRST_PAUSE_SECONDS)


def turn(request: FhirRequest) -> str | None:
    """What this write takes turns at: the resource, or the criteria that name it; None for a plain create."""
    if request.id is not None:
        return f"{request.type}/{request.id}"
    criteria = request.when.if_none_exist if request.method == "POST" else request.query
    return None if criteria is None else f"{request.type}?{sorted(criteria)}"


def written(request: FhirRequest, step: Step, version: Version | None) -> FhirResponse:
    """The answer to a write (https://hl7.org/fhir/R4/http.html#ops for `Prefer: return`)."""
    if version is None or version.deleted:
        return FhirResponse(204, version=version.version if version else None)
    location = f"{request.base_url}/{version.key}/_history/{version.version}"
    text = version.text
    if request.prefer.returns == "minimal":
        text = None
    elif request.prefer.returns == "OperationOutcome":
        text = json_codec.encode(operation_outcome([told(step, version)]))
    elif request.content is not None:
        text = None  # what was streamed in is not echoed
    return FhirResponse(
        201 if step.created else 200,
        text=text,
        version=version.version,
        last_modified=version.last_updated,
        location=location,
    )


def told(step: Step, version: Version) -> Issue:
    """In words, what the write did."""
    if step.change is None:
        words = f"{version.key} is as it was: version {version.version}. Nothing was written."
    else:
        words = f"{version.key} is now at version {version.version}."
    return Issue("information", "informational", words)


def check_preconditions(when: Preconditions, current: Version | None, name: str) -> None:
    """What the client knows of the resource `name`, and what it must not be. Raises PreconditionFailed.

    In the order of RFC 9110 §13.2.2: If-Unmodified-Since counts only where there is no If-Match.
    """
    there = None if current is None or current.deleted else current
    if when.if_match:
        check_if_match(when.if_match, there, name)
    elif when.if_unmodified_since is not None:
        check_unmodified(when.if_unmodified_since, current, name)
    if when.if_none_match and there is not None:
        if "*" in when.if_none_match:
            raise PreconditionFailed(f"{name} exists, and If-None-Match: * allows a create only.")
        if str(there.version) in when.if_none_match:
            raise PreconditionFailed(f"{name} is at version {there.version}, which If-None-Match rules out.")


def check_if_match(wanted: tuple[str, ...], there: Version | None, name: str) -> None:
    """If-Match names the versions that the client knows. Raises PreconditionFailed for another one or none."""
    if there is None:
        raise PreconditionFailed(f"If-Match asks for a version of {name}, but there is none.")
    if {"*", str(there.version)}.isdisjoint(wanted):
        raise PreconditionFailed(
            f"{name} is at version {there.version}, If-Match names {', '.join(wanted)}. Read it again and repeat the "
            "change."
        )


def check_unmodified(since: datetime, current: Version | None, name: str) -> None:
    """Raises PreconditionFailed for what was written or deleted later, in whole seconds as Last-Modified tells them."""
    if current is not None and current.last_updated.replace(microsecond=0) > since:
        raise PreconditionFailed(
            f"{name} was changed after the moment that If-Unmodified-Since names: version {current.version} is of "
            f"{current.last_updated.isoformat(timespec='seconds')}. Read it again and repeat the change."
        )


def check_body(request: FhirRequest) -> None:
    """A write needs a resource. Raises BadRequest."""
    if not isinstance(request.body, dict):
        raise BadRequest("The body must be a resource: a JSON object with a resourceType.", code="structure")
