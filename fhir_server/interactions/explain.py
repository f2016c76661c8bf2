"""How a search is run, in place of its matches: for `_explain=true`, where the settings allow it.

Rule: shows the plan that the search itself takes, made by the same functions.
"""

from __future__ import annotations

from fhir_server.access.limits import Access
from fhir_server.interactions.server import Server
from fhir_server.model import FhirResponse, Json
from fhir_server.search.query import Query
from fhir_server.store import explaining
from resources import json_codec
from resources.outcome import BadRequest


async def explain(server: Server, access: Access, query: Query) -> FhirResponse:
    """A Parameters resource: `tree`, and for each query of MongoDB a `plan` with its filter, order, index, and the keys
    and documents that it looked at. Raises BadRequest where the settings do not allow it."""
    if not server.settings.search_explain:
        raise BadRequest(
            "_explain is switched off on this server; FHIR_SEARCH_EXPLAIN=true in its environment switches it on.",
            code="not-supported",
        )
    found = await explaining.explain(access, server.database, query, secret=server.secret)
    parameters: list[Json] = [{"name": "tree", "valueString": found.tree}]
    parameters += [_plan(run) for run in found.runs]
    if found.tested:
        parameters.append({"name": "testedRowByRow", "valueString": found.tested})
    return FhirResponse(200, text=json_codec.encode({"resourceType": "Parameters", "parameter": parameters}))


def _plan(run: explaining.Run) -> Json:
    return {
        "name": "plan",
        "part": [
            {"name": "filter", "valueString": run.filter},
            {"name": "sort", "valueString": run.sort},
            {"name": "index", "valueString": run.index},
            {"name": "sortedInMemory", "valueBoolean": run.sorted},
            {"name": "keysExamined", "valueInteger": run.keys},
            {"name": "documentsExamined", "valueInteger": run.documents},
            {"name": "rows", "valueInteger": run.rows},
            {"name": "milliseconds", "valueInteger": run.milliseconds},
        ],
    }
