"""batch: every entry is a request of its own. https://hl7.org/fhir/R4/http.html#brules.

Rule: an entry goes through `dispatch` like any request, so a batch is as strict as HTTP; some run side by side, in no
order that anybody may rely on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from fhir_server.interactions import bundle_answer, bundle_entries, dispatch
from fhir_server.interactions.bundle_answer import Budget
from fhir_server.interactions.bundle_entries import Entry, Refused
from fhir_server.interactions.server import Server
from fhir_server.model import FhirRequest, FhirResponse, Interaction
from resources.outcome import PayloadTooLarge

IN_FLIGHT = 16
"""Entries of one batch that run at a time: enough to fill a group commit."""
PAGES = frozenset(
    {
        Interaction.SEARCH_TYPE,
        Interaction.SEARCH_SYSTEM,
        Interaction.HISTORY_INSTANCE,
        Interaction.HISTORY_TYPE,
        Interaction.HISTORY_SYSTEM,
        Interaction.OPERATION,
    }
)
READS = frozenset({Interaction.READ, Interaction.VREAD})
PAGES_IN_FLIGHT = 2
"""Searches, histories, operations and parts of resources among them: each can be many megabytes, or much work."""


async def batch(server: Server, request: FhirRequest) -> FhirResponse:
    """A batch-response with one entry each, whatever became of it. Raises BadRequest for the Bundle itself."""
    parsed = await bundle_entries.parse(request, server.threads)
    answers: list[bytes] = [b""] * len(parsed)
    budget = Budget()
    waiting = iter(parsed)
    pages = asyncio.Semaphore(PAGES_IN_FLIGHT)
    async with asyncio.TaskGroup() as group:
        for _ in range(min(IN_FLIGHT, len(parsed))):
            group.create_task(work(server, waiting, answers, budget, pages))
    return bundle_answer.response("batch-response", answers)


async def work(
    server: Server, waiting: Iterator[Entry | Refused], answers: list[bytes], budget: Budget, pages: asyncio.Semaphore
) -> None:
    """Take entries as long as there are any, and put each one's answer in its place."""
    for item in waiting:
        if isinstance(item, Refused):
            answers[item.position] = bundle_answer.refusal_text(item.error, budget)
            await asyncio.sleep(0)
        elif item.request.interaction in PAGES or (item.request.interaction in READS and item.request.query):
            async with pages:
                answers[item.position] = await page_text(server, item.request, budget)
        else:
            response = await dispatch.dispatch(server, item.request)
            answers[item.position] = await bundle_answer.entry_text(item.request, response, budget)


async def page_text(server: Server, request: FhirRequest, budget: Budget) -> bytes:
    """The entry of a search or a history, which is not even begun where the answer is full."""
    try:
        budget.check()
    except PayloadTooLarge as full:
        return bundle_answer.failure_text(full)
    response = await dispatch.dispatch(server, request)
    return await bundle_answer.entry_text(request, response, budget)
