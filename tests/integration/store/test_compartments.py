"""The types of a compartment are read from the index."""

from typing import Any

from fhir_server.model import Change
from fhir_server.store import compartments
from fhir_server.store.committer import Committer
from fhir_server.store.database import Database
from tests.integration.store.changes import ACCESS, commit, created


async def test_the_types_of_a_compartment_cost_a_key_each(db: Database, committer: Committer) -> None:
    await commit(committer, created("a"), created("b"))
    for number in range(20):
        for patient in "ab":
            subject = {"reference": f"Patient/{patient}"}
            observation: dict[str, Any] = {"status": "final", "code": {"text": "x"}, "subject": subject}
            resource = {"resourceType": "Observation", "id": f"{patient}{number}", **observation}
            await commit(committer, Change("PUT", "Observation", resource["id"], None, resource))
    related = {"resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "Patient/a"}}
    await commit(committer, Change("PUT", "RelatedPerson", "r", None, related))

    await db.database.command("profile", 2)
    found = await compartments.types_in(ACCESS, db, "Patient/a")
    await db.database.command("profile", 0)

    assert found == ("Observation", "Patient", "RelatedPerson")
    assert await compartments.types_in(ACCESS, db, "Patient/b") == ("Observation", "Patient")
    assert await compartments.types_in(ACCESS, db, "Patient/c") == ()
    wanted = {"op": "command", "command.aggregate": "resources"}
    [seen] = [each async for each in db.database["system.profile"].find(wanted)]
    assert (seen["docsExamined"], seen["keysExamined"] <= 5) == (0, True)
