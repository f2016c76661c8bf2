"""Canonical urls as links: chains, `_has` and sort keys lead where includes do, and heed the version that is given."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from tests.api.test_search_sort import ids
from tests.api.writing import put

Json = dict[str, Any]
ANSWERS = {"a": "", "b": "|1", "c": "|2-Beta", "d": "|9"}


def resource(type_: str, id_: str, **members: Any) -> Json:
    return {"resourceType": type_, "id": id_, **members}


@pytest.fixture
async def mark(client: httpx.AsyncClient) -> str:
    """A prefix of ids, shared by two versions of a Questionnaire and the answers to them."""
    mark = uuid.uuid4().hex[:12]
    url = f"http://forms.example/{mark}"
    tag = {"tag": [{"code": mark}]}
    await put(
        client,
        resource("Questionnaire", f"{mark}1", status="draft", url=url, version="1", title="Zeal", meta=tag),
        resource("Questionnaire", f"{mark}2", status="draft", url=url, version="2-Beta", title="Art", meta=tag),
        resource("StructureDefinition", f"{mark}3", status="draft", url=url, name="X", kind="resource", abstract=False,
                 type="Patient", title="Zeal"),
        *(resource("QuestionnaireResponse", f"{mark}{id_}", status="completed", questionnaire=f"{url}{version}",
                   meta=tag) for id_, version in ANSWERS.items()),
    )  # fmt: skip
    return mark


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("QuestionnaireResponse?questionnaire.title=zeal&_sort=_id", "ab"),
        ("QuestionnaireResponse?questionnaire:Questionnaire.title=art&_sort=_id", "ac"),
        ("QuestionnaireResponse?questionnaire.status=draft&_sort=_id", "abc"),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:_id={mark}a&_sort=_id", "12"),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:_id={mark}c&_sort=_id", "2"),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:_id={mark}d", ""),
        ("QuestionnaireResponse?_sort=questionnaire.title,_id", "dacb"),  # none, Art, Art, Zeal
        ("QuestionnaireResponse?_sort=-questionnaire:Questionnaire.title,-_id", "bacd"),
    ],
)
@pytest.mark.parametrize("count", [1, 50])
async def test_links_by_url(client: httpx.AsyncClient, mark: str, path: str, found: str, count: int) -> None:
    path = path.format(mark=mark)
    assert await ids(client, f"{path}&_tag={mark}&_count={count}", mark) == found
