"""Three readings of a search: what MongoDB finds, what the matcher finds, and what R4's text says, read naively."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.access.limits import Access
from fhir_server.document import codec
from fhir_server.model import Version
from fhir_server.search import grammar
from fhir_server.search.extract import Extracted, extract
from fhir_server.search.match import matches, supports
from fhir_server.search.query import Query
from fhir_server.search.rewrite import restricted
from fhir_server.search.tree import Expr
from fhir_server.store import database, reader, schema, totals
from resources import json_codec
from resources.parameters import BASE
from tests.properties.naive import made, ranges
from tests.properties.naive.reading import NOW_MS, satisfies
from tests.properties.naive.texts import BASE_URL, folded

Json = dict[str, Any]
Criteria = list[tuple[str, str]]

ACCESS = Access.system("tests")
SECRET = b"s" * 32
ANSWER_TIME = 1_700_000_000_000_000
COUNT = 160


# Queries


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace(",", "\\,").replace("$", "\\$")


def sampled(texts: list[str]) -> st.SearchStrategy[str]:
    return st.sampled_from([escaped(text) for text in texts])


def joined(template: str, *strategies: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*strategies).map(lambda texts: template.format(*texts))


codes, systems = sampled(made.CODES), sampled(made.SYSTEMS)
tokens = st.one_of(codes, joined("{}|{}", systems, codes), joined("|{}", codes), joined("{}|", systems))
frequent = joined("{}{}", st.sampled_from(["", "|", "http://a.example|"]), st.sampled_from(made.SOME_CODES))
parts = st.one_of(frequent, frequent, tokens)
prefixes = st.sampled_from(["", *ranges.PREFIXES])
dates = joined("{}{}", prefixes, st.sampled_from(made.DATES))
NUMBERS = [*made.AMOUNTS, "0.1", "0.2", "0.15", "1", "1.0", "1e-1", "100", "1e2"]
numbers = joined("{}{}", prefixes, st.sampled_from(NUMBERS))
UNITS = ["mg", "g", "kg", "mg/dL", "g/L", "mmol/L", "mol/L", "Cel", "[degF]", "min", "h", "ml", "{score}"]
quantities = st.one_of(
    numbers,
    joined("{}||{}", numbers, st.sampled_from([*UNITS, "score"])),
    joined("{}|" + ranges.UCUM + "|{}", numbers, st.sampled_from(UNITS)),
)
coarse = st.one_of(st.sampled_from(["ge0", "lt1000", "ne5", "ge0.001||mg", f"lt1000|{ranges.UCUM}|g"]), quantities)
"""Amounts beside a code, which narrows much itself."""
TEXTS = [text for text in [*made.FAMILIES, "smi", "JONES", "der", "brien", "m", "nguyen", "ange"] if folded(text)]
strings = sampled([text for text in TEXTS if len(text) < 100])
references = st.one_of(
    st.sampled_from(["1", "2", "9", "Patient/9"]), st.sampled_from([one for one in made.REFERENCES if one[0] != "#"])
)
local = st.sampled_from(["1", "2", "Patient/1", f"{BASE_URL}/Patient/2"])
urls = sampled(made.URLS)
canonicals = sampled(made.CANONICALS)
levels = sampled(["http://a.example", "http://a.example/x", "http://a.example/x/", "http://a.example/x/y/z"])
booleans = st.sampled_from(["true", "false"])


def listed(names: str, values: st.SearchStrategy[str]) -> list[st.SearchStrategy[tuple[str, str]]]:
    """For each of the names, one value or up to three joined by commas."""
    several = st.one_of(values, values, st.lists(values, min_size=2, max_size=3).map(",".join))
    return [st.tuples(st.just(name), several) for name in names.split()]


def missing(names: str) -> list[st.SearchStrategy[tuple[str, str]]]:
    return [st.tuples(st.just(f"{name}:missing"), booleans) for name in names.split()]


def coded(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values)


COMMON = [
    *listed("_tag _tag:not", tokens), *listed("_tag:text", strings), *listed("_profile", canonicals),
    *listed("_profile:below _profile:above", levels), *missing("_tag _profile"),
    *listed("_profile:below", sampled(["http://a.example/x|1", "http://a.example/x|12"])),
]  # fmt: skip
QUERIES = {
    "Patient": [
        *listed("name family given address address-city", strings),
        *listed("name:exact family:exact given:exact address-city:exact", sampled(made.FAMILIES)),
        *listed("name:contains family:contains address:contains", strings),
        *listed("identifier identifier:not telecom phone email language language:not", tokens),
        *listed("identifier:text language:text", strings),
        *listed("identifier:of-type", joined("{}|{}|{}", systems, codes, st.sampled_from(made.SOME_CODES))),
        *listed("gender gender:not", coded("male", "FEMALE", "|male", "http://hl7.org/fhir/administrative-gender|male")),
        *listed("active active:not deceased deceased:not", booleans),
        *listed("address-use", coded("home", "work")),
        *listed("general-practitioner", coded("1", "Practitioner/1", "Organization/1")),
        *listed("general-practitioner:Organization", coded("1", "Organization/1")),
        *missing("name family given birthdate gender active identifier telecom death-date deceased language"),
    ],
    "Observation": [
        *listed("code code:not category method component-code combo-code value-concept combo-value-concept", tokens),
        *listed("component-value-concept data-absent-reason", tokens), *listed("code:text value-concept:text", strings),
        *listed("status", coded("final", "amended", "|final", "http://hl7.org/fhir/observation-status|final")),
        *listed("subject patient", references), *listed("subject:Patient", local),
        *listed("subject:identifier patient:identifier", tokens),
        *listed("value-string value-string:contains", strings), *listed("value-string:exact", sampled(made.FAMILIES)),
        *listed("code-value-quantity component-code-value-quantity combo-code-value-quantity",
                joined("{}${}", parts, coarse)),
        *listed("code-value-concept component-code-value-concept combo-code-value-concept",
                joined("{}${}", parts, parts)),
        *listed("code-value-string", joined("{}${}", parts, strings)),
        *listed("code-value-date", joined("{}${}", parts, dates)),
        *missing("code category subject patient date value-quantity value-string component-code combo-value-quantity"),
        *missing("code-value-quantity code-value-concept combo-code-value-quantity value-concept data-absent-reason"),
    ],
    "Encounter": [
        *listed("class class:not type", tokens),
        *listed("status", coded("planned", "finished")),
        *listed("subject patient", references), *listed("location", coded("1", "Location/1", f"{BASE_URL}/Location/1")),
        *missing("class type date length subject location-period"),
    ],
    "Location": [
        *listed("name address", strings), *listed("name:exact", sampled(made.FAMILIES)),
        *listed("operational-status", tokens), *listed("partof", coded("1", "Location/2", f"{BASE_URL}/Location/1")),
        *listed("status:not", coded("active")), *missing("name operational-status address status"),
    ],
    "DocumentReference": [
        *listed("identifier format", tokens), *listed("location", urls),
        *listed("location:below location:above", levels), *listed("subject", references),
        *listed("description", strings),
        *listed("relatesto", coded("1", "DocumentReference/2")), *listed("relation", coded("replaces", "appends")),
        *listed("relationship", coded("replaces$DocumentReference/1", "appends$DocumentReference/2", "replaces$2")),
        *missing("identifier format period location relatesto relationship"),
    ],
    "ValueSet": [
        *listed("url reference", urls), *listed("url:below url:above reference:below", levels),
        *listed("version version:not code", codes), *listed("title", strings),
        *listed("context context-type", tokens),
        *listed("context-type-quantity", joined("{}${}", parts, coarse)),
        *listed("context-type-value", joined("{}${}", parts, parts)),
        *missing("url version title date context context-type context-quantity context-type-quantity code"),
    ],
    "RiskAssessment": [
        *listed("subject", references),
        *listed("method risk", tokens), *missing("probability date risk"),
    ],
}  # fmt: skip




def linked(head: str, type_: str) -> st.SearchStrategy[tuple[str, str]]:
    """What can be asked of a type, behind a link."""
    return st.one_of(*QUERIES[type_], *RANGES[type_]).map(lambda pair: (f"{head}{pair[0]}", pair[1]))


RANGES = {
    "Patient": listed("birthdate death-date", dates),
    "Observation": [*listed("date date value-date", dates),
                    *listed("value-quantity component-value-quantity combo-value-quantity", quantities)],
    "Encounter": [*listed("date location-period", dates), *listed("length", quantities)],
    "DocumentReference": listed("date period", dates),
    "ValueSet": [*listed("date", dates), *listed("context-quantity", quantities)],
    "RiskAssessment": [*listed("date", dates), *listed("probability probability", numbers)],
}  # fmt: skip
"""Apart, to be asked more: prefixes and precisions make many questions of one parameter."""

LINKS = {
    "Patient": [
        linked("_has:Observation:subject:", "Observation"),
        linked("_has:Encounter:patient:", "Encounter"),
        linked("_has:Observation:patient:subject:Patient.", "Patient"),
    ],
}
OF_SUBJECTS = [
    linked("subject:Patient.", "Patient"), linked("subject:Patient._has:Observation:subject:", "Observation"),
]  # fmt: skip
LINKS |= dict.fromkeys(("Observation", "Encounter", "DocumentReference", "RiskAssessment"), OF_SUBJECTS)


@st.composite
def searches(draw: st.DrawFn) -> tuple[str, Criteria]:
    type_ = draw(st.sampled_from(list(QUERIES)))
    links = LINKS.get(type_, [])
    kinds = st.one_of(*QUERIES[type_], st.one_of(COMMON), *links, *links)
    ranged = st.one_of(RANGES.get(type_, QUERIES[type_]))
    some = st.booleans().flatmap(lambda is_range: ranged if is_range else kinds)  # nested choices would be one
    return type_, draw(st.lists(some, min_size=1, max_size=2))


# Readings


def read(type_: str, criteria: Criteria) -> Query:
    return grammar.parse(
        type_, tuple(criteria), parameters=BASE, base_url=BASE_URL, strict=True, default_count=1000, max_count=1000,
        now_ms=NOW_MS,
    )  # fmt: skip


LIMITS: dict[str, Criteria] = {"Patient": [("gender:missing", "false")], "Observation": [("_tag:not", "a")]}


class Limited(Access):
    """A caller who does not see everything."""

    def limit(self, type_: str) -> Expr:
        return read(type_, LIMITS.get(type_, [])).tree


def may_see(caller: Access, resource: Json) -> bool:
    return not isinstance(caller, Limited) or satisfies(resource, LIMITS.get(resource["resourceType"], []), {})


CALLERS = [ACCESS, Limited.system("tests")]


class Corpus:
    """Resources with their entries, and a database that holds them."""

    def __init__(self, db: database.Database, seed: int) -> None:
        self.db = db
        self.resources = made.Maker(seed).resources(COUNT)
        self.seen = [self._seen(caller) for caller in CALLERS]
        self.held: list[tuple[Version, Extracted]] = []
        for number, resource in enumerate(self.resources):
            extracted = extract(resource, BASE_URL)
            version = Version(
                resource["resourceType"], resource["id"], 1, ANSWER_TIME + number, "POST", json_codec.encode(resource),
                tuple(extracted.compartments),
            )  # fmt: skip
            self.held.append((version, extracted))

    def _seen(self, caller: Access) -> dict[str, Json]:
        return {f"{one['resourceType']}/{one['id']}": one for one in self.resources if may_see(caller, one)}

    async def store(self) -> None:
        await self.db.resources.delete_many({})
        await self.db.resources.insert_many(
            codec.to_document(version, resource, extracted)
            for resource, (version, extracted) in zip(self.resources, self.held, strict=True)
        )

    async def check(self, caller: Access, type_: str, criteria: Criteria) -> None:
        seen = self.seen[isinstance(caller, Limited)]
        ours = {key: one for key, one in seen.items() if one["resourceType"] == type_}
        naive = [key for key, one in ours.items() if satisfies(one, criteria, seen)]
        query = read(type_, criteria)
        tree = restricted(query, caller.limit)
        if supports(tree):
            matcher = [
                version.key for version, extracted in self.held
                if version.type == type_ and matches(tree, extracted, type_=type_, id_=version.id, updated=0)
            ]  # fmt: skip
            assert matcher == naive, self._difference(matcher, naive)
        page = await reader.search(caller, self.db, query, secret=SECRET)
        stored = [version.key for version in page.versions]
        assert sorted(stored) == sorted(naive), self._difference(stored, naive)
        assert await totals.count(caller, self.db, query) == len(naive)

    def _difference(self, found: list[str], naive: list[str]) -> list[Json]:
        """The resources that the two readings disagree about."""
        apart = set(found) ^ set(naive)
        return [one for one in self.resources if f"{one['resourceType']}/{one['id']}" in apart]


@pytest.fixture
async def db(mongo_uri: str, database_name: str) -> AsyncIterator[database.Database]:
    handle = await database.connect(mongo_uri, database_name)
    await schema.prepare(ACCESS, handle)
    yield handle
    await handle.close()


COMMON_SETTINGS = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(params=[1, 2])
async def corpus(request: pytest.FixtureRequest, db: database.Database) -> Corpus:
    found = Corpus(db, request.param)
    await found.store()
    return found


@settings(COMMON_SETTINGS, max_examples=350)
@given(asked=searches(), caller=st.sampled_from(CALLERS))
async def test_three_readings_agree(corpus: Corpus, asked: tuple[str, Criteria], caller: Access) -> None:
    await corpus.check(caller, *asked)


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(COMMON_SETTINGS, max_examples=40)
@given(seed=st.integers(10, 10_000), asked=st.lists(searches(), min_size=20, max_size=60))
async def test_three_readings_agree_on_many_resources(
    db: database.Database, seed: int, asked: list[tuple[str, Criteria]]
) -> None:
    found = Corpus(db, seed)
    await found.store()
    for type_, criteria in asked:
        for caller in CALLERS:
            await found.check(caller, type_, criteria)
