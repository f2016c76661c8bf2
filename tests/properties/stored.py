"""Resources at random, of values that are easily confused, with what is extracted from them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir_server.document import layout
from fhir_server.search.extract import Extracted, extract
from fhir_server.search.match import matches
from fhir_server.search.tree import Expr

Json = dict[str, Any]

BASE_URL = "http://here.example/fhir"
NOW_MS = 1_700_000_000_000
FAMILIES = ["Müller", "Muller", "O'Brien", "obrien", "Smith", "Smith-Jones", "smith jones", "van der Berg", "Ng", "李"]
GIVEN = ["Ann", "ann", "Anna", "Bob", "Zoë", "a|b", "a\\b", "$ne", ".*", "Å"]
UCUM = "http://unitsofmeasure.org"
SYSTEMS = [None, "http://a.example", "http://b.example", "urn:oid:1.2.3"]
CODES = ["A", "a", "b", "b|c", "B\\", "final", "8480-6", "$gt", ""]
DATES = [
    "2023", "2023-02", "2023-02-28", "2023-03-01", "2024-02-29", "2023-02-28T23:59:59Z", "2023-03-01T00:00:00Z",
    "2023-03-01T01:00:00+02:00", "2023-02-28T22:30:00.250-05:00", "1950", "2022-12-31T23:59:59.999Z",
]  # fmt: skip
REFERENCES = [
    "Patient/1", "Patient/2", "Patient/1/_history/3", f"{BASE_URL}/Patient/1", "http://other.example/fhir/Patient/1",
    "Practitioner/1", "Group/1", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "#p",
]  # fmt: skip
PROFILES = [
    "http://a.example", "http://a.example/", "http://a.example/x", "http://a.example/x/y|1", "http://a.example/xy",
    "http://a.example/x|1.2", "http://a.example/x|12", "urn:oid:1.2.3",
]  # fmt: skip
WORDS = ["bone", "Bones", "liver", "Résumé", "a1", "O’Brien"]
UNITS = [("mg", f"{UCUM}|mg"), ("mg", "|mg"), ("g", f"{UCUM}|g"), ("g", f"{UCUM}|g"), ("score", "|score"), (None, "|")]
"""How a unit is called, and its system and code."""
AMOUNTS = ["0", "0.005", "5", "5.4", "5000", "1e3", "-1"]
NUMBERS = [0, 0.5, 0.25, 0.15, 0.149, 1, 0.95]


@dataclass(frozen=True, slots=True)
class Stored:
    """A resource as the store keeps it."""

    type: str
    id: str
    updated: int
    extracted: Extracted

    def document(self) -> Json:
        return {
            layout.ID: f"{self.type}/{self.id}",
            layout.TYPE: self.type,
            layout.UPDATED: self.updated,
            layout.INDEX: self.extracted.index,
            **({layout.RARE: self.extracted.rare} if self.extracted.rare else {}),
            layout.RANGES: self.extracted.ranges,
            layout.SORT: self.extracted.sort,
            layout.COMPARTMENTS: self.extracted.compartments,
        }

    def satisfies(self, tree: Expr) -> bool:
        return matches(tree, self.extracted, type_=self.type, id_=self.id, updated=self.updated)


def maybe(rng: random.Random, held: Json, name: str, value: Any, share: float = 0.7) -> None:
    if rng.random() < share:
        held[name] = value


def coding(rng: random.Random) -> Json:
    held: Json = {}
    maybe(rng, held, "code", rng.choice(CODES[:-1]), 0.9)
    maybe(rng, held, "display", rng.choice(FAMILIES), 0.5)
    system = rng.choice(SYSTEMS)
    if system:
        held["system"] = system
    return held


def identifier(rng: random.Random) -> Json:
    held: Json = {"value": rng.choice(CODES[:-1])}
    maybe(rng, held, "type", {"coding": [coding(rng)], "text": rng.choice(FAMILIES)}, 0.5)
    system = rng.choice(SYSTEMS)
    return {**held, "system": system} if system else held


def reference(rng: random.Random) -> Json:
    held: Json = {"reference": rng.choice(REFERENCES)}
    maybe(rng, held, "identifier", identifier(rng), 0.3)
    return held


def period(rng: random.Random) -> Json:
    held: Json = {}
    maybe(rng, held, "start", rng.choice(DATES))
    maybe(rng, held, "end", rng.choice(DATES))
    return held


def patient(rng: random.Random) -> Json:
    profiles = rng.sample(PROFILES, rng.randint(0, 2))
    held: Json = {"resourceType": "Patient", "meta": {"tag": [coding(rng)], "profile": profiles}}
    maybe(rng, held, "text", {"div": f"<div>{' '.join(rng.choices(WORDS, k=3))}</div>"})
    names = [{"family": rng.choice(FAMILIES), "given": rng.sample(GIVEN, rng.randint(0, 2))} for _ in range(2)]
    maybe(rng, held, "name", names[: rng.randint(1, 2)], 0.85)
    maybe(rng, held, "birthDate", rng.choice(DATES[:5]))
    maybe(rng, held, "gender", rng.choice(["male", "female", "other"]))
    maybe(rng, held, "identifier", [identifier(rng) for _ in range(rng.randint(1, 3))])
    maybe(rng, held, "active", rng.random() < 0.5)
    maybe(rng, held, "generalPractitioner", [reference(rng)])
    if rng.random() < 0.5:
        held["deceasedBoolean" if rng.random() < 0.5 else "deceasedDateTime"] = rng.choice([True, False])
        if "deceasedDateTime" in held:
            held["deceasedDateTime"] = rng.choice(DATES)
    return held


def observation(rng: random.Random) -> Json:
    held: Json = {"resourceType": "Observation", "status": rng.choice(["final", "amended"])}
    held["code"] = {"coding": [coding(rng) for _ in range(rng.randint(1, 2))], "text": rng.choice(FAMILIES)}
    maybe(rng, held, "subject", reference(rng))
    if rng.random() < 0.5:
        maybe(rng, held, "effectiveDateTime", rng.choice(DATES))
    else:
        maybe(rng, held, "effectivePeriod", period(rng))
    held |= measured(rng)
    parts = [{"code": {"coding": [coding(rng)]}, **measured(rng)} for _ in range(rng.randint(1, 3))]
    maybe(rng, held, "component", parts, 0.4)
    return held


def measured(rng: random.Random) -> Json:
    """One of the values that an Observation and its components may have; or none."""
    return rng.choice([
        {"valueString": rng.choice(FAMILIES)},
        {"valueCodeableConcept": {"coding": [coding(rng) for _ in range(rng.randint(1, 2))]}},
        {"valueDateTime": rng.choice(DATES)},
        {"valuePeriod": period(rng)},
        {"valueQuantity": quantity(rng)},
        {"valueQuantity": quantity(rng)},
        {"valueQuantity": quantity(rng)},
        {},
    ])  # fmt: skip


def quantity(rng: random.Random) -> Json:
    held: Json = {"value": Decimal(rng.choice(AMOUNTS))}
    unit, coded = rng.choice(UNITS)
    system, _, code = coded.partition("|")
    held |= {name: text for name, text in (("unit", unit), ("system", system), ("code", code)) if text}
    maybe(rng, held, "comparator", rng.choice(["<", "<=", ">", ">="]), 0.2)
    return held


def risk(rng: random.Random) -> Json:
    held: Json = {"resourceType": "RiskAssessment", "status": "final", "subject": reference(rng)}
    held["prediction"] = [{"probabilityDecimal": rng.choice(NUMBERS)} for _ in range(rng.randint(0, 2))]
    maybe(rng, held, "occurrencePeriod", period(rng))
    return held


def stored(seed: int, count: int = 90) -> list[Stored]:
    rng = random.Random(seed)
    made = []
    for number in range(count):
        resource = rng.choice([patient, observation, risk])(rng)
        resource["id"] = str(number)
        updated = NOW_MS * 1000 + rng.randint(0, 40)  # many ties
        made.append(Stored(resource["resourceType"], resource["id"], updated, extract(resource, BASE_URL)))
    return made
