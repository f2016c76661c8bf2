"""Reads inside a transaction: https://hl7.org/fhir/R4/http.html#trules.

Rule: they see what the transaction wrote, and one that cannot succeed makes it fail before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fhir_server.access.limits import Access
from fhir_server.interactions import bundle_answer, dispatch
from fhir_server.interactions.bundle_answer import Budget
from fhir_server.interactions.bundle_entries import Entry
from fhir_server.interactions.bundle_targets import Failures
from fhir_server.interactions.server import Server
from fhir_server.model import Change, Interaction
from resources.outcome import FhirError, Gone

_OF_ONE = frozenset({Interaction.READ, Interaction.VREAD, Interaction.HISTORY_INSTANCE})


async def rehearse(server: Server, access: Access, entries: Sequence[Entry], changes: Iterable[Change]) -> None:
    """Try the reads on the state before the commit; those of resources that are about to be written need no trial.

    Raises the errors of all that fail, as one; what the answers exceed together is among them.
    """
    failures = Failures()
    budget = Budget()
    is_deleted = {change.key: change.after is None for change in changes} if entries else {}
    for entry in entries:
        asked = entry.request
        key = f"{asked.type}/{asked.id}"
        try:
            if asked.interaction is Interaction.READ and is_deleted.get(key):
                raise Gone(f"{key} is deleted by this transaction, so it cannot be read in it.")
            if asked.interaction not in _OF_ONE or key not in is_deleted:
                budget.check()
                response = await dispatch.find(server, asked)(server, access, asked)
                budget.take(len(response.text or b""))
        except FhirError as error:
            failures.add(entry.position, error)
    failures.raise_any()


async def run(server: Server, entries: Sequence[Entry], answers: list[bytes], budget: Budget) -> None:
    """Answer the reads, after the commit, each in its place."""
    for entry in entries:
        response = await dispatch.dispatch(server, entry.request)
        answers[entry.position] = await bundle_answer.entry_text(entry.request, response, budget)
