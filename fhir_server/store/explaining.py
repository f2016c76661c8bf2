"""What MongoDB says of the queries of a search: the index, the keys and documents looked at, the time.

Rule: runs the queries that `planning` made, as they are. See https://www.mongodb.com/docs/manual/reference/explain-results/.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bson import json_util

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.search import compile as compiling
from fhir_server.search import ordering
from fhir_server.search.query import Plan, Query
from fhir_server.store import planning
from fhir_server.store.database import Database, Document, translated
from fhir_server.store.rows import SEARCH_MILLISECONDS


@dataclass(frozen=True, slots=True)
class Run:
    """One query: what was asked, as MongoDB's extended JSON, and what it cost."""

    filter: str
    sort: str
    index: str
    sorted: bool
    keys: int
    documents: int
    rows: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """The tree as it is asked, the queries, and what is tested of each row afterwards (empty for nothing)."""

    tree: str
    runs: tuple[Run, ...]
    tested: str


async def explain(access: Access, db: Database, query: Query, *, secret: bytes) -> Explanation:
    """How a search is run. Raises what the search itself raises."""
    with translated():
        tree = await planning.tree(access, db, query)
        plan = await planning.planned(access, db, query, tree, secret=secret)
        runs = [await _run(db, one) for one in _queries(plan)]
    return Explanation(repr(tree), tuple(runs), "" if plan.residual is None else repr(plan.residual))


def _queries(plan: Plan) -> Iterator[Plan]:
    """The queries of a plan; of its groups the first."""
    linked = plan.groups
    yield plan if linked is None else compiling.group(plan, linked, 0, compiling.MERGED, plan.position)
    if plan.also is not None:
        yield plan.also


async def _run(db: Database, plan: Plan) -> Run:
    command = _command(plan)
    asked = {"explain": command, "verbosity": "executionStats", "maxTimeMS": SEARCH_MILLISECONDS}
    found = await db.database.command(asked)
    if plan.computed is not None:
        found = found["stages"][0]["$cursor"]
    statistics = found["executionStats"]
    stages = list(_stages(found["queryPlanner"]["winningPlan"]))
    return Run(
        json_util.dumps(plan.filter),
        json_util.dumps(dict(plan.sort)),
        ", ".join(dict.fromkeys(stage["indexName"] for stage in stages if "indexName" in stage)) or plan.hint,
        plan.computed is not None or any(stage["stage"] == "SORT" for stage in stages),
        statistics["totalKeysExamined"],
        statistics["totalDocsExamined"],
        statistics["nReturned"],
        statistics["executionTimeMillis"],
    )


def _command(plan: Plan) -> Document:
    if plan.computed is not None:
        pipeline = ordering.pipeline(plan, plan.limit)
        return {"aggregate": layout.RESOURCES, "pipeline": pipeline, "cursor": {}, "hint": plan.hint}
    command: Document = {"find": layout.RESOURCES, "filter": plan.filter, "hint": plan.hint, "limit": plan.limit}
    return {**command, "sort": dict(plan.sort)} if plan.sort else command


def _stages(stage: Document) -> Iterator[Document]:
    yield stage
    for inner in [*stage.get("inputStages", ()), *([stage["inputStage"]] if "inputStage" in stage else ())]:
        yield from _stages(inner)
