"""One tree, two readings: what MongoDB finds is what the matcher finds, and pages are the whole, each row once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.collection import Collection

from fhir_server.document import layout
from fhir_server.search import compile as compiling
from fhir_server.search import cursor, grammar, ordering, sort
from fhir_server.search.query import Plan, Query
from fhir_server.search.rewrite import restrict, restricted
from fhir_server.search.tree import EVERYTHING, NOTHING, Any_, Equals, Expr, InCompartment, Not, Within
from fhir_server.store.rows import merged
from resources.parameters import BASE
from tests.properties.stored import (
    AMOUNTS,
    BASE_URL,
    CODES,
    DATES,
    FAMILIES,
    GIVEN,
    NOW_MS,
    PROFILES,
    REFERENCES,
    SYSTEMS,
    UCUM,
    WORDS,
    Stored,
    stored,
)

Json = dict[str, Any]

SECRET = b"s" * 32


@dataclass(frozen=True, slots=True, repr=False)
class Corpus:
    """Resources in MongoDB and in memory."""

    collection: Collection[Json]
    resources: list[Stored]

    def rows(self, plan: Plan) -> list[Json]:
        if plan.computed is not None:
            return list(self.collection.aggregate(ordering.pipeline(plan, plan.limit), hint=plan.hint))
        halves = [plan] if plan.also is None else [plan, plan.also]
        found = [
            list(self.collection.find(half.filter, sort=list(half.sort) or None, hint=half.hint, limit=half.limit))
            for half in halves
        ]
        return found[0] if plan.also is None else merged(plan, [(rows, True) for rows in found])[0]


@pytest.fixture(scope="module", params=[1, 2])
def corpus(request: pytest.FixtureRequest, mongo_uri: str) -> Iterator[Corpus]:
    name = f"test_{uuid.uuid4().hex}"
    resources = stored(request.param)
    with MongoClient[Json](mongo_uri) as client:
        collection = client[name][layout.RESOURCES]
        for index in layout.INDEXES:
            partial: Json = {"partialFilterExpression": index.partial} if index.partial else {}
            collection.create_index(list(index.keys), name=index.name, **partial)
        collection.insert_many(resource.document() for resource in resources)
        gone = [
            {"_id": f"{type_}/gone", "type": type_, "deleted": True, "lastUpdated": NOW_MS * 1000}
            for type_ in ("Patient", "Observation", "RiskAssessment")
        ]
        collection.insert_many(gone)
        yield Corpus(collection, resources)
        client.drop_database(name)


# Queries


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace(",", "\\,").replace("$", "\\$")


tokens = st.builds(
    lambda system, code: code if system is None else f"{system}|{code}",
    st.sampled_from([None, "", *SYSTEMS[1:]]),
    st.sampled_from([escaped(code) for code in CODES]),
).filter(lambda text: text not in ("", "|"))
prefixes = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
dates = st.builds(str.__add__, prefixes, st.sampled_from(DATES))
numbers = st.builds(
    str.__add__, prefixes, st.sampled_from(["0", "0.5", "0.2", "0.15", "1", "1.0", "1e-1", "100", "1e2"])
)
strings = st.sampled_from([escaped(text) for text in [*FAMILIES, *GIVEN] if text != ".*"] + ["s", "smi", "von"])
references = st.sampled_from([*REFERENCES[:-1], "1", "2", "Patient/9"])
booleans = st.sampled_from(["true", "false"])
ids = st.sampled_from([str(number) for number in range(95)] + ["gone"])
updates = st.builds(
    str.__add__, prefixes, st.sampled_from(["2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20Z", "2023", "2024-01-01"])
)


typed = st.builds(
    lambda system, code, value: f"{system}|{escaped(code)}|{escaped(value)}",
    st.sampled_from(SYSTEMS[1:]), st.sampled_from(CODES[:-1]), st.sampled_from(CODES[:-1]),
)  # fmt: skip
urls = st.sampled_from([escaped(url) for url in PROFILES])
levels = st.sampled_from(["http://a.example", "http://a.example/x/", "http://a.example/x/y/z", "http://a.example/xy"])
expressions = st.recursive(
    st.sampled_from([*WORDS, "bon*", "r*"]),
    lambda inner: st.builds(lambda a, by, b: f"({a}{by}{b})", inner, st.sampled_from([" ", " OR ", " AND "]), inner),
    max_leaves=4,
)


quantities = st.builds(
    lambda prefix, amount, unit: f"{prefix}{amount}{unit}",
    prefixes,
    st.sampled_from(AMOUNTS),
    st.sampled_from(["", "||mg", "||g", "||score", f"|{UCUM}|mg", f"|{UCUM}|g", f"|{UCUM}|kg"]),
)


def composed(second: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{}${}".format, tokens, second)


def pairs_of(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    return st.lists(values, min_size=1, max_size=3).map(lambda texts: (name, ",".join(texts)))


COMMON = [
    pairs_of("_id", ids), pairs_of("_lastUpdated", updates), pairs_of("_tag", tokens), pairs_of("_tag:not", tokens),
]  # fmt: skip
QUERIES = {
    "Patient": [
        *(pairs_of(name, strings) for name in ("family", "family:exact", "name", "name:contains", "given")),
        *(pairs_of(name, tokens) for name in ("identifier", "identifier:not", "gender", "gender:not")),
        pairs_of("identifier:of-type", typed), pairs_of("identifier:text", strings), pairs_of("phonetic", strings),
        pairs_of("_profile", urls), pairs_of("_profile:below", levels), pairs_of("_profile:above", levels),
        pairs_of("_profile:below", st.sampled_from(["http://a.example/x\\|1", "http://a.example/x\\|12"])),
        pairs_of("_text", expressions),
        *(pairs_of(name, booleans) for name in ("active", "active:not", "deceased")),
        *(pairs_of(name, dates) for name in ("birthdate", "death-date")),
        pairs_of("general-practitioner", references),
        *(st.tuples(st.just(f"{name}:missing"), booleans) for name in ("family", "birthdate", "active", "identifier")),
    ],
    "Observation": [
        *(pairs_of(name, tokens) for name in ("code", "code:not", "status", "subject:identifier")),
        *(pairs_of(name, references) for name in ("subject", "patient")),
        pairs_of("code:text", strings),
        pairs_of("subject:Patient", st.sampled_from(["1", "2", "Patient/1"])),
        pairs_of("date", dates),
        pairs_of("value-string", strings),
        *(pairs_of(name, quantities) for name in ("value-quantity", "combo-value-quantity")),
        *(pairs_of(f"{name}code-value-quantity", composed(quantities)) for name in ("", "", "combo-", "component-")),
        *(pairs_of(f"{name}code-value-concept", composed(tokens)) for name in ("", "", "combo-", "component-")),
        pairs_of("code-value-string", composed(strings)),
        pairs_of("code-value-date", composed(dates)),
        *(st.tuples(st.just(f"{name}:missing"), booleans) for name in ("date", "subject", "value-string")),
        *(st.tuples(st.just(f"{name}:missing"), booleans) for name in ("code-value-quantity", "code-value-concept")),
    ],
    "RiskAssessment": [
        pairs_of("probability", numbers), pairs_of("date", dates), pairs_of("subject", references),
        st.tuples(st.just("probability:missing"), booleans),
    ],
}  # fmt: skip
LIMITS: list[Expr] = [
    EVERYTHING,
    EVERYTHING,
    NOTHING,
    InCompartment("Patient/1"),
    Not(InCompartment("Patient/1")),
    Any_(
        (InCompartment("Patient/2"), Equals("Patient.active|true|"), Within("RiskAssessment.probability|", low_to=0.5))
    ),
]


SORTED = {
    "Patient": ["family", "birthdate", "gender", "identifier", "general-practitioner"],
    "Observation": ["date", "status", "code", "subject", "value-string", "_tag"],
    "RiskAssessment": ["date", "probability"],
}


def compared(name: str, operators: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda operator, value: f"{name} {operator} {json.dumps(value)}", st.sampled_from(operators.split()), values
    )


plain_strings = st.sampled_from([*FAMILIES, "s", "smi"])
COMPARISONS = {
    "Patient": [
        compared("family", "eq sw co", plain_strings),
        compared("birthdate", "eq ne gt lt ge le sa eb ap po", st.sampled_from(DATES)),
        compared("birthdate", "pr", booleans),
        compared("identifier", "eq", tokens),
        compared("gender", "eq ne", st.sampled_from(["male", "female"])),
        compared("general-practitioner", "eq re", st.sampled_from(["Practitioner/1", "Patient/2"])),
    ],
    "Observation": [
        compared("date", "eq ne gt po", st.sampled_from(DATES)),
        compared("code", "eq", tokens),
        compared("combo-value-quantity", "eq ne gt le", st.sampled_from([f"5|{UCUM}|mg", "5||mg", "5"])),
        compared("code-value-quantity", "pr", booleans),
    ],
    "RiskAssessment": [
        compared("probability", "eq ne gt lt", st.sampled_from(["0.5", "0.2", "1"])),
        compared("subject", "re", st.sampled_from(["Patient/1", "Patient/2"])),
    ],
}


def filters_of(type_: str) -> st.SearchStrategy[str]:
    return st.recursive(
        st.one_of(COMPARISONS[type_]),
        lambda inner: st.one_of(
            inner.map(lambda one: f"not({one})"),
            st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner),
        ),
        max_leaves=6,
    )


WHOLES: dict[str, Callable[[bool, bool, bool], bool]] = {
    "{} and {} or {}": lambda a, b, c: (a and b) or c,
    "{} or {} and {}": lambda a, b, c: (a or b) and c,
    "{} or ({} and {})": lambda a, b, c: a or (b and c),
    "not({} and {}) or not ({})": lambda a, b, c: not (a and b) or not c,
}


@settings(deadline=None)
@given(data=st.data(), form=st.sampled_from(list(WHOLES)), type_=st.sampled_from(list(COMPARISONS)))
def test_a_filter_is_the_logic_of_its_comparisons(data: st.DataObject, form: str, type_: str) -> None:
    texts = data.draw(st.lists(st.one_of(COMPARISONS[type_]), min_size=3, max_size=3))
    whole = read(type_, [("_filter", form.format(*texts))]).tree
    parts = [read(type_, [("_filter", text)]).tree for text in texts]
    for one in (one for one in stored(1) if one.type == type_):
        assert one.satisfies(whole) is WHOLES[form](*(one.satisfies(part) for part in parts))


Asked = tuple[str | None, list[tuple[str, str]]]


@st.composite
def queries(draw: st.DrawFn) -> Asked:
    type_ = draw(st.sampled_from([*QUERIES, None]))
    if type_ is None:
        pairs = draw(st.lists(st.one_of(COMMON), max_size=2))
        pairs += [("_type", ",".join(draw(st.lists(st.sampled_from(list(QUERIES)), min_size=1))))][
            : draw(st.integers(0, 1))
        ]
    else:
        filtered = st.tuples(st.just("_filter"), filters_of(type_))
        pairs = draw(st.lists(st.one_of([*COMMON, *QUERIES[type_], filtered]), max_size=3))
    keys = draw(st.lists(st.sampled_from([*sort.FIELDS, *SORTED.get(type_ or "", ())]), max_size=2, unique=True))
    if keys:
        pairs = [*pairs, ("_sort", ",".join(draw(st.sampled_from(["", "-"])) + key for key in keys))]
    return type_, pairs


def read(type_: str | None, pairs: list[tuple[str, str]]) -> Query:
    return grammar.parse(
        type_, tuple(pairs), parameters=BASE, base_url=BASE_URL, strict=True, default_count=1000, max_count=1000,
        now_ms=NOW_MS,
    )  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=queries(), limit=st.sampled_from(LIMITS), frequent=st.booleans())
def test_mongodb_finds_what_the_matcher_finds(corpus: Corpus, asked: Asked, limit: Expr, frequent: bool) -> None:
    query = read(*asked)
    tree = restrict(query.tree, query.type, lambda _type: limit, query.types)
    expected = {f"{one.type}/{one.id}" for one in corpus.resources if one.satisfies(tree)}
    some = [part for part in compiling.costly(query, tree) if frequent]
    for part in compiling.costly(query, tree):
        counted = compiling.counting(part, tree)
        corpus.collection.count_documents(counted.filter, hint=counted.hint, limit=3)
    found = [row["_id"] for row in corpus.rows(compiling.plan(query, tree, secret=SECRET, frequent=some))]
    assert set(found) == expected
    assert len(found) == len(expected)
    counting = compiling.unordered(tree, 0)
    assert corpus.collection.count_documents(counting.filter, hint=counting.hint) == len(expected)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=queries(), size=st.integers(1, 7))
def test_pages_are_the_whole_in_order_each_row_once(corpus: Corpus, asked: Asked, size: int) -> None:
    query = read(*asked)
    whole = corpus.rows(compiling.plan(query, restricted(query, lambda _type: EVERYTHING), secret=SECRET))
    query = replace(query, count=size)
    paged: list[Json] = []
    while len(paged) <= len(whole):
        plan = compiling.plan(query, restricted(query, lambda _type: EVERYTHING), secret=SECRET)
        found = corpus.rows(plan)
        paged += found[:size]
        if len(found) <= size:
            break
        query = replace(query, cursor=cursor.seal(cursor.advance(plan, found[:size]), query, SECRET))
    assert sorted(row["_id"] for row in paged) == sorted(row["_id"] for row in whole)
    keys = [[cursor.advance(plan, [row]).values for row in listed] for listed in (whole, paged)]
    assert keys[0] == keys[1]
