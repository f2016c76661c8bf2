"""Invariants: each with a resource that keeps it and one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resources import json_codec, validation
from resources.rules.catalog import RULES

Json = dict[str, Any]

SAMPLES: dict[str, Json] = json_codec.decode(Path(__file__).with_name("validation_samples.json").read_bytes())
PARTICIPANT = {"actor": {"reference": "Patient/1"}, "status": "accepted"}
TIMES = {"start": "2024-05-17T10:00:00Z", "end": "2024-05-17T10:30:00Z"}
COMPOSITION = {
    "resourceType": "Composition",
    "status": "final",
    "type": {"text": "x"},
    "date": "2024",
    "author": [{"display": "x"}],
    "title": "x",
}
REQUEST = {"method": "GET", "url": "Patient/1"}


def patient(**members: Any) -> Json:
    return {"resourceType": "Patient", **members}


def appointment(**members: Any) -> Json:
    return {"resourceType": "Appointment", "status": "booked", "participant": [PARTICIPANT], **TIMES, **members}


def observation(**members: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "a"}]}, **members}


def condition(clinical: str | None = None, verification: str | None = None, **members: Any) -> Json:
    made: Json = {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, **members}
    base = "http://terminology.hl7.org/CodeSystem/condition-"
    if clinical:
        made["clinicalStatus"] = {"coding": [{"system": base + "clinical", "code": clinical}]}
    if verification:
        made["verificationStatus"] = {"coding": [{"system": base + "ver-status", "code": verification}]}
    return made


def repeat(**members: Any) -> Json:
    return {**SAMPLES["medication_request"], "dosageInstruction": [{"timing": {"repeat": members}}]}


def bundle(type_: str, *entries: Json, **members: Any) -> Json:
    return {"resourceType": "Bundle", "type": type_, **({"entry": list(entries)} if entries else {}), **members}


def period(start: str, end: str) -> Json:
    return patient(address=[{"period": {"start": start, "end": end}}])


KEPT = [
    period("2020", "2020"),
    period("2020-05", "2020"),
    period("2020-01-01T10:00:00+05:00", "2020-01-01T06:00:00Z"),
    period("2020-01-02", "2020-01-01T23:30:00-05:00"),
    patient(contact=[{"telecom": [{"system": "phone", "value": "1"}]}]),
    appointment(),
    {k: v for k, v in appointment(status="waitlist").items() if k not in TIMES},
    appointment(status="cancelled", cancelationReason={"text": "ill"}),
    observation(dataAbsentReason={"text": "x"}),
    observation(valueString="x", component=[{"code": {"coding": [{"code": "b"}]}, "valueString": "y"}]),
    observation(component=[{"code": {"coding": [{"code": "a"}]}}]),
    condition("resolved", abatementDateTime="2024"),
    condition(None, "entered-in-error"),
    repeat(duration=1, durationUnit="h", period=2, periodUnit="d", periodMax=3, count=2, countMax=4),
    repeat(offset=30, when=["ACM"]),
    repeat(timeOfDay=["08:00:00"]),
    bundle("searchset", {"resource": patient(), "search": {"mode": "match"}}, total=1),
    bundle("collection", {"resource": patient()}),
    bundle("batch", {"request": REQUEST}),
    bundle("batch-response", {"response": {"status": "200"}}),
    bundle("history", {"request": REQUEST, "response": {"status": "200"}, "fullUrl": "http://e/a"}, total=0),
    bundle(
        "document",
        {"resource": COMPOSITION},
        identifier={"system": "u", "value": "1"},
        timestamp="2024-01-01T00:00:00Z",
    ),
    bundle("collection", *[{"fullUrl": "http://e/a", "resource": patient(meta={"versionId": v})} for v in "12"]),
]


@pytest.mark.parametrize("row", range(len(KEPT)))
def test_invariants_that_are_kept(row: int) -> None:
    assert validation.validate(KEPT[row]) == []


DOCUMENT = bundle("document", {"resource": COMPOSITION}, identifier={"system": "u", "value": "1"})
HISTORY = {"request": REQUEST, "response": {"status": "200"}}

BROKEN: list[tuple[Json, str, str]] = [
    (period("2021", "2020"), "Patient.address[0].period.end", "per-1"),
    (period("2020-01-01T10:00:00Z", "2020-01-01T11:00:00+05:00"), "Patient.address[0].period.end", "per-1"),
    (patient(contact=[{"gender": "male"}]), "Patient.contact[0]", "pat-1"),
    (patient(telecom=[{"value": "1"}]), "Patient.telecom[0].system", "cpt-2"),
    (patient(photo=[{"data": "QUJD"}]), "Patient.photo[0].contentType", "att-1"),
    (observation(valueQuantity={"code": "kg"}), "Observation.value.system", "qty-3"),
    (observation(valueRange={"low": {"value": 2}, "high": {"value": 1}}), "Observation.value", "rng-2"),
    (observation(valueRatio={"numerator": {"value": 2}}), "Observation.value", "rat-1"),
    (appointment(participant=[{"status": "accepted"}]), "Appointment.participant[0]", "app-1"),
    ({k: v for k, v in appointment().items() if k != "end"}, "Appointment.end", "app-2"),
    ({k: v for k, v in appointment().items() if k not in TIMES}, "Appointment.start", "app-3"),
    (appointment(end="2024-05-17T09:00:00Z"), "Appointment.end", "before it starts"),
    (appointment(cancelationReason={"text": "x"}), "Appointment.cancelationReason", "app-4"),
    (observation(referenceRange=[{"age": {"low": {"value": 1}}}]), "Observation.referenceRange[0]", "obs-3"),
    (observation(valueString="x", dataAbsentReason={"text": "x"}), "Observation.dataAbsentReason", "obs-6"),
    (
        observation(component=[{"code": {"text": "x"}, "valueString": "x", "dataAbsentReason": {"text": "x"}}]),
        "Observation.component[0].dataAbsentReason",
        "obs-6",
    ),
    (
        observation(valueString="x", component=[{"code": {"coding": [{"code": "a"}]}}]),
        "Observation.component[0].code",
        "obs-7",
    ),
    (condition(stage=[{"type": {"text": "x"}}]), "Condition.stage[0]", "con-1"),
    (condition("active", abatementDateTime="2024"), "Condition.clinicalStatus", "con-4"),
    (condition("active", "entered-in-error"), "Condition.clinicalStatus", "con-5"),
    (repeat(duration=1), "MedicationRequest.dosageInstruction[0].timing.repeat.durationUnit", "tim-1"),
    (repeat(period=1), "MedicationRequest.dosageInstruction[0].timing.repeat.periodUnit", "tim-2"),
    (repeat(duration=-1, durationUnit="h"), "MedicationRequest.dosageInstruction[0].timing.repeat.duration", "tim-4"),
    (repeat(period=-1, periodUnit="h"), "MedicationRequest.dosageInstruction[0].timing.repeat.period", "tim-5"),
    (repeat(periodMax=1), "MedicationRequest.dosageInstruction[0].timing.repeat.period", "tim-6"),
    (repeat(durationMax=1), "MedicationRequest.dosageInstruction[0].timing.repeat.duration", "tim-7"),
    (repeat(countMax=1), "MedicationRequest.dosageInstruction[0].timing.repeat.count", "tim-8"),
    (repeat(offset=1), "MedicationRequest.dosageInstruction[0].timing.repeat.when", "tim-9"),
    (repeat(offset=1, when=["C"]), "MedicationRequest.dosageInstruction[0].timing.repeat.offset", "tim-9"),
    (
        repeat(when=["AC"], timeOfDay=["08:00:00"]),
        "MedicationRequest.dosageInstruction[0].timing.repeat.when",
        "tim-10",
    ),
    (bundle("collection", {"resource": patient()}, total=1), "Bundle.total", "bdl-1"),
    (bundle("collection", {"resource": patient(), "search": {"mode": "match"}}), "Bundle.entry[0].search", "bdl-2"),
    (bundle("transaction", {"resource": patient()}), "Bundle.entry[0].request", "bdl-3"),
    (bundle("collection", {"resource": patient(), "request": REQUEST}), "Bundle.entry[0].request", "bdl-3"),
    (bundle("batch-response", {"resource": patient()}), "Bundle.entry[0].response", "bdl-4"),
    (bundle("batch", {"request": REQUEST, "response": {"status": "200"}}), "Bundle.entry[0].response", "bdl-4"),
    (bundle("collection", {"fullUrl": "http://e/a"}), "Bundle.entry[0]", "bdl-5"),
    (bundle("collection", *[{"fullUrl": "http://e/a", "resource": patient()}] * 2), "Bundle.entry[1].fullUrl", "bdl-7"),
    (bundle("history", {**HISTORY, "fullUrl": "http://e/Patient/1/_history/2"}), "Bundle.entry[0].fullUrl", "bdl-8"),
    (DOCUMENT, "Bundle.timestamp", "bdl-10"),
    (DOCUMENT | {"timestamp": "2024-01-01T00:00:00Z", "identifier": {"value": "1"}}, "Bundle.identifier", "bdl-9"),
    (
        DOCUMENT | {"timestamp": "2024-01-01T00:00:00Z", "entry": [{"resource": patient()}]},
        "Bundle.entry[0].resource",
        "bdl-11",
    ),
    (bundle("message", {"resource": patient()}), "Bundle.entry[0].resource", "bdl-12"),
]


@pytest.mark.parametrize("row", range(len(BROKEN)))
def test_invariants_that_are_broken(row: int) -> None:
    resource, expression, name = BROKEN[row]
    (issue,) = validation.validate(resource)
    assert issue.expression == expression
    assert name in issue.diagnostics


@pytest.mark.parametrize(
    ("unit", "accepted"),
    [
        ({"system": "http://unitsofmeasure.org", "code": "mg/dL"}, True),
        ({"system": "http://unitsofmeasure.org", "code": "mg dL"}, False),
        ({"system": "http://example.org", "code": "mg/dL"}, False),
        ({"system": "http://unitsofmeasure.org"}, False),
    ],
)
def test_units_that_hl7_cannot_list_are_held_to_their_form(unit: Json, accepted: bool) -> None:
    synthesis = {
        "resourceType": "EffectEvidenceSynthesis",
        "status": "draft",
        "population": {"display": "a"},
        "exposure": {"display": "b"},
        "exposureAlternative": {"display": "c"},
        "outcome": {"display": "d"},
        "effectEstimate": [{"unitOfMeasure": {"coding": [unit]}}],
    }
    found = [issue.expression for issue in validation.validate(synthesis)]
    assert found == ([] if accepted else ["EffectEvidenceSynthesis.effectEstimate[0].unitOfMeasure"])


@pytest.mark.parametrize(("currency", "accepted"), [("CHF", True), ("chf", False), ("Franken", False), ("€", False)])
def test_currencies_are_three_capital_letters(currency: str, accepted: bool) -> None:
    invoice = {"resourceType": "Invoice", "status": "issued", "totalNet": {"value": 5, "currency": currency}}
    found = [(issue.code, issue.expression) for issue in validation.validate(invoice)]
    assert found == ([] if accepted else [("code-invalid", "Invoice.totalNet.currency")])


def test_every_rule_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "validation.md").read_text()
    for rule in {rule for rules in RULES.values() for rule in rules}:
        assert rule.__doc__ is not None
        for name in [word.strip(".,:") for word in rule.__doc__.split() if word[:3].isalpha() and "-" in word]:
            assert name in text, f"docs/validation.md does not name {name}"
