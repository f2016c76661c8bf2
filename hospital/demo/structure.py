"""The hospital itself: Organizations, Locations, HealthcareServices, Practitioners with roles, Schedules and Slots.

Rule: what is here refers to nothing but itself and is loaded first; free times come from the diary.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from fhir.resources.R4B.practitioner import Practitioner

from hospital.demo.diary import SLOT_DAYS, STEP, half_hours
from hospital.demo.models import built
from hospital.demo.narrative import narrative
from hospital.demo.people import LANGUAGES, PAYERS
from hospital.demo.planning import Plan
from hospital.demo.staff import WEEKDAYS, Clinician
from hospital.demo.tables import DEPARTMENTS, Department
from hospital.demo.values import NUCC, SITE, SNOMED, Json, at, coding, concept, hl7, identifier, period, reference

HOSPITAL = "Organization/saguaro-valley"
NAME = "Saguaro Valley General Hospital"
_PAYER_NAMES = dict(
    zip(PAYERS, ("Copper State Health Plan", "Desert Mutual", "Canyon Care", "State Public Plan"), strict=True)
)
_ADDRESS = {
    "use": "work", "type": "both", "line": ["1 Hospital Circle"], "city": "Saguaro Valley", "state": "AZ",
    "postalCode": "85999", "country": "US",
}  # fmt: skip


def resources(plan: Plan) -> Iterator[Json]:
    """Everything that is there before the first patient."""
    yield _organization("saguaro-valley", NAME, "prov", "Healthcare Provider", phone="520-555-0100")
    for payer, name in _PAYER_NAMES.items():
        yield _organization(payer, name, "pay", "Payer", phone="800-555-0150")
    yield _site()
    for number, department in enumerate(DEPARTMENTS.values()):
        yield from _department(number, department)
    for clinician in (each for team in plan.staff.values() for each in team):
        yield _practitioner(clinician)
        yield _role(clinician)
        yield _schedule(clinician, plan.today)
        if clinician.department != "eme":
            yield from _slots(plan, clinician)


def _organization(id_: str, name: str, code: str, display: str, *, phone: str, part_of: str = "") -> Json:
    found: Json = {
        "resourceType": "Organization",
        "id": id_,
        "identifier": [identifier(SITE + "/organization", id_)],
        "active": True,
        "type": [hl7("organization-type", code, display)],
        "name": name,
        "telecom": [{"system": "phone", "value": phone, "use": "work"}],
    }
    if code == "prov":
        found["address"] = [_ADDRESS]
    if part_of:
        found["partOf"] = reference(part_of, NAME)
    return found


def _site() -> Json:
    return {
        "resourceType": "Location",
        "id": "saguaro-valley-site",
        "status": "active",
        "name": NAME,
        "mode": "instance",
        "type": [hl7("v3-RoleCode", "HOSP", "Hospital")],
        "address": _ADDRESS,
        "physicalType": hl7("location-physical-type", "si", "Site"),
        "managingOrganization": reference(HOSPITAL, NAME),
    }


def _department(number: int, department: Department) -> Iterator[Json]:
    phone = f"520-555-{110 + number:04d}"
    owner = reference(f"Organization/dept-{department.key}", department.name)
    yield _organization(
        f"dept-{department.key}", department.name, "dept", "Hospital Department", phone=phone, part_of=HOSPITAL
    )
    places = [("clinic", "Clinic", "OF", "Outpatient facility"), ("ward", "Ward", "HU", "Hospital unit")]
    if department.key == "eme":
        places = [("clinic", "Treatment area", "ER", "Emergency room")]
    for key, label, code, display in places if department.beds else places[:1]:
        yield {
            "resourceType": "Location",
            "id": f"{key}-{department.key}",
            "status": "active",
            "name": f"{department.name} {label}",
            "description": department.floor + (f", {department.beds} beds" if key == "ward" else ""),
            "mode": "instance",
            "type": [hl7("v3-RoleCode", code, display)],
            "telecom": [{"system": "phone", "value": phone, "use": "work"}],
            "physicalType": hl7("location-physical-type", *(("wa", "Ward") if key == "ward" else ("area", "Area"))),
            "managingOrganization": owner,
            "partOf": reference("Location/saguaro-valley-site", NAME),
        }
    yield {
        "resourceType": "HealthcareService",
        "id": f"service-{department.key}",
        "active": True,
        "providedBy": owner,
        "specialty": [concept(coding(SNOMED, department.specialty))],
        "location": [reference(f"Location/clinic-{department.key}", f"{department.name} Clinic")],
        "name": department.name,
        "telecom": [{"system": "phone", "value": phone, "use": "work"}],
        "appointmentRequired": department.key != "eme",
    }


def _practitioner(clinician: Clinician) -> Json:
    department = DEPARTMENTS[clinician.department]
    qualification = {"MD": "Doctor of Medicine", "DO": "Doctor of Osteopathy"}[clinician.degree]
    title = f"{clinician.given} {clinician.family}, {clinician.degree}"
    rows = [
        ("Department", department.name),
        ("NPI", clinician.npi),
        ("Qualification", f"{qualification}; {department.taxonomy[1]}"),
        ("Languages", ", ".join(LANGUAGES[code] for code in clinician.languages)),
    ]
    us_npi = identifier("http://hl7.org/fhir/sid/us-npi", clinician.npi, kind=("NPI", "National provider identifier"))
    licence = identifier(SITE + "/medical-license", clinician.licence, kind=("MD", "Medical License number"))
    return built(
        Practitioner,
        {
            "id": clinician.id,
            "text": narrative(title, rows),
            "identifier": [{"use": "official", **us_npi}, licence],
            "active": True,
            "name": [
                {
                    "use": "official",
                    "text": title,
                    "family": clinician.family,
                    "given": [clinician.given],
                    "prefix": ["Dr."],
                    "suffix": [clinician.degree],
                }
            ],
            "telecom": [
                {"system": "phone", "value": f"520-555-0100 ext. {clinician.extension}", "use": "work"},
                {"system": "email", "value": f"{clinician.id}@saguaro-valley.example", "use": "work"},
            ],
            "address": [_ADDRESS],
            "gender": clinician.sex,
            "birthDate": clinician.birth,
            "qualification": [
                {"code": hl7("v2-0360", clinician.degree, qualification)},
                {
                    "identifier": [licence],
                    "code": concept(coding(NUCC, department.taxonomy)),
                    "period": period(clinician.since),
                    "issuer": {"display": "Arizona Medical Board"},
                },
            ],
            "communication": [
                concept(coding("urn:ietf:bcp:47", (code, LANGUAGES[code]))) for code in clinician.languages
            ],
        },
    )


def _role(clinician: Clinician) -> Json:
    department = DEPARTMENTS[clinician.department]
    return {
        "resourceType": "PractitionerRole",
        "id": clinician.role,
        "active": True,
        "period": period(clinician.since),
        "practitioner": reference(f"Practitioner/{clinician.id}", clinician.name),
        "organization": reference(f"Organization/dept-{department.key}", department.name),
        "code": [hl7("practitioner-role", "doctor", "Doctor")],
        "specialty": [concept(coding(SNOMED, department.specialty))],
        "location": [reference(f"Location/clinic-{department.key}")],
        "healthcareService": [reference(f"HealthcareService/service-{department.key}", department.name)],
        "availableTime": [
            {
                "daysOfWeek": [WEEKDAYS[day] for day in session.days],
                "availableStartTime": f"{session.start:02d}:00:00",
                "availableEndTime": f"{session.end:02d}:00:00",
            }
            for session in clinician.sessions
        ],
        "notAvailable": [{"description": "Public holidays"}],
    }


def _schedule(clinician: Clinician, today: date) -> Json:
    department = DEPARTMENTS[clinician.department]
    return {
        "resourceType": "Schedule",
        "id": clinician.schedule,
        "active": True,
        "serviceType": [concept(coding(SNOMED, department.specialty), text=department.name)],
        "specialty": [concept(coding(SNOMED, department.specialty))],
        "actor": [
            reference(f"Practitioner/{clinician.id}", clinician.name),
            reference(f"PractitionerRole/{clinician.role}"),
            reference(f"Location/clinic-{department.key}"),
        ],
        "planningHorizon": period(at(today, 0), at(today + timedelta(days=SLOT_DAYS), 0)),
    }


def _slots(plan: Plan, clinician: Clinician) -> Iterator[Json]:
    specialty = [concept(coding(SNOMED, DEPARTMENTS[clinician.department].specialty))]
    for offset in range(SLOT_DAYS):
        for start in half_hours(clinician, plan.today + timedelta(days=offset)):
            if start < plan.now:
                continue
            yield {
                "resourceType": "Slot",
                "id": f"slot-{clinician.id.removeprefix('practitioner-')}-{start:%Y%m%d-%H%M}",
                "specialty": specialty,
                "schedule": reference(f"Schedule/{clinician.schedule}"),
                "status": "busy" if (clinician.id, start) in plan.busy else "free",
                "start": start.isoformat(),
                "end": (start + timedelta(minutes=STEP)).isoformat(),
            }


def payer_name(payer: str) -> str:
    """The name of an insurer."""
    return _PAYER_NAMES[payer]
