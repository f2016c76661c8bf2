"""The small hospital that the searches of `search_cases` are counted in."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
PETS = "http://hospital.example/pets"
MRN = "http://hospital.example/mrn"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
ABROAD = "https://abroad.example/fhir"
FORM = "http://hospital.example/Questionnaire/intake"
STATUSES = "http://hl7.org/fhir/ValueSet/observation-status"


def refers(key: str) -> Json:
    """A Reference."""
    return {"reference": key}


def coded(system: str, code: str, display: str | None = None) -> Json:
    """A CodeableConcept."""
    coding = {"system": system, "code": code}
    return {"coding": [coding | {"display": display} if display else coding]}


def amount(value: float, unit: str, **members: Any) -> Json:
    """A Quantity in UCUM."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit, **members}


def resource(type_: str, id_: str, **members: Any) -> Json:
    """A resource; `class_` is `class`."""
    return {"resourceType": type_, "id": id_} | {name.rstrip("_"): value for name, value in members.items()}


def observation(id_: str, code: Json, **members: Any) -> Json:
    """A final Observation."""
    return resource("Observation", id_, status="final", code=code, **members)


def narrative(words: str) -> Json:
    """The narrative that says these words."""
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'}


def response(id_: str, version: str) -> Json:
    """An answer to a version of the form."""
    return resource("QuestionnaireResponse", id_, status="completed", questionnaire=f"{FORM}|{version}")


PEOPLE: list[Json] = [
    resource("Organization", "trust", name="Trust"),
    resource("Organization", "clinic", name="North, Clinic", partOf=refers("Organization/trust")),
    resource("Practitioner", "house", name=[{"family": "House"}]),
    resource(
        "Patient", "ann", active=True, gender="female", birthDate="1950-03-15",
        name=[{"family": "Müller-Lüdenscheidt", "given": ["Ann"]}],
        identifier=[{"system": MRN, "value": "A1", "type": coded(V2, "MR") | {"text": "Medical record"}}],
        telecom=[{"system": "phone", "value": "555-0101"}],
        managingOrganization=refers("Organization/clinic"), generalPractitioner=[refers("Practitioner/house")],
        meta={"tag": [coded(PETS, "owner")["coding"][0]], "source": "http://hospital.example/desk"},
    ),
    resource(
        "Patient", "bob", active=False, gender="male", birthDate="1985",
        name=[{"family": "Muller", "given": ["Bob"]}], identifier=[{"value": "a1", "type": coded(V2, "SS")}],
        managingOrganization=refers("Organization/trust"),
        meta={"security": [coded("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R")["coding"][0]]},
    ),
    resource("Patient", "cas", birthDate="2020-02-29", name=[{"family": "O'Brien"}]),
    resource("Group", "choir", type="person", actual=True),
]  # fmt: skip

PLACES: list[Json] = [
    resource("Location", "campus", name="Campus", position={"latitude": 48.2082, "longitude": 16.3738}),
    resource("Location", "wing", name="Wing", partOf=refers("Location/campus")),
    resource("Location", "ward", name="Ward", partOf=refers("Location/wing")),
    resource("Location", "elsewhere", name="Elsewhere", position={"latitude": 47.0707, "longitude": 15.4395}),
    *(
        resource(
            "Encounter", id_, status="finished", class_={"code": "IMP"}, subject=refers(f"Patient/{patient}"),
            location=[{"location": refers(f"Location/{place}")}], period=period,
        )
        for id_, patient, place, period in (
            ("stay", "ann", "ward", {"start": "2024-03-10T08:00:00Z", "end": "2024-03-12T10:00:00Z"}),
            ("visit", "bob", "wing", {"start": "2024-04-01", "end": "2024-04-01"}),
        )
    ),
]  # fmt: skip

MEASURED: list[Json] = [
    observation(
        "sugar", coded(LOINC, "2345-7", "Glucose"), subject=refers("Patient/ann"), encounter=refers("Encounter/stay"),
        effectiveDateTime="2024-03-11T09:30:00+01:00", valueQuantity=amount(126, "mg/dL"),
    ),
    observation(
        "sugar-bob", coded(LOINC, "2345-7", "Glucose"), subject=refers("Patient/bob"),
        effectiveDateTime="2024-03-11", valueQuantity=amount(0.9, "g/L"), performer=[refers("Practitioner/house")],
    ),
    observation(
        "traces", coded(LOINC, "2350-7"), subject=refers(f"{ABROAD}/Patient/ann"),
        effectivePeriod={"start": "2024-03-10"}, valueQuantity=amount(5, "mg/dL", comparator="<"),
    ),
    observation(
        "pressure", coded(LOINC, "85354-9"), subject=refers("Patient/ann"), effectiveDateTime="2024-03",
        component=[
            {"code": coded(LOINC, "8480-6"), "valueQuantity": amount(150, "mm[Hg]")},
            {"code": coded(LOINC, "8462-4"), "valueQuantity": amount(95, "mm[Hg]")},
        ],
    ),
    observation("pug", coded(PETS, "pug", "Pug (small)"), subject={"identifier": {"system": MRN, "value": "A1"}}),
    observation("dog", coded(PETS, "DOG"), subject=refers("Group/choir")),
    observation("cat", {"text": "A cat"}, hasMember=[refers("Observation/pug/_history/1")]),
    *(
        resource(
            "RiskAssessment", id_, status="final", subject=refers("Patient/ann"),
            prediction=[{"outcome": {"text": "Fall"}, **probability}],
        )
        for id_, probability in (
            ("risk-2", {"probabilityDecimal": 0.2}),
            ("risk-8", {"probabilityDecimal": 0.8}),
            ("risk-1-5", {"probabilityRange": {"low": {"value": 0.1}, "high": {"value": 0.5}}}),
        )
    ),
]  # fmt: skip

ANN = refers("Patient/ann")
WRITTEN: list[Json] = [
    resource(
        "Condition", "diabetes", subject=ANN, code=coded("http://snomed.info/sct", "44054006", "Diabetes, type 2"),
        text=narrative("Diabetes of an old lady"),
    ),
    resource("Condition", "fracture", subject=ANN, text=narrative("Fractures of the femur")),
    resource("Invoice", "bill", status="issued", subject=ANN, totalGross={"value": 99.5, "currency": "EUR"}),
    resource("Invoice", "bill-usd", status="issued", totalNet={"value": 120, "currency": "USD"}),
    resource(
        "ServiceRequest", "scans", status="active", intent="order", subject=ANN,
        occurrenceTiming={"event": ["2024-05-01", "2024-05-03"]},
    ),
    resource(
        "DocumentReference", "letter", status="current", content=[{"attachment": {"contentType": "text/xml"}}],
        relatesTo=[{"code": "replaces", "target": refers("DocumentReference/older")}],
    ),
    resource(
        "DocumentReference", "older", status="superseded",
        content=[{"attachment": {"contentType": "text/xml; charset=utf-8"}}],
    ),
    resource(
        "MedicationRequest", "pills", status="active", intent="order", subject=ANN,
        medicationReference=refers("#inside"),
        contained=[resource("Medication", "inside", code=coded("http://www.whocc.no/atc", "A10BA02", "metformin"))],
    ),
    response("answer-1", "1.0"), response("answer-2", "2.0"),
    resource(
        "Bundle", "letter", type="document", timestamp="2024-03-12T10:00:00Z",
        identifier={"system": "urn:ietf:rfc:3986", "value": "urn:uuid:5c1e2d34-0b4d-4b5c-9d2c-0f8e2a4f6a12"},
        entry=[{"fullUrl": "urn:uuid:0d7ee1c4-0b4d-4b5c-9d2c-0f8e2a4f6a11", "resource": resource(
            "Composition", "discharge", status="final", type={"text": "Letter"}, date="2024-03-12",
            author=[refers("Practitioner/house")], title="Discharge letter",
        )}],
    ),
    resource("Questionnaire", "intake", status="active", url=FORM, version="2.0", title="Intake"),
    resource(
        "List", "watched", status="current", mode="working",
        entry=[{"item": ANN}, {"item": refers("Patient/cas")}],
    ),
    resource(
        "CodeSystem", "pets", url=PETS, status="active", content="complete", hierarchyMeaning="is-a",
        concept=[{"code": "dog", "concept": [{"code": "pug"}]}, {"code": "cat"}],
    ),
    resource(
        "ValueSet", "dogs", url="http://hospital.example/sets/dogs", version="1", status="active",
        compose={"include": [{"system": PETS, "filter": [{"property": "concept", "op": "is-a", "value": "dog"}]}]},
    ),
    resource("ValueSet", "dogs-old", url="http://hospital.example/sets/dogs/old", status="retired"),
    resource("ValueSet", "loinc", url="http://hospital.example/sets-loinc", status="active",
             compose={"include": [{"system": LOINC}]}),
    resource("Basic", "pet", code={"text": "pet"}, meta={"profile": ["http://hospital.example/pet|2.0"]}),
]  # fmt: skip

STORED = [*PEOPLE, *PLACES, *MEASURED, *WRITTEN]
