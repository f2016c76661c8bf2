"""Appointments and Encounters.

Rule: a clinic visit has an Appointment and, if it took place, an Encounter; emergencies and stays have an Encounter
only.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from fhir.resources.R4B.appointment import Appointment

from hospital.demo.diary import SLOT_DAYS, Visit
from hospital.demo.models import built
from hospital.demo.narrative import narrative
from hospital.demo.patients import subject
from hospital.demo.planning import Plan
from hospital.demo.tables import DEPARTMENTS, Code, Reason
from hospital.demo.values import HL7, ICD, SITE, SNOMED, Json, coding, concept, hl7, identifier, period, reference

_REASONS = {
    "wellness": Reason(
        ("Z00.00", "Encounter for general adult medical examination without abnormal findings"), "Check-up"
    ),
    "child": Reason(
        ("Z00.129", "Encounter for routine child health examination without abnormal findings"), "Child check-up"
    ),
    "flu": Reason(("Z23", "Encounter for immunization"), "Flu vaccination"),
    "prenatal": Reason(
        ("Z34.90", "Encounter for supervision of normal pregnancy, unspecified, unspecified trimester"),
        "Prenatal check-up",
    ),
    "delivery": Reason(("O80", "Encounter for full-term uncomplicated delivery"), "Delivery"),
    "birth": Reason(("Z38.00", "Single liveborn infant, delivered vaginally"), "Birth"),
}
_ROUTINE: Code = ("ROUTINE", "Routine appointment - default if not valued")
_FOLLOW_UP: Code = ("FOLLOWUP", "A follow up visit from a previous appointment")
_CHECKUP: Code = ("CHECKUP", "A routine check-up, such as an annual physical")
_TYPES: dict[str, tuple[Code, str]] = {
    "acute": (_ROUTINE, "Acute visit"),
    "review": (_FOLLOW_UP, "Review"),
    "followup": (_FOLLOW_UP, "Follow-up"),
    "wellness": (_CHECKUP, "Check-up"),
    "flu": (_ROUTINE, "Vaccination"),
    "prenatal": (_FOLLOW_UP, "Prenatal visit"),
}
_CANCELLED = (
    ("pat", "Patient", 5),
    ("pat-cpp", "Patient: Canceled via Patient Portal", 3),
    ("prov", "Provider", 2),
    ("prov-pers", "Provider: Personal", 1),
    ("weather", "Weather", 1),
)
_CLASSES = {
    "clinic": ("AMB", "ambulatory"), "emergency": ("EMER", "emergency"), "inpatient": ("IMP", "inpatient encounter"),
}  # fmt: skip
_SOURCES: dict[str, Code] = {"birth": ("born", "Born in hospital"), "delivery": ("gp", "General Practitioner referral")}
_ATTENDER: Code = ("ATND", "attender")
_PERFORMER: Code = ("PPRF", "primary performer")
_ENCOUNTERS: dict[str, Code] = {
    "clinic": ("185345009", "Encounter for symptom"),
    "review": ("185349003", "Encounter for check up"),
    "wellness": ("410620009", "Well child visit"),
    "emergency": ("50849002", "Emergency room admission"),
    "inpatient": ("183452005", "Emergency hospital admission"),
    "prenatal": ("424619006", "Prenatal visit"),
    "flu": ("185349003", "Encounter for check up"),
    "followup": ("390906007", "Follow-up encounter"),
}


def reason(visit: Visit) -> Json:
    """Why the patient comes, as a CodeableConcept."""
    wish = visit.wish
    kind = "child" if wish.kind == "wellness" and wish.department == "ped" else wish.kind
    topic = wish.illnesses[0].problem if wish.illnesses else wish.topic or _REASONS[kind]
    if isinstance(topic, Reason):
        return concept(coding(ICD, topic.icd), text=topic.text)
    return concept(coding(SNOMED, topic.snomed), coding(ICD, topic.icd))


def condition_id(visit: Visit, place: int) -> str:
    """The id of the Condition for this illness of the visit: one for a chronic problem, else one a visit."""
    illness = visit.wish.illnesses[place]
    tail = illness.problem.key.replace("_", "-")
    return f"condition-{visit.person.number:04d}-{tail}" + ("" if illness.problem.chronic else f"-{visit.number:03d}")


def open_stay(plan: Plan, visit: Visit) -> bool:
    """Whether the patient is still in the hospital."""
    return visit.end > plan.now


def resources(plan: Plan, visit: Visit) -> Iterator[Json]:
    """The Appointment, and the Encounter if the visit took place."""
    if visit.wish.setting == "clinic":
        yield _appointment(plan, visit)
    if visit.happened:
        yield _encounter(plan, visit)


def _appointment(plan: Plan, visit: Visit) -> Json:
    rng = Random(f"{plan.seed}/{visit.key}/appointment")
    department = DEPARTMENTS[visit.wish.department]
    why = reason(visit)
    rows = [
        ("When", f"{visit.start:%Y-%m-%d %H:%M} to {visit.end:%H:%M}"),
        ("Patient", visit.person.name),
        ("With", f"{visit.clinician.name}, {department.name}"),
        ("For", why["text"]),
        ("Status", visit.status),
    ]
    elements: Json = {
        "id": f"appointment-{visit.key}",
        "text": narrative(f"Appointment in {department.name}", rows),
        "identifier": [identifier(SITE + "/appointment", f"APT{visit.person.number:05d}{visit.number:03d}")],
        "status": visit.status,
        "serviceCategory": [hl7("service-category", "35", "Hospital")],
        "serviceType": [concept(coding(SNOMED, department.specialty), text=department.name)],
        "specialty": [concept(coding(SNOMED, department.specialty))],
        "appointmentType": _type(visit),
        "reasonCode": [why],
        "priority": 5 if visit.wish.kind == "acute" else 0,
        "description": why["text"],
        "start": visit.start.isoformat(),
        "end": visit.end.isoformat(),
        "minutesDuration": int((visit.end - visit.start).total_seconds()) // 60,
        "created": visit.made.isoformat(),
        "participant": [],
    }
    declined = _reason_missed(rng, visit, elements)
    elements["participant"] = _participants(visit, declined)
    if visit.ahead and visit.start.date() < plan.today + timedelta(days=SLOT_DAYS):
        slot = f"{visit.clinician.id.removeprefix('practitioner-')}-{visit.start:%Y%m%d-%H%M}"
        elements["slot"] = [reference(f"Slot/slot-{slot}")]
    if visit.wish.kind == "flu":
        elements["patientInstruction"] = "Please wear a short-sleeved shirt."
    elif visit.wish.kind == "review" and any(illness.problem.labs for illness in visit.wish.illnesses):
        elements["patientInstruction"] = "Please come fasting and bring the list of your medicines."
    return built(Appointment, elements)


def _type(visit: Visit) -> Json:
    code, text = _TYPES[visit.wish.kind]
    return concept(coding(HL7 + "v2-0276", code), text=text)


def _reason_missed(rng: Random, visit: Visit, elements: Json) -> str:
    """Fills in why it did not take place; who declined: Patient, Practitioner or nobody."""
    if visit.status == "noshow":
        elements["cancelationReason"] = {"text": "Did not attend, not reached by telephone"}
        return "Patient"
    if visit.status != "cancelled":
        return ""
    code, display, _ = rng.choices(_CANCELLED, [each[2] for each in _CANCELLED])[0]
    elements["cancelationReason"] = hl7("appointment-cancellation-reason", code, display)
    return "Practitioner" if code.startswith("prov") else "Patient"


def _participants(visit: Visit, declined: str) -> list[Json]:
    waiting = visit.status == "pending"
    department = DEPARTMENTS[visit.wish.department]

    def status(who: str) -> str:
        return "declined" if who == declined and visit.status == "cancelled" else "accepted"

    return [
        {"actor": subject(visit.person), "required": "required", "status": status("Patient")},
        {
            "type": [hl7("v3-ParticipationType", *_PERFORMER)],
            "actor": reference(f"Practitioner/{visit.clinician.id}", visit.clinician.name),
            "required": "required",
            "status": "needs-action" if waiting else status("Practitioner"),
        },
        {
            "actor": reference(f"Location/clinic-{department.key}", f"{department.name} Clinic"),
            "required": "required",
            "status": "accepted",
        },
    ]


def _encounter_type(visit: Visit) -> Code:
    wish = visit.wish
    if wish.kind == "wellness" and wish.department != "ped":
        return _ENCOUNTERS["review"]
    return _ENCOUNTERS.get(wish.kind) or _ENCOUNTERS[wish.setting]


def _encounter(plan: Plan, visit: Visit) -> Json:
    wish = visit.wish
    department = DEPARTMENTS[wish.department]
    inpatient, staying = wish.setting == "inpatient", open_stay(plan, visit)
    span = period(visit.start, None if staying else visit.end)
    place = f"{'ward' if inpatient else 'clinic'}-{department.key}"
    found: Json = {
        "resourceType": "Encounter",
        "id": f"encounter-{visit.key}",
        "identifier": [identifier(SITE + "/encounter", f"ENC{visit.person.number:05d}{visit.number:03d}")],
        "status": "in-progress" if staying else "finished",
        "class": coding(HL7 + "v3-ActCode", _CLASSES[wish.setting]),
        "type": [concept(coding(SNOMED, _encounter_type(visit)))],
        "serviceType": concept(coding(SNOMED, department.specialty), text=department.name),
        "subject": subject(visit.person),
        "participant": [
            {
                "type": [hl7("v3-ParticipationType", *(_ATTENDER if inpatient else _PERFORMER))],
                "individual": reference(f"Practitioner/{visit.clinician.id}", visit.clinician.name),
            }
        ],
        "period": span,
        "reasonCode": [reason(visit)],
        "location": [
            {
                "location": reference(f"Location/{place}"),
                "status": "active" if staying else "completed",
                "period": span,
            }
        ],
        "serviceProvider": reference(f"Organization/dept-{department.key}", department.name),
    }
    if wish.setting == "clinic":
        found["appointment"] = [reference(f"Appointment/appointment-{visit.key}")]
    if wish.illnesses:
        role = hl7("diagnosis-role", *(("AD", "Admission diagnosis") if inpatient else ("CC", "Chief complaint")))
        found["diagnosis"] = [
            {"condition": reference(f"Condition/{condition_id(visit, place)}"), "use": role, "rank": place + 1}
            for place in range(len(wish.illnesses))
        ]
    if inpatient:
        found["hospitalization"] = _hospitalization(visit, staying=staying)
    return found


def _hospitalization(visit: Visit, *, staying: bool) -> Json:
    source = _SOURCES.get(visit.wish.kind, ("emd", "From accident/emergency department"))
    found: Json = {"admitSource": hl7("admit-source", *source)}
    if not staying:
        leaving = ("exp", "Expired") if visit.wish.kind == "final" else ("home", "Home")
        found["dischargeDisposition"] = hl7("discharge-disposition", *leaving)
    return found
