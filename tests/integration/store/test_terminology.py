"""Value sets and hierarchies over what is stored, beside HL7's own."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.access.limits import Access
from fhir_server.model import Change, Json, Version
from fhir_server.search.tree import EVERYTHING, NOTHING, Expr
from fhir_server.store import terminology
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from resources.terminology.problems import NotExpandable
from tests.integration.store.changes import ACCESS, commit

PETS = "http://test.example/pets"
SET = "http://test.example/ValueSet/pets"
GENDER = "http://hl7.org/fhir/ValueSet/administrative-gender"


class Blind(Access):
    """Sees no ValueSets."""

    def limit(self, type_: str) -> Expr:
        return NOTHING if type_ == "ValueSet" else EVERYTHING


def value_set(id_: str, *codes: str, url: str = SET, **members: Any) -> Json:
    include = [{"system": PETS, "concept": [{"code": code} for code in codes]}]
    resource = {"resourceType": "ValueSet", "id": id_, "url": url, "status": "active", "compose": {"include": include}}
    return {**resource, **members}


def code_system(id_: str, **members: Any) -> Json:
    dogs = {"code": "dog", "concept": [{"code": "pug"}, {"code": "poodle"}]}
    resource = {"resourceType": "CodeSystem", "id": id_, "url": PETS, "status": "active", "content": "complete"}
    return {**resource, "hierarchyMeaning": "is-a", "concept": [dogs, {"code": "cat"}], **members}


async def store(committer: Committer, resource: Json, before: Version | None = None) -> Version:
    return await commit(committer, Change("PUT", resource["resourceType"], resource["id"], before, resource))


async def codes(db: Database, canonical: str = SET, *, access: Access = ACCESS) -> list[str]:
    return [code for _, code in await terminology.value_set(access, db, canonical, most=100)]


async def test_a_stored_set_over_a_stored_system(db: Database, committer: Committer) -> None:
    await store(committer, code_system("pets"))
    kinds = {"include": [{"system": PETS, "filter": [{"property": "concept", "op": "is-a", "value": "dog"}]}]}
    await store(committer, value_set("dogs", compose=kinds))
    assert await terminology.value_set(ACCESS, db, SET, most=3) == ((PETS, "dog"), (PETS, "pug"), (PETS, "poodle"))
    with pytest.raises(NotExpandable, match="has 3 codes, and at most 2"):
        await terminology.value_set(ACCESS, db, SET, most=2)


async def test_above_and_below_in_a_stored_system(db: Database, committer: Committer) -> None:
    await store(committer, code_system("pets"))
    below = await terminology.subsumed(ACCESS, db, PETS, "dog", "below", most=10)
    assert set(below) == {(PETS, "dog"), (PETS, "pug"), (PETS, "poodle")}
    assert await terminology.subsumed(ACCESS, db, PETS, "pug", "above", most=10) == ((PETS, "pug"), (PETS, "dog"))
    with pytest.raises(NotExpandable, match="has no code bird"):
        await terminology.subsumed(ACCESS, db, PETS, "bird", "below", most=10)


async def test_hl7s_own_need_not_be_stored(db: Database) -> None:
    assert await codes(db, GENDER) == ["male", "female", "other", "unknown"]
    below = await terminology.subsumed(
        ACCESS, db, "http://terminology.hl7.org/CodeSystem/v3-ActCode", "IMP", "below", most=10
    )
    assert {code for _, code in below} == {"IMP", "ACUTE", "NONAC"}


async def test_what_is_stored_comes_before_hl7s_and_what_changes_shows_at_once(
    db: Database, committer: Committer
) -> None:
    first = await store(committer, value_set("gender", "other", url=GENDER, version="5"))
    assert await codes(db, GENDER) == ["other"]
    assert await codes(db, f"{GENDER}|4.0.1") == ["male", "female", "other", "unknown"]
    second = await store(committer, value_set("gender", "unknown", url=GENDER, version="5"), first)
    assert await codes(db, GENDER) == ["unknown"]
    await commit(committer, Change("DELETE", "ValueSet", "gender", second, None))
    assert await codes(db, GENDER) == ["male", "female", "other", "unknown"]


async def test_the_latest_version_answers_unless_one_is_named(db: Database, committer: Committer) -> None:
    for version in ("1.9", "1.10", "1.2"):
        await store(committer, value_set(f"v{version}", version, version=version))
    assert await codes(db) == ["1.10"]
    assert await codes(db, f"{SET}|1.9") == ["1.9"]
    with pytest.raises(NotExpandable, match=r"pets\|3 is neither stored on this server .*; version 1.10 is"):
        await codes(db, f"{SET}|3")


async def test_a_set_that_the_caller_may_not_see_is_not_there(db: Database, committer: Committer) -> None:
    await store(committer, value_set("gender", "other", url=GENDER))
    await store(committer, value_set("hidden", "cat"))
    blind = Blind.open()
    assert await codes(db, GENDER, access=blind) == ["male", "female", "other", "unknown"]
    with pytest.raises(NotExpandable, match="neither stored on this server nor one of HL7's"):
        await codes(db, access=blind)


async def test_a_stored_system_names_the_set_of_all_its_codes(db: Database, committer: Committer) -> None:
    await store(committer, code_system("pets", valueSet=SET, version="2"))
    await store(committer, code_system("old", valueSet=SET, version="1", concept=[{"code": "cat"}]))
    assert await codes(db) == ["dog", "pug", "poodle", "cat"]
    assert await codes(db, f"{SET}|1") == ["cat"]
    await store(committer, value_set("own", "cat"))
    assert await codes(db) == ["cat"]


async def test_many_resources_with_one_url_are_refused(db: Database, committer: Committer) -> None:
    for number in range(terminology.MOST_OF_ONE_URL + 1):
        await store(committer, value_set(f"n{number}", "cat", version=str(number)))
    with pytest.raises(NotExpandable, match="name the version") as problem:
        await codes(db)
    assert problem.value.reason == "too-costly"
    assert await codes(db, f"{SET}|7") == ["cat"]


async def test_texts_are_no_queries(db: Database, committer: Committer) -> None:
    await store(committer, code_system("pets", valueSet=SET))
    for text in ("$ne", "{}", ".*", "", "|", "http://x|.*", "\x00", "a" * 20_000):
        with pytest.raises(NotExpandable):
            await codes(db, text)
        with pytest.raises(NotExpandable):
            await terminology.subsumed(ACCESS, db, text, ".*", "below", most=10)
