"""MedicationRequests.

Rule: a renewal names what it renews; doses, timing and supply agree with each other.
See https://hl7.org/fhir/R4/medicationrequest.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from fhir.resources.R4B.medicationrequest import MedicationRequest

from hospital.demo.models import built
from hospital.demo.narrative import narrative
from hospital.demo.orders import Prescription, prescriptions, status
from hospital.demo.patients import subject
from hospital.demo.people import Person
from hospital.demo.planning import Plan
from hospital.demo.structure import HOSPITAL, NAME
from hospital.demo.tables import Code, Drug
from hospital.demo.values import (
    ATC,
    HL7,
    RXNORM,
    SITE,
    SNOMED,
    Json,
    coding,
    concept,
    hl7,
    identifier,
    period,
    quantity,
    reference,
)
from hospital.demo.visits import condition_id

_ROUTES: dict[str, Code] = {
    "oral": ("26643006", "Oral route"),
    "inhalation": ("447694001", "Respiratory tract route"),
    "subcutaneous": ("34206005", "Subcutaneous route"),
    "topical": ("6064005", "Topical route"),
}
_CONTINUOUS: Code = ("continuous", "Continuous long term therapy")
_SHORT: Code = ("acute", "Short course (acute) therapy")
_FORMS = {"tablet": "TAB", "capsule": "CAP", "puff": "PUFF"}
_TIMES = {1: "QD", 2: "BID", 3: "TID", 4: "QID"}
_WORDS = {1: "once", 2: "twice", 3: "three times", 4: "four times"}
_VERBS = {"puff": "Inhale", "application": "Apply", "international unit": "Inject"}
_REASONS = {
    "cancelled": "Cancelled before dispensing: the patient has a supply at home",
    "stopped": "No longer needed",
}


def resources(plan: Plan, person: Person) -> Iterator[Json]:
    """Everything that was prescribed, in order."""
    found = prescriptions(plan, person)
    renewed = {each.prior.id for each in found if each.prior}
    for each in found:
        yield _request(each, status(plan, each, renewed))


def _request(prescription: Prescription, state: str) -> Json:
    visit, drug, problem = prescription.visit, prescription.drug, prescription.illness.problem
    course = _CONTINUOUS if problem.chronic else _SHORT
    category = ("discharge", "Discharge") if visit.wish.nights else ("outpatient", "Outpatient")
    elements: Json = {
        "id": prescription.id,
        "text": narrative(drug.text, _rows(prescription, state)),
        "identifier": [identifier(SITE + "/prescription", f"RX{visit.person.number:05d}{prescription.number:03d}")],
        "status": state,
        "intent": "order",
        "category": [hl7("medicationrequest-category", *category)],
        "priority": "routine",
        "medicationCodeableConcept": _medicine(drug),
        "subject": subject(visit.person),
        "encounter": reference(f"Encounter/encounter-{visit.key}"),
        "authoredOn": prescription.authored.isoformat(),
        "requester": reference(f"Practitioner/{visit.clinician.id}", visit.clinician.name),
        "reasonReference": [reference(f"Condition/{condition_id(visit, prescription.place)}", problem.snomed[1])],
        "courseOfTherapyType": hl7("medicationrequest-course-of-therapy", *course),
        "dosageInstruction": [_dosage(drug)],
        "dispenseRequest": _dispense(prescription),
        "substitution": {"allowedBoolean": True},
    }
    if state in _REASONS:
        elements["statusReason"] = {"text": _REASONS[state]}
    if prescription.prior:
        elements["priorPrescription"] = reference(f"MedicationRequest/{prescription.prior.id}")
    return built(MedicationRequest, elements)


def _rows(prescription: Prescription, state: str) -> list[tuple[str, str]]:
    drug, visit = prescription.drug, prescription.visit
    return [
        ("Patient", visit.person.name),
        ("Dosage", sig(drug)),
        ("Supply", f"{_supply(drug)} for {drug.days} days, {drug.refills} refills"),
        ("For", prescription.illness.problem.snomed[1]),
        ("Prescribed", f"{prescription.authored:%Y-%m-%d} by {visit.clinician.name}"),
        ("Status", state),
    ]


def _medicine(drug: Drug) -> Json:
    codes = [coding(ATC, drug.atc)]
    if drug.rxnorm:
        codes.insert(0, coding(RXNORM, (drug.rxnorm, drug.text)))
    return concept(*codes, text=drug.text)


def sig(drug: Drug) -> str:
    """How to take it, in words."""
    unit = drug.form if drug.dose == 1 else f"{drug.form}s"
    often = "once a week" if drug.every == 7 else f"{_WORDS[drug.times]} a day"
    if drug.as_needed:
        often = f"up to {often} as needed for {drug.as_needed}"
    return f"{_VERBS.get(drug.form, 'Take')} {drug.dose} {unit} {often}" + (f", {drug.advice}" if drug.advice else "")


def _dosage(drug: Drug) -> Json:
    repeat: Json = {"frequency": drug.times, "period": 1, "periodUnit": "d"}
    timing: Json = {"repeat": repeat}
    if drug.every == 7:
        repeat["periodUnit"] = "wk"
    elif not drug.as_needed:
        timing["code"] = hl7("v3-GTSAbbreviation", _TIMES[drug.times], _TIMES[drug.times])
    found: Json = {
        "sequence": 1,
        "text": sig(drug),
        "timing": timing,
        "route": concept(coding(SNOMED, _ROUTES[drug.route])),
        "doseAndRate": [
            {"type": hl7("dose-rate-type", "ordered", "Ordered"), "doseQuantity": _amount(drug, drug.dose)}
        ],
    }
    if drug.advice:
        found["patientInstruction"] = drug.advice[0].upper() + drug.advice[1:]
    if drug.as_needed:
        found["asNeededCodeableConcept"] = {"text": drug.as_needed}
    return found


def _amount(drug: Drug, value: int) -> dict[str, Any]:
    if drug.form in _FORMS:
        return {"value": value, "unit": drug.form, "system": HL7 + "v3-orderableDrugForm", "code": _FORMS[drug.form]}
    code = {"application": "{application}"}.get(drug.form, drug.unit)
    return quantity(value, drug.form, code)


def _supply(drug: Drug) -> str:
    return f"{_total(drug)} {drug.form}s"


def _total(drug: Drug) -> int:
    """How much one supply is."""
    return drug.supply or -(-drug.dose * drug.times * drug.days // drug.every)


def _dispense(prescription: Prescription) -> Json:
    drug, day = prescription.drug, prescription.authored.date()
    return {
        "validityPeriod": period(day, day + timedelta(days=drug.days * (1 + drug.refills))),
        "numberOfRepeatsAllowed": drug.refills,
        "quantity": _amount(drug, _total(drug)),
        "expectedSupplyDuration": quantity(drug.days, "days", "d"),
        "performer": reference(HOSPITAL, NAME),
    }
