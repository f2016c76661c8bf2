"""Marks: kept for the whole database, beside the facts of the schema."""

from fhir_server.access.limits import Access
from fhir_server.store import marks, schema
from fhir_server.store.database import connect

ACCESS = Access.system("test")


async def test_the_last_facts_of_a_name_count(mongo_uri: str, database_name: str) -> None:
    db = await connect(mongo_uri, database_name)
    try:
        await schema.prepare(ACCESS, db)
        assert await marks.find(ACCESS, db, "schema") is None
        await marks.put(ACCESS, db, "schema", {"complete": False, "seed": 1})
        await marks.put(ACCESS, db, "schema", {"complete": True})
        assert await marks.find(ACCESS, db, "schema") == {"complete": True}
        await schema.prepare(ACCESS, db)  # its own facts are as they were
    finally:
        await db.close()
