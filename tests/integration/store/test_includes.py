"""What includes bring along: only what the caller may see, in few queries, each on its index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from fhir_server.access.limits import Access
from fhir_server.model import ANYONE, Change
from fhir_server.search import grammar
from fhir_server.search.query import Query
from fhir_server.search.tree import EVERYTHING, NOTHING, Equals, Expr, InCompartment
from fhir_server.store import includes, reader
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from fhir_server.store.includes import Included
from fhir_server.store.rows import Page
from resources.parameters import BASE
from tests.integration.store.changes import ACCESS, commit

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limited(Access):
    """A caller with limits of their own on some types."""

    limits: tuple[tuple[str, Expr], ...] = ()

    def limit(self, type_: str) -> Expr:
        return dict(self.limits).get(type_, EVERYTHING)


def limited(**limits: Expr) -> Limited:
    return Limited(ANYONE, limits=tuple(limits.items()))


def refers(key: str) -> Json:
    return {"reference": key}


@pytest.fixture
async def ward(committer: Committer) -> None:
    """Patients a and b of one Organization, an Encounter for each, and three Observations in each of these."""
    resources: list[Json] = [{"resourceType": "Organization", "id": "o"}]
    for patient in "ab":
        of = {"subject": refers(f"Patient/{patient}")}
        visit = {"status": "planned" if patient == "a" else "finished", "class": {"code": "AMB"}}
        resources += [
            {"resourceType": "Patient", "id": patient, "managingOrganization": refers("Organization/o")},
            {"resourceType": "Encounter", "id": patient, **visit, **of},
        ]
        resources += [
            {"resourceType": "Observation", "id": f"{patient}{n}", "status": "final", "code": {"text": "x"},
             "encounter": refers(f"Encounter/{patient}"), **of}
            for n in range(3)
        ]  # fmt: skip
    for resource in resources:
        await commit(committer, Change("PUT", resource["resourceType"], resource["id"], None, resource))


def understood(type_: str, values: Sequence[str]) -> Query:
    """The search that pairs such as `_include=Patient:link` ask for."""
    pairs = tuple((name, value) for name, _, value in (text.partition("=") for text in values))
    return grammar.parse(
        type_, pairs, parameters=BASE, base_url="http://here.example/fhir", strict=True, default_count=20,
        max_count=20, now_ms=0,
    )  # fmt: skip


async def along(access: Access, db: Database, type_: str, *values: str) -> tuple[Page, Included]:
    """The page of a search, and what comes along."""
    query = understood(type_, values)
    page = await reader.search(access, db, query, secret=b"s")
    return page, await includes.follow(access, db, query.includes, page)


def keys(included: Included) -> list[str]:
    return sorted(version.key for version in included.versions)


@pytest.mark.usefixtures("ward")
@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, ["Encounter/a", "Encounter/b", "Organization/o", "Patient/a", "Patient/b"]),
        ({"Patient": NOTHING}, ["Encounter/a", "Encounter/b"]),
        ({"Patient": InCompartment("Patient/a")}, ["Encounter/a", "Encounter/b", "Organization/o", "Patient/a"]),
        ({"Encounter": Equals("Encounter.status|planned|http://hl7.org/fhir/encounter-status")},
         ["Encounter/a", "Organization/o", "Patient/a", "Patient/b"]),
        ({"Encounter": NOTHING, "Patient": NOTHING, "Organization": NOTHING}, []),
        ({"Organization": NOTHING}, ["Encounter/a", "Encounter/b", "Patient/a", "Patient/b"]),
        ({"Observation": InCompartment("Patient/b")}, ["Encounter/b", "Organization/o", "Patient/b"]),
    ],
)  # fmt: skip
async def test_what_comes_along_is_what_the_caller_may_see(
    db: Database, limits: dict[str, Expr], expected: Sequence[str]
) -> None:
    asked = ("_include=Observation:subject", "_include=Observation:encounter", "_include:iterate=Patient:organization")
    _, included = await along(limited(**limits), db, "Observation", *asked)
    assert keys(included) == expected


@pytest.mark.usefixtures("ward")
async def test_what_refers_is_what_the_caller_may_see(db: Database) -> None:
    asked = ("_id=a", "_revinclude=Observation:subject", "_revinclude=Encounter:subject")
    assert len(keys((await along(ACCESS, db, "Patient", *asked))[1])) == 4
    assert keys((await along(limited(Observation=NOTHING), db, "Patient", *asked))[1]) == ["Encounter/a"]
    _, included = await along(limited(Encounter=InCompartment("Patient/b")), db, "Patient", *asked)
    assert keys(included) == ["Observation/a0", "Observation/a1", "Observation/a2"]
    assert not keys((await along(limited(Patient=NOTHING), db, "Patient", *asked))[1])


@pytest.mark.usefixtures("ward")
async def test_hidden_resources_take_no_room(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(includes, "MOST", 3)
    asked = ("_revinclude=Observation:subject",)
    _, everything = await along(ACCESS, db, "Patient", *asked)
    assert (len(everything.versions), everything.cut) == (3, asked)
    _, some = await along(limited(Observation=InCompartment("Patient/b")), db, "Patient", *asked)
    assert (keys(some), some.cut) == (["Observation/b0", "Observation/b1", "Observation/b2"], ())


@pytest.mark.usefixtures("ward")
async def test_bytes_are_bounded(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("_id=a", "_include=Patient:organization", "_revinclude=Observation:subject")
    page, everything = await along(ACCESS, db, "Patient", *asked)
    assert (len(everything.versions), everything.cut) == (4, ())
    monkeypatch.setattr(includes, "PAGE_BYTES", page.size)
    _, nothing = await along(ACCESS, db, "Patient", *asked)
    assert (nothing.versions, set(nothing.cut)) == ((), set(asked[1:]))


@pytest.mark.usefixtures("ward")
async def test_what_is_looked_for_is_bounded(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(includes, "ASKED_AT_ONCE", 1)
    monkeypatch.setattr(includes, "MOST_ASKED", 2)
    _, included = await along(ACCESS, db, "Observation", "_include=Observation:subject")
    assert (keys(included), included.cut) == (["Patient/a", "Patient/b"], ())
    _, included = await along(ACCESS, db, "Observation", "_include=Observation:*")
    assert len(included.versions) == 2
    assert included.cut == ("_include=Observation:*",)


@pytest.mark.usefixtures("ward")
@pytest.mark.parametrize(
    ("type_", "asked", "plans", "examined"),
    [
        ("Observation", ("_include=Observation:subject", "_include=Observation:encounter"), ["IXSCAN { _id: 1 }"], 4),
        ("Patient", ("_revinclude=Observation:subject",), ["IXSCAN { index: 1, _id: 1 }"], 6),
        ("Patient", ("_revinclude=Observation:subject", "_revinclude=Encounter:patient"),
         ["IXSCAN { index: 1, _id: 1 }"], 8),
        ("Patient", ("_revinclude=*",), ["IXSCAN { index: 1, _id: 1 }"], 8),
        ("Encounter", ("_include=Encounter:subject", "_revinclude=Observation:encounter"),
         ["IXSCAN { _id: 1 }", "IXSCAN { index: 1, _id: 1 }"], 8),
    ],
)  # fmt: skip
async def test_each_kind_is_one_query_on_an_index(
    db: Database, type_: str, asked: Sequence[str], plans: Sequence[str], examined: int
) -> None:
    query = understood(type_, asked)
    page = await reader.search(ACCESS, db, query, secret=b"s")
    database = db.resources.database
    await database.command("profile", 2)
    included = await includes.follow(ACCESS, db, query.includes, page)
    await database.command("profile", 0)

    seen = [each async for each in database["system.profile"].find({"op": "query", "ns": db.resources.full_name})]
    assert [each["planSummary"] for each in seen] == list(plans)
    assert sum(each["docsExamined"] for each in seen) == examined == len(included.versions)
