"""Conditions, Procedures, Immunizations and CarePlans.

Rule: a chronic problem has one Condition, recorded at the first visit that took place for it; an acute one has its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from hospital.demo.diary import Visit
from hospital.demo.orders import Orders
from hospital.demo.patients import subject
from hospital.demo.people import Illness
from hospital.demo.planning import Plan
from hospital.demo.structure import NAME
from hospital.demo.tables import PROCEDURES, VACCINES, Code
from hospital.demo.values import CVX, HL7, ICD, SNOMED, Json, coding, concept, hl7, period, quantity, reference
from hospital.demo.visits import condition_id

_LISTED: Code = ("problem-list-item", "Problem List Item")
_DIAGNOSED: Code = ("encounter-diagnosis", "Encounter Diagnosis")


def resources(plan: Plan, visit: Visit, ordered: Orders, recorded: set[str]) -> Iterator[Json]:
    """What was found and done at this visit; `recorded` are the Conditions so far, and grows."""
    if not visit.happened:
        return
    for place, illness in enumerate(visit.wish.illnesses):
        condition = condition_id(visit, place)
        if condition not in recorded:
            recorded.add(condition)
            yield _condition(plan, visit, illness, condition)
            if illness.problem.key in ("t2dm", "heart_failure"):
                yield _care_plan(plan, visit, illness, condition)
    for key in ordered.procedures:
        yield _procedure(visit, key)
    for key in ordered.vaccines:
        yield _immunization(visit, key)


def _onset(visit: Visit, illness: Illness) -> date:
    """When it began: acute problems on the day before they are seen, or at birth."""
    if illness.problem.chronic:
        return illness.onset
    return max(visit.start.date() - timedelta(days=1), visit.person.birth)


def _condition(plan: Plan, visit: Visit, illness: Illness, condition: str) -> Json:
    problem, death = illness.problem, visit.person.death
    end = None
    if illness.end and illness.end < plan.today and not (death and death <= illness.end):
        end = max(illness.end, visit.end.date())
    state = ("resolved", "Resolved") if end else ("active", "Active")
    category = _LISTED if problem.chronic else _DIAGNOSED
    found: Json = {
        "resourceType": "Condition",
        "id": condition,
        "clinicalStatus": hl7("condition-clinical", *state),
        "verificationStatus": hl7("condition-ver-status", "confirmed", "Confirmed"),
        "category": [hl7("condition-category", *category)],
        "code": concept(coding(SNOMED, problem.snomed), coding(ICD, problem.icd)),
        "subject": subject(visit.person),
        "encounter": reference(f"Encounter/encounter-{visit.key}"),
        "onsetDateTime": _onset(visit, illness).isoformat(),
        "recordedDate": (visit.start + timedelta(minutes=12)).isoformat(),
        "recorder": reference(f"Practitioner/{visit.clinician.id}", visit.clinician.name),
    }
    return {**found, "abatementDateTime": end.isoformat()} if end else found


def _procedure(visit: Visit, key: str) -> Json:
    start = visit.start + (timedelta(hours=5) if visit.wish.nights else timedelta(minutes=15))
    found: Json = {
        "resourceType": "Procedure",
        "id": f"procedure-{visit.key}-{key}",
        "status": "completed",
        "code": concept(coding(SNOMED, PROCEDURES[key].snomed)),
        "subject": subject(visit.person),
        "encounter": reference(f"Encounter/encounter-{visit.key}"),
        "performedPeriod": period(start, start + timedelta(minutes=75 if visit.wish.nights else 10)),
        "performer": [{"actor": reference(f"Practitioner/{visit.clinician.id}", visit.clinician.name)}],
    }
    for place, illness in enumerate(visit.wish.illnesses):
        if illness.problem.procedure == key:
            condition = condition_id(visit, place)
            found["reasonReference"] = [reference(f"Condition/{condition}", illness.problem.snomed[1])]
    return found


def _immunization(visit: Visit, key: str) -> Json:
    vaccine = VACCINES[key]
    given = visit.start + timedelta(minutes=10)
    lot = f"{key.upper()}{given:%y}{given.month:02d}A"
    found: Json = {
        "resourceType": "Immunization",
        "id": f"immunization-{visit.key}-{key}",
        "status": "completed",
        "vaccineCode": concept(coding(CVX, vaccine.cvx)),
        "patient": subject(visit.person),
        "encounter": reference(f"Encounter/encounter-{visit.key}"),
        "occurrenceDateTime": given.isoformat(),
        "primarySource": True,
        "lotNumber": lot,
        "expirationDate": (given.date() + timedelta(days=400)).isoformat(),
        "site": concept(coding(HL7 + "v3-ActSite", ("LA", "left arm"))),
        "route": concept(coding(HL7 + "v3-RouteOfAdministration", ("IM", "Injection, intramuscular"))),
        "doseQuantity": quantity(Decimal("0.5"), "mL"),
        "performer": [{"actor": reference(f"Practitioner/{visit.clinician.id}", visit.clinician.name)}],
    }
    dose = sum(1 for months in vaccine.months if months <= visit.person.months(given.date()))
    protocol: Json = {"targetDisease": [{"text": vaccine.diseases}], "doseNumberPositiveInt": max(dose, 1)}
    if vaccine.months:
        protocol["seriesDosesPositiveInt"] = len(vaccine.months)
    return {**found, "protocolApplied": [protocol]}


def _care_plan(plan: Plan, visit: Visit, illness: Illness, condition: str) -> Json:
    steps = {
        "t2dm": (
            "Hemoglobin A1c every five months, goal below 7%",
            "Eye examination once a year",
            "Foot care training",
        ),
        "heart_failure": ("Weigh daily, report a gain of 2 kg in three days", "Fluids below two litres a day"),
    }[illness.problem.key]
    ended = visit.person.death is not None and visit.person.death < plan.today
    progress = "completed" if ended else "in-progress"
    return {
        "resourceType": "CarePlan",
        "id": condition.replace("condition", "careplan"),
        "status": "completed" if ended else "active",
        "intent": "plan",
        "title": f"{illness.problem.snomed[1]}: plan of care, {NAME}",
        "subject": subject(visit.person),
        "encounter": reference(f"Encounter/encounter-{visit.key}"),
        "period": period(visit.start, visit.person.death if ended else None),
        "created": visit.start.isoformat(),
        "author": reference(f"Practitioner/{visit.clinician.id}", visit.clinician.name),
        "addresses": [reference(f"Condition/{condition}", illness.problem.snomed[1])],
        "activity": [{"detail": {"status": progress, "description": step}} for step in steps],
    }
