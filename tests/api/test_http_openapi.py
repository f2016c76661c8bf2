"""Schemathesis over the OpenAPI document: requests that it allows, and near ones, never make the server fail."""

import re
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.generation.case import Case
from schemathesis.schemas import APIOperation

Operation = APIOperation[Any, Any, Any, Any]

SHORT = re.compile(r"^/(Patient|Binary|\$|_|metadata|$)")
"""The types of the short run: an ordinary one and the one that is different; and what has no type."""


def operations(server_url: str, wanted: re.Pattern[str]) -> list[Operation]:
    description = httpx.get(server_url.removesuffix("/fhir") + "/openapi.json").json()
    description["paths"] = {path: item for path, item in description["paths"].items() if wanted.match(path)}
    schema = schemathesis.openapi.from_dict(description)
    found = []
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        found.append(result.ok())
    return found


def exercise(operation: Operation, server_url: str, examples: int) -> None:
    """Send that many generated requests of one operation and check each answer."""

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def run(case: Case[Any]) -> None:
        check(case.call(base_url=server_url))

    run()


def check(answer: schemathesis.Response) -> None:
    assert answer.status_code < 500, f"{answer.request.method} {answer.request.url} {answer.text}"
    assert answer.headers["x-request-id"]
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert b"OperationOutcome" in answer.content


def run_all(server_url: str, wanted: re.Pattern[str], examples: int) -> int:
    found = operations(server_url, wanted)
    for operation in found:
        exercise(operation, server_url, examples)
    return len(found)


def test_short(server_url: str) -> None:
    assert run_all(server_url, SHORT, examples=4) > 25


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_operation_of_every_type(server_url: str) -> None:
    assert run_all(server_url, re.compile(""), examples=10) > 146 * 10
