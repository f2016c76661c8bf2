"""Changes and commits, valid by default; an argument changes one thing."""

from typing import Any

from fhir_server.access.limits import Access
from fhir_server.model import Change, Commit, Condition, Json, Version
from fhir_server.search import grammar
from fhir_server.search.query import Query
from fhir_server.search.tree import Expr
from fhir_server.store import reader
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from resources.parameters import BASE

ACCESS = Access.system("tests")
BASE_URL = "http://fhir.test/fhir"


def patient(id_: str, **members: Any) -> Json:
    return {"resourceType": "Patient", "id": id_, "name": [{"family": "Shaw"}], **members}


def created(id_: str, **members: Any) -> Change:
    return Change("POST", "Patient", id_, None, patient(id_, **members))


def replaced(before: Version, **members: Any) -> Change:
    return Change("PUT", before.type, before.id, before, patient(before.id, **members))


def deleted(before: Version) -> Change:
    return Change("DELETE", before.type, before.id, before, None)


async def commit(committer: Committer, *changes: Change, conditions: tuple[Condition, ...] = ()) -> Version:
    """Commit the changes together; the version that the first of them made."""
    return (await committer.commit(ACCESS, Commit(changes, conditions)))[0]


def tree(type_: str, **criteria: str) -> Expr:
    """The search tree of criteria such as identifier="a|1"."""
    return query(type_, **criteria).tree


def query(type_: str, **criteria: str) -> Query:
    """The search of such criteria."""
    return grammar.parse(
        type_,
        tuple(criteria.items()),
        parameters=BASE,
        base_url=BASE_URL,
        strict=True,
        default_count=20,
        max_count=1000,
        now_ms=0,
    )


async def matching(db: Database, type_: str, *, most: int = 1, **criteria: str) -> tuple[Version, ...]:
    """The resources that the criteria find: at most `most`, and one more where there are more."""
    return await reader.matching(ACCESS, db, type_, tree(type_, **criteria), most=most)


def condition(found: str | None, **criteria: str) -> Condition:
    return Condition("Patient", tree("Patient", **criteria), f"Patient {sorted(criteria.items())}", found)
