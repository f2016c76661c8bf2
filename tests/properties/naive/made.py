"""Random resources of seven types, made of few values so that searches meet them, with what is odd but allowed.

Rule: valid where search looks; the same seed makes the same resources.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.properties.naive import ranges
from tests.properties.naive.texts import BASE_URL

Json = dict[str, Any]

FAMILIES = [
    "Müller", "Muller", "MULLER", "O'Brien", "obrien", "Smith-Jones", "smith  jones", "van der Berg", "Nguyễn", "李",
    "Straße", "STRASSE", "Øberg", "oberg", "Ångström", "Łęski", "Ægir", "a|b", "a,b", "a\\b", "$ne", ".*", "!!!",
    "Smith\u00a0Jones", "x" * 200,
]  # fmt: skip
SYSTEMS = [
    "http://a.example", "http://a.example", "http://A.example", "http://b.example", "urn:oid:1.2.3",
    "http://a.example|x",
]  # fmt: skip
SOME_CODES = ["A", "a", "b"]
CODES = [*SOME_CODES, *SOME_CODES, *SOME_CODES, "b|c", "B\\", "8480-6", "$gt", "MR", "c,d", "é", "1"]
DATES = [
    "2023", "2023-02", "2023-02-28", "2023-03-01", "2024-02-29", "2024", "1950", "2023-02-28T23:59:59Z",
    "2023-03-01T00:00:00Z", "2023-03-01T01:00:00+02:00", "2023-02-28T22:30:00.250-05:00", "2022-12-31T23:59:59.999Z",
    "2023-03-01T00:00:00.5Z", "2023-12-31T23:30:00-14:00",
]  # fmt: skip
DAYS = [date for date in DATES if len(date) <= 10]
INSTANTS = [date for date in DATES if len(date) > 10]
REFERENCES = [
    "Patient/1", "Patient/2", "Patient/3", "Patient/4", "Patient/1/_history/3",
    f"{BASE_URL}/Patient/1", f"{BASE_URL}/Patient/2/_history/1",
    "http://other.example/fhir/Patient/1", "http://other.example/fhir/Patient/1/_history/2", "Group/1",
    "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "#p",
]  # fmt: skip
URLS = [
    "http://a.example", "http://a.example/", "http://a.example/x", "http://a.example/X", "http://a.example/x/y",
    "http://a.example/x/y/", "http://a.example/xy", "urn:oid:1.2.3", "http://a.example/x%20y", "http://a.example/x,y",
]  # fmt: skip
CANONICALS = [*URLS, "http://a.example/x|1", "http://a.example/x|1.2", "http://a.example/x|12", "http://a.example/x/y|1"]
AMOUNTS = ["0", "0.005", "5", "5.0", "5.4", "5.40", "5000", "1e3", "-1", "98.6", "37", "0.5", "310.15"]
SHARES = ["0", "0.5", "0.25", "0.15", "0.149", "1"]
UNITS = [*ranges.UNITS, "ml", "{score}"]
PATIENTS = 8


class Maker:
    """Makes resources with one source of chance."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def resources(self, count: int) -> list[Json]:
        """So many, with ids from `0`; the first ones are those that others refer to."""
        kinds = [self.patient, self.observation, self.observation, self.encounter, self.location, self.document,
                 self.value_set, self.risk]  # fmt: skip
        made = []
        for number in range(count):
            resource = self.patient() if number < PATIENTS else self.rng.choice(kinds)()
            resource["id"] = str(number)
            resource["meta"] = self.held({"tag": self.some(self.coding), "profile": self.some(self.any_of(CANONICALS))})
            made.append(resource)
        return made

    # Chance

    def any_of(self, values: list[Any]) -> Callable[[], Any]:
        return lambda: self.rng.choice(values)

    def some(self, make: Callable[[], Any], most: int = 2) -> list[Any]:
        return [make() for _ in range(self.rng.randint(1, most))]

    def held(self, members: Json, share: float = 0.65) -> Json:
        """Each member or not."""
        return {name: value for name, value in members.items() if self.rng.random() < share}

    def primitive(self, held: Json, name: str, value: Any) -> None:
        """A value, an extension in the place of one, both or nothing."""
        extension = {"extension": [{"url": "http://a.example/reason", "valueCode": "unknown"}]}
        chance = self.rng.random()
        if chance < 0.7:
            held[name] = value
        if 0.6 < chance < 0.85:
            held[f"_{name}"] = extension

    def with_nulls(self, texts: list[str]) -> Json:
        """`given`, of which some only have an extension."""
        found: list[str | None] = [text if self.rng.random() < 0.85 else None for text in texts]
        if None not in found:
            return {"given": found}
        beside = [None if text is not None else {"extension": [{"url": "http://a.example/e"}]} for text in found]
        return {"_given": beside} | ({"given": found} if any(found) else {})

    # Data types

    def coding(self) -> Json:
        return self.held({
            "system": self.rng.choice(SYSTEMS), "code": self.rng.choice(CODES), "display": self.rng.choice(FAMILIES),
        }, 0.75)  # fmt: skip

    def concept(self) -> Json:
        return self.held({"coding": self.some(self.coding), "text": self.rng.choice(FAMILIES)}, 0.75)

    def identifier(self) -> Json:
        return self.held({
            "system": self.rng.choice(SYSTEMS), "value": self.rng.choice(CODES), "type": self.concept(),
        }, 0.75)  # fmt: skip

    def reference(self) -> Json:
        return self.held({
            "reference": self.rng.choice(REFERENCES), "identifier": self.identifier(), "display": "Somebody",
        }, 0.75)  # fmt: skip

    def period(self) -> Json:
        found = self.held({"start": self.rng.choice(DATES), "end": self.rng.choice(DATES)}, 0.75)
        span = ranges.period(found)
        return found if span is None or span.low <= span.high else {"start": found["start"]}

    def timing(self) -> Json:
        events = {"event": self.some(self.any_of(DATES), 3)}
        return self.held({**events, "repeat": self.held({"boundsPeriod": self.period()})}, 0.75)

    def quantity(self, units: list[str] = UNITS) -> Json:
        code = self.rng.choice(units)
        found = self.held({"value": Decimal(self.rng.choice(AMOUNTS))}, 0.9)
        found |= self.held({"comparator": self.rng.choice(["<", "<=", ">", ">="])}, 0.15)
        chance = self.rng.random()
        if chance < 0.6:
            found |= {"unit": code, "system": ranges.UCUM, "code": code}
        elif chance < 0.9:
            found |= self.held({"unit": self.rng.choice([code, "score"]), "code": code}, 0.6)
        return found

    def range(self) -> Json:
        one = self.quantity()
        unit = {name: one[name] for name in ("unit", "system", "code") if name in one}
        low, high = sorted(Decimal(self.rng.choice(AMOUNTS)) for _ in range(2))
        return self.held({"low": {"value": low, **unit}, "high": {"value": high, **unit}}, 0.75)

    def samples(self) -> Json:
        words = self.rng.choices(["1", "2.5", "-3", "E", "L", "U"], [4, 4, 4, 1, 1, 1], k=self.rng.randint(1, 4))
        origin = {"value": Decimal(self.rng.choice(AMOUNTS)), "system": ranges.UCUM, "code": "mg"}
        found = {"origin": origin, "period": 10, "dimensions": 1, "data": " ".join(words)}
        return found | self.held({"factor": Decimal(2)})

    def address(self) -> Json:
        return self.held({
            "line": self.some(self.any_of(FAMILIES)), "city": self.rng.choice(FAMILIES), "country": "DE",
            "postalCode": self.rng.choice(CODES), "use": self.rng.choice(["home", "work"]), "district": "Mitte",
        })  # fmt: skip

    def measured(self) -> Json:
        """What an Observation or a component of one says."""
        name, make = self.rng.choice([
            ("valueQuantity", self.quantity), ("valueQuantity", self.quantity), ("valueCodeableConcept", self.concept),
            ("valueString", self.any_of(FAMILIES)), ("valueDateTime", self.any_of(DATES)), ("valuePeriod", self.period),
            ("valueSampledData", self.samples), ("dataAbsentReason", self.concept),
        ])  # fmt: skip
        return {name: make()}

    # Resources

    def patient(self) -> Json:
        found: Json = {"resourceType": "Patient"}
        found |= self.held({
            "identifier": self.some(self.identifier, 3), "address": self.some(self.address),
            "generalPractitioner": [{"reference": self.rng.choice(["Practitioner/1", "Organization/1"])}],
            "telecom": self.some(self.contact), "name": self.some(self.name),
            "communication": [{"language": self.concept()}],
        })  # fmt: skip
        self.primitive(found, "birthDate", self.rng.choice(DAYS))
        self.primitive(found, "gender", self.rng.choice(["male", "female"]))
        self.primitive(found, "active", self.rng.random() < 0.5)
        name, value = self.rng.choice([("deceasedBoolean", self.rng.random() < 0.5), ("deceasedDateTime", DATES[4])])
        return found | self.held({name: value})

    def name(self) -> Json:
        given = self.with_nulls(self.some(self.any_of(FAMILIES), 3))
        return self.held({"family": self.rng.choice(FAMILIES), "text": self.rng.choice(FAMILIES), **given})

    def contact(self) -> Json:
        return self.held({"system": self.rng.choice(["phone", "email"]), "value": self.rng.choice(CODES)}, 0.85)

    def observation(self) -> Json:
        found = {"resourceType": "Observation", "status": self.rng.choice(["final", "amended"]), "code": self.concept()}
        found |= self.held({"subject": self.reference(), "category": self.some(self.concept), "method": self.concept()})
        name, make = self.rng.choice([
            ("effectiveDateTime", self.any_of(DATES)), ("effectivePeriod", self.period),
            ("effectiveTiming", self.timing), ("effectiveInstant", self.any_of(INSTANTS)),
        ])  # fmt: skip
        found |= self.held({name: make()}) | self.held(self.measured(), 0.8)
        parts = [{"code": self.concept(), **self.held(self.measured(), 0.8)} for _ in range(self.rng.randint(1, 3))]
        return found | self.held({"component": parts}, 0.5)

    def encounter(self) -> Json:
        length = self.quantity(["min", "h"])
        length.pop("comparator", None)
        return {"resourceType": "Encounter", "status": self.rng.choice(["planned", "finished"]), "class": self.coding(),
                **self.held({
                    "type": self.some(self.concept), "period": self.period(), "length": length,
                    "subject": self.reference(),
                    "location": [{"location": {"reference": "Location/1"}, **self.held({"period": self.period()})}],
                })}  # fmt: skip

    def location(self) -> Json:
        return {"resourceType": "Location", **self.held({
            "status": self.rng.choice(["active", "suspended"]), "name": self.rng.choice(FAMILIES),
            "alias": self.some(self.any_of(FAMILIES)), "operationalStatus": self.coding(), "address": self.address(),
            "partOf": {"reference": self.rng.choice(["Location/1", f"{BASE_URL}/Location/2"])},
        })}  # fmt: skip

    def document(self) -> Json:
        relations = [
            {"code": self.rng.choice(["replaces", "appends"]),
             "target": {"reference": self.rng.choice(["DocumentReference/1", f"{BASE_URL}/DocumentReference/2"])}}
            for _ in range(2)
        ]  # fmt: skip
        content = [
            {"attachment": self.held({"url": self.rng.choice(URLS), "contentType": "text/plain", "language": "en"}),
             **self.held({"format": self.coding()})}
            for _ in range(self.rng.randint(1, 2))
        ]  # fmt: skip
        return {"resourceType": "DocumentReference", "status": "current", "content": content, **self.held({
            "relatesTo": relations, "date": self.rng.choice(INSTANTS), "subject": self.reference(),
            "masterIdentifier": self.identifier(), "context": self.held({"period": self.period()}),
            "description": self.rng.choice(FAMILIES),
        })}  # fmt: skip

    def value_set(self) -> Json:
        contexts = [
            {"code": self.coding(), **self.rng.choice([
                {"valueQuantity": self.quantity(["h", "mg"])}, {"valueRange": self.range()},
                {"valueCodeableConcept": self.concept()},
            ])}
            for _ in range(self.rng.randint(1, 2))
        ]  # fmt: skip
        concepts = [{"code": code} for code in self.some(self.any_of(CODES))]
        include = {"system": self.rng.choice(URLS), "concept": concepts}
        found: Json = {"resourceType": "ValueSet", "status": self.rng.choice(["draft", "active"])}
        self.primitive(found, "url", self.rng.choice(URLS))
        self.primitive(found, "version", self.rng.choice(CODES))
        self.primitive(found, "title", self.rng.choice(FAMILIES))
        self.primitive(found, "date", self.rng.choice(DATES))
        return found | self.held({"useContext": contexts, "compose": {"include": [include]}})

    def risk(self) -> Json:
        predictions = [
            self.rng.choice([{"probabilityDecimal": Decimal(self.rng.choice(SHARES))},
                             {"probabilityRange": self.range()}, {}, {"qualitativeRisk": self.concept()}])
            for _ in range(self.rng.randint(0, 2))
        ]  # fmt: skip
        name, value = self.rng.choice([("occurrencePeriod", self.period()), ("occurrenceDateTime", DATES[0])])
        found = {"resourceType": "RiskAssessment", "status": "final", "subject": self.reference()}
        return found | self.held({name: value, "prediction": predictions, "method": self.concept()})
