"""Criteria of conditional interactions: find the one resource that they name.

Rule: what was found here is found again inside the transaction (`Condition`), so that a hundred equal conditional
creates at once make one resource. See https://hl7.org/fhir/R4/http.html#cond-update.
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.access.limits import Access
from fhir_server.interactions.search import understood
from fhir_server.interactions.server import Server
from fhir_server.model import Condition, Pairs, Version
from fhir_server.search.grammar import condition_key, identifiers
from fhir_server.search.query import Query
from fhir_server.search.tree import EVERYTHING
from fhir_server.store import reader
from resources.outcome import BadRequest, PreconditionFailed


@dataclass(frozen=True, slots=True)
class Match:
    """What the criteria name: `version` or None, and the condition that must still hold in the transaction."""

    version: Version | None
    condition: Condition


async def find(server: Server, access: Access, type_: str, criteria: Pairs, *, header: str | None = None) -> Match:
    """The one match of the criteria. `header` is where they came from, for the words of an error.

    Raises BadRequest for criteria that cannot be understood or are none, PreconditionFailed for several matches.
    """
    query = parse(server, type_, criteria)
    versions = await reader.matching(access, server.database, type_, query.tree, most=1)
    if len(versions) > 1:
        raise PreconditionFailed(
            f"The criteria {said(query)} match several {type_} resources; they must match one at most"
            + (f" ({header})." if header else "."),
            code="multiple-matches",
        )
    version = versions[0] if versions else None
    key = condition_key(type_, query.tree)
    found = version.id if version else None
    return Match(version, Condition(type_, query.tree, key, found, identifiers(type_, query.tree)))


async def find_all(server: Server, access: Access, type_: str, criteria: Pairs, most: int) -> tuple[Version, ...]:
    """All matches. Raises BadRequest, PreconditionFailed when they are more than `most`."""
    query = parse(server, type_, criteria)
    versions = await reader.matching(access, server.database, type_, query.tree, most=most)
    if len(versions) > most:
        raise PreconditionFailed(
            f"The criteria {said(query)} match more than {most} {type_} resources: narrow them.", code="too-costly"
        )
    return versions


def parse(server: Server, type_: str, criteria: Pairs) -> Query:
    """The criteria as a query, strictly: an unknown parameter here would change or delete the wrong resource."""
    query = understood(server, type_, criteria, strict=True)
    if query.tree == EVERYTHING:
        raise BadRequest(
            f"A conditional interaction on {type_} needs search criteria, such as identifier=system|value."
        )
    return query


def said(query: Query) -> str:
    """The criteria, for the words of an error."""
    return "&".join(f"{name}={value}" for name, value in query.applied)
