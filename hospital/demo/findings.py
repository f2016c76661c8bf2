"""Observations and DiagnosticReports: vital signs, laboratory panels, X-rays.

Rule: what is measured depends on the visit, the values on the body; blood pressure is one Observation with components.
See https://hl7.org/fhir/R4/observation-vitalsigns.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from hospital.demo.body import level, rounded, size
from hospital.demo.diary import Visit
from hospital.demo.orders import Orders
from hospital.demo.patients import subject
from hospital.demo.planning import Plan
from hospital.demo.structure import HOSPITAL, NAME
from hospital.demo.tables import IMAGINGS, PANELS, TESTS, Code, Imaging, Panel
from hospital.demo.tables import Test as Measure
from hospital.demo.values import LOINC, Json, coding, concept, hl7, quantity, reference

_HEIGHT: Code = ("8302-2", "Body height")
_WEIGHT: Code = ("29463-7", "Body weight")
_MASS: Code = ("39156-5", "Body mass index (BMI) [Ratio]")
_PRESSURE: Code = ("85354-9", "Blood pressure panel with all children optional")
_INTERPRETATION = {"N": "Normal", "H": "High", "L": "Low"}


def resources(plan: Plan, visit: Visit, ordered: Orders) -> Iterator[Json]:
    """What was measured and reported at this visit."""
    yield from _vital_signs(plan, visit)
    for key in ordered.panels:
        yield from _panel(plan, visit, PANELS[key])
    for key in ordered.imaging:
        yield _image(visit, IMAGINGS[key])


def _vital_signs(plan: Plan, visit: Visit) -> Iterator[Json]:
    wish, age = visit.wish, visit.person.age(visit.start.date())
    rng = Random(f"{plan.seed}/{visit.key}/signs")
    if wish.kind in ("flu", "followup"):
        return
    planned = wish.kind in ("review", "wellness", "prenatal")
    if age >= 10 and (planned or wish.setting != "clinic" or rng.random() < 0.25):
        yield _pressure(plan, visit)
    if planned or wish.kind == "birth":
        if wish.kind == "review" and rng.random() < 0.6:
            return
        yield from _size(plan, visit, mass=wish.kind == "wellness" and age >= 2)
        return
    if wish.setting == "clinic" and rng.random() < 0.5:
        return
    tests = {"clinic": ["temperature"], "emergency": ["pulse", "temperature"]}.get(
        wish.setting, ["pulse", "respiration", "temperature", "saturation"]
    )
    for key in tests:
        value = level(plan.seed, visit.person, key, visit.start.date(), wish.illnesses)
        yield _sign(visit, key, TESTS[key].loinc, value, TESTS[key].unit)


def _observation(visit: Visit, key: str, code: Code, category: Code, taken: datetime) -> Json:
    return {
        "resourceType": "Observation",
        "id": f"observation-{visit.key}-{key.replace('_', '-')}",
        "status": "final",
        "category": [hl7("observation-category", *category)],
        "code": concept(coding(LOINC, code)),
        "subject": subject(visit.person),
        "encounter": reference(f"Encounter/encounter-{visit.key}"),
        "effectiveDateTime": taken.isoformat(),
    }


def _bedside(visit: Visit, key: str, code: Code) -> Json:
    """A vital sign without its value."""
    taken = visit.start + timedelta(minutes=5)
    performer = reference(f"Practitioner/{visit.clinician.id}", visit.clinician.name)
    return {**_observation(visit, key, code, ("vital-signs", "Vital Signs"), taken), "performer": [performer]}


def _sign(visit: Visit, key: str, code: Code, value: Decimal, unit: str) -> Json:
    return {**_bedside(visit, key, code), "valueQuantity": quantity(value, unit)}


def _pressure(plan: Plan, visit: Visit) -> Json:
    component = []
    for key in ("systolic", "diastolic"):
        value = level(plan.seed, visit.person, key, visit.start.date(), visit.wish.illnesses)
        component.append({"code": concept(coding(LOINC, TESTS[key].loinc)), "valueQuantity": quantity(value, "mm[Hg]")})
    return {**_bedside(visit, "pressure", _PRESSURE), "component": component}


def _size(plan: Plan, visit: Visit, *, mass: bool) -> Iterator[Json]:
    height, weight = size(plan.seed, visit.person, visit.start.date())
    yield _sign(visit, "weight", _WEIGHT, weight, "kg")
    if visit.wish.kind in ("wellness", "birth"):
        yield _sign(visit, "height", _HEIGHT, height, "cm")
    if mass:
        yield _sign(visit, "bmi", _MASS, rounded(float(weight) / (float(height) / 100) ** 2, 1), "kg/m2")


def _panel(plan: Plan, visit: Visit, panel: Panel) -> Iterator[Json]:
    taken = visit.start + timedelta(minutes=20)
    issued = taken + timedelta(minutes=95)
    day = visit.start.date()
    values = {key: level(plan.seed, visit.person, key, day, visit.wish.illnesses) for key in panel.tests}
    if "ldl" in values:  # Friedewald, so that the panel agrees with itself
        values["ldl"] = rounded(float(values["cholesterol"] - values["hdl"] - values["triglycerides"] / 5), 0)
    results = [_result(visit, TESTS[key], value, taken, issued) for key, value in values.items()]
    yield from results
    yield {
        **_report(visit, panel.key, ("LAB", "Laboratory"), panel.loinc, taken, issued),
        "result": [reference(f"Observation/{each['id']}", each["code"]["text"]) for each in results],
    }


def _result(visit: Visit, test: Measure, value: Decimal, taken: datetime, issued: datetime) -> Json:
    low, high = (rounded(each, test.decimals) for each in test.usual(visit.person.sex))
    limits = {side: quantity(limit, test.unit) for side, limit in (("low", low), ("high", high)) if test.open != side}
    flag = "H" if "high" in limits and value > high else "L" if "low" in limits and value < low else "N"
    return {
        **_observation(visit, test.key, test.loinc, ("laboratory", "Laboratory"), taken),
        "issued": issued.isoformat(),
        "performer": [reference(HOSPITAL, NAME)],
        "valueQuantity": quantity(value, test.unit),
        "interpretation": [hl7("v3-ObservationInterpretation", flag, _INTERPRETATION[flag])],
        "referenceRange": [limits],
    }


def _report(visit: Visit, key: str, category: Code, code: Code, taken: datetime, issued: datetime) -> Json:
    return {
        "resourceType": "DiagnosticReport",
        "id": f"report-{visit.key}-{key}",
        "status": "final",
        "category": [hl7("v2-0074", *category)],
        "code": concept(coding(LOINC, code)),
        "subject": subject(visit.person),
        "encounter": reference(f"Encounter/encounter-{visit.key}"),
        "effectiveDateTime": taken.isoformat(),
        "issued": issued.isoformat(),
        "performer": [reference(HOSPITAL, NAME)],
    }


def _image(visit: Visit, imaging: Imaging) -> Json:
    taken = visit.start + timedelta(minutes=40)
    issued = taken + timedelta(hours=1)
    found = _report(visit, f"xray-{imaging.key}", ("RAD", "Radiology"), imaging.loinc, taken, issued)
    found["code"]["text"] = imaging.text
    return {**found, "conclusion": imaging.conclusion}
