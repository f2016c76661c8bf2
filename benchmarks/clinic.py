"""A clinic of any size, for the search figures: patients with encounters, observations, conditions, prescriptions.

Rule: the same seed makes the same resources; shares of codes, families and states do not depend on the size, so that a
question that finds one in a hundred does so at every size.
"""

from __future__ import annotations

import asyncio
import random
from bisect import bisect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from fhir_server.access.limits import Access
from fhir_server.document import codec, layout
from fhir_server.model import Version
from fhir_server.search.extract import extract
from fhir_server.store import lives
from fhir_server.store.database import connect
from resources import json_codec
from resources.parameters import BASE

Json = dict[str, Any]

PER_PATIENT = 25
"""Resources of a patient, the Patient among them."""
PRACTITIONERS, ORGANIZATIONS = 40, 10
BASE_URL = "http://127.0.0.1/fhir"
BATCH = 1_000

_LOINC, _SNOMED, _RXNORM = "http://loinc.org", "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_SYLLABLES = ("an", "ber", "cor", "dal", "el", "far", "gor", "hol", "ing", "jor", "kel", "lan", "mor", "nor", "ost")
_BEGINNING = datetime(2016, 1, 1, tzinfo=UTC)
_DAYS = 3_600


class Clinic:
    """Makes the resources of `size` together."""

    def __init__(self, size: int, seed: int = 1) -> None:
        self.patients = (size - PRACTITIONERS - ORGANIZATIONS) // PER_PATIENT
        self._random = random.Random(seed)
        self.families = _families()
        self._family_weights = list(accumulate((rank + 8) ** -0.8 for rank in range(len(self.families))))
        self._code_weights = list(accumulate((rank + 1) ** -0.9 for rank in range(400)))

    def resources(self) -> Iterator[Json]:
        """All of them, patient by patient."""
        for number in range(ORGANIZATIONS):
            yield {"resourceType": "Organization", "id": f"o{number}", "name": f"Department {number}"}
        for number in range(PRACTITIONERS):
            name = {"family": self._family(), "given": ["A"]}
            yield {"resourceType": "Practitioner", "id": f"r{number}", "name": [name]}
        for number in range(self.patients):
            yield from self._patient(number)

    def _family(self) -> str:
        return self.families[self._weighted(self._family_weights)]

    def _weighted(self, weights: list[float]) -> int:
        return bisect(weights, self._random.random() * weights[-1])

    def _when(self) -> str:
        at = _BEGINNING + timedelta(days=self._random.randrange(_DAYS), minutes=self._random.randrange(1440))
        return at.strftime("%Y-%m-%dT%H:%M:00Z")

    def _patient(self, number: int) -> Iterator[Json]:
        chance = self._random.random
        yield {
            "resourceType": "Patient",
            "id": f"p{number}",
            "identifier": [{"system": "https://clinic.example/mrn", "value": f"{number:07d}"}],
            "active": True,
            "name": [{"family": self._family(), "given": [self.families[int(chance() * 500)]]}],
            "gender": "male" if chance() < 0.5 else "female",
            "birthDate": f"{1930 + int(chance() * 90)}-{1 + int(chance() * 12):02d}-{1 + int(chance() * 28):02d}",
            "address": [{"city": f"City {int(chance() ** 3 * 300)}", "state": "MA" if chance() < 0.75 else "NY"}],
            "generalPractitioner": [{"reference": f"Practitioner/r{int(chance() * PRACTITIONERS)}"}],
            "managingOrganization": {"reference": f"Organization/o{int(chance() * ORGANIZATIONS)}"},
        }
        subject = {"reference": f"Patient/p{number}"}
        for visit in range(4):
            yield self._encounter(number, visit, subject)
        for which in range(14):
            yield self._observation(f"b{number}-{which}", subject, {"reference": f"Encounter/e{number}-{which % 4}"})
        for which in range(2):
            yield {
                "resourceType": "Condition",
                "id": f"c{number}-{which}",
                "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                                               "code": "active" if chance() < 0.3 else "resolved"}]},
                "code": {"coding": [{"system": _SNOMED, "code": f"{38341000 + self._weighted(self._code_weights)}"}]},
                "subject": subject,
                "onsetDateTime": self._when(),
            }  # fmt: skip
        for which in range(4):
            yield self._prescription(f"m{number}-{which}", subject)

    def _encounter(self, number: int, visit: int, subject: Json) -> Json:
        start = self._when()
        return {
            "resourceType": "Encounter",
            "id": f"e{number}-{visit}",
            "status": "finished" if self._random.random() < 0.98 else "planned",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": subject,
            "participant": [
                {"individual": {"reference": f"Practitioner/r{self._random.randrange(PRACTITIONERS)}"}}
            ],
            "period": {"start": start, "end": start},
            "serviceProvider": {"reference": f"Organization/o{self._random.randrange(ORGANIZATIONS)}"},
        }

    def _observation(self, id_: str, subject: Json, encounter: Json) -> Json:
        chance = self._random.random()
        category = "vital-signs" if chance < 0.46 else "laboratory" if chance < 0.9 else "survey"
        return {
            "resourceType": "Observation",
            "id": id_,
            "status": "final" if self._random.random() < 0.9985 else "amended",
            "category": [{"coding": [{"system": _CATEGORY, "code": category}]}],
            "code": {"coding": [{"system": _LOINC, "code": f"{self._weighted(self._code_weights)}-1"}]},
            "subject": subject,
            "encounter": encounter,
            "effectiveDateTime": self._when(),
            "performer": [{"reference": f"Practitioner/r{self._random.randrange(PRACTITIONERS)}"}],
            "valueQuantity": {"value": round(self._random.gauss(100, 20), 1), "unit": "mg/dL",
                              "system": "http://unitsofmeasure.org", "code": "mg/dL"},
        }  # fmt: skip

    def _prescription(self, id_: str, subject: Json) -> Json:
        return {
            "resourceType": "MedicationRequest",
            "id": id_,
            "status": "active" if self._random.random() < 0.2 else "completed",
            "intent": "order",
            "medicationCodeableConcept": {
                "coding": [{"system": _RXNORM, "code": f"{860975 + self._weighted(self._code_weights)}"}]
            },
            "subject": subject,
            "authoredOn": self._when(),
            "requester": {"reference": f"Practitioner/r{self._random.randrange(PRACTITIONERS)}"},
        }


def _families() -> list[str]:
    found = ["Smith"]
    chance = random.Random(2)
    while len(found) < 3_000:
        name = "".join(chance.choice(_SYLLABLES) for _ in range(chance.choice((2, 2, 3)))).capitalize()
        if name not in found:
            found.append(name)
    return found


async def _begin(uri: str, name: str) -> None:
    """Note that the entries will be of this release's form: no server is to make them anew."""
    db = await connect(uri, name)
    await lives.prepare(Access.system("benchmark"), db, lives.form(BASE))
    await db.close()


def fill(uri: str, database: str, clinic: Clinic) -> int:
    """Put the clinic's resources into a database that no server has opened yet, as the store would; how many.

    The indexes are made when a server opens it: for so many that is quicker.
    """
    asyncio.run(_begin(uri, database))
    client: MongoClient[Json] = MongoClient(uri)
    collection = client[database][layout.RESOURCES]
    batch: list[RawBSONDocument] = []
    count = 0
    updated = int(_BEGINNING.timestamp() * 1_000_000)
    for resource in clinic.resources():
        updated += 1_000
        count += 1
        text = json_codec.encode({**resource, "meta": {"versionId": "1", "lastUpdated": "2024-01-01T00:00:00.000Z"}})
        entries = extract(resource, BASE_URL)
        compartments = tuple(entries.compartments)
        version = Version(resource["resourceType"], resource["id"], 1, updated, "PUT", text, compartments)
        batch.append(codec.to_document(version, resource, entries))
        if len(batch) == BATCH:
            collection.insert_many(batch, ordered=False)
            batch.clear()
    if batch:
        collection.insert_many(batch, ordered=False)
    client.close()
    return count
