"""Patients and what stands in their files from the start: relatives, insurance, account, allergies, consent.

Rule: addresses, numbers and names are invented: telephone numbers of 555, social security numbers of 000, mail of
.example, none of which is ever given out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from fhir.resources.R4B.patient import Patient

from hospital.demo.models import built
from hospital.demo.narrative import narrative
from hospital.demo.people import ADULT, LANGUAGES, OPENED, Person
from hospital.demo.planning import Plan
from hospital.demo.structure import HOSPITAL, NAME, payer_name
from hospital.demo.tables import ALLERGIES, Code
from hospital.demo.values import HL7, LOINC, SITE, SNOMED, Json, at, coding, concept, hl7, identifier, period, reference

_MARITAL = {"S": "Never Married", "M": "Married", "D": "Divorced", "W": "Widowed"}
_BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
_GRACE = timedelta(days=20)


def died(person: Person, today: date) -> bool:
    """Whether the death is known by `today`."""
    return person.death is not None and person.death < today


def resources(plan: Plan, person: Person, children: list[Person]) -> Iterator[Json]:
    """The patient's file without the visits; `children` are those born here."""
    yield _patient(plan, person, children)
    if person.guarded:
        yield _guardian(person, plan.today)
    if person.payer:
        yield _coverage(person, plan.today)
    yield _account(person, plan.today)
    yield from _allergies(person)
    if person.number % 8 == 1:
        yield _consent(person)


def subject(person: Person) -> Json:
    """A Reference to the patient."""
    return reference(f"Patient/{person.id}", person.name)


def answerable(person: Person, day: date) -> Json:
    """A Reference to the one who pays and signs: the parent of a minor, otherwise the patient."""
    if person.age(day) >= ADULT:
        return subject(person)
    return reference(f"RelatedPerson/{person.guardian}", _parent(person)[1])


def _patient(plan: Plan, person: Person, children: list[Person]) -> Json:
    rng = Random(f"{plan.seed}/{person.id}/file")
    mrn, ssn = f"MRN{700000 + person.number * 37:07d}", f"000-{rng.randrange(10, 99)}-{1000 + person.number:04d}"
    dead = at(person.death, rng.randrange(60, 1380)) if person.death and died(person, plan.today) else None
    elements: Json = {
        "id": person.id,
        "text": narrative(person.name, _rows(person, mrn, dead.date() if dead else None)),
        "identifier": [
            identifier(SITE + "/mrn", mrn, kind=("MR", "Medical record number"), use="usual"),
            identifier("http://hl7.org/fhir/sid/us-ssn", ssn, kind=("SS", "Social Security number"), use="official"),
        ],
        "active": dead is None,
        "name": [_name(person)],
        "telecom": _telecom(person, rng),
        "gender": person.sex,
        "birthDate": person.birth,
        "address": [_address(person)],
        "maritalStatus": hl7("v3-MaritalStatus", person.marital, _MARITAL[person.marital]),
        "communication": _communication(person),
        "generalPractitioner": [reference(f"Practitioner/{person.doctor.id}", person.doctor.name)],
        "managingOrganization": reference(HOSPITAL, NAME),
    }
    contact = _contact(person)
    if contact:
        elements["contact"] = [contact]
    if person.mother:
        born = plan.visits[person.number][0].start.isoformat()
        elements["_birthDate"] = {"extension": [{"url": _BIRTH_TIME, "valueDateTime": born}]}
        elements["multipleBirthBoolean"] = False
    if dead:
        elements["deceasedDateTime"] = dead
    if children:
        elements["link"] = [
            {"other": reference(f"RelatedPerson/mother-of-{each.id}"), "type": "seealso"} for each in children
        ]
    return built(Patient, elements)


def _rows(person: Person, mrn: str, dead: date | None) -> list[tuple[str, str]]:
    return [
        ("MRN", mrn),
        ("Born", person.birth.isoformat()),
        ("Died", dead.isoformat() if dead else ""),
        ("Sex", person.sex),
        ("Address", f"{person.street}, {person.town[0]}, AZ {person.town[1]}"),
        ("Telephone", person.phone),
        ("General practitioner", person.doctor.name),
        ("Insurance", payer_name(person.payer) if person.payer else "none"),
    ]


def _name(person: Person) -> Json:
    married = person.sex == "female" and person.marital in "MW"
    prefix = {"male": "Mr.", "female": "Mrs." if married else "Ms."}[person.sex]
    name: Json = {"use": "official", "text": " ".join((*person.given, person.family)), "family": person.family}
    name["given"] = list(person.given)
    return {**name, "prefix": [prefix]} if person.age(OPENED) >= 18 else name


def _telecom(person: Person, rng: Random) -> list[Json]:
    found = [{"system": "phone", "value": person.phone, "use": "home", "rank": 1}]
    if 14 < person.age(OPENED) < 85:
        found.append({"system": "phone", "value": f"480-555-{rng.randrange(100, 200):04d}", "use": "mobile"})
        found.append({"system": "email", "value": person.email, "use": "home"})
    return found


def _address(person: Person) -> Json:
    return {
        "use": "home",
        "type": "both",
        "text": f"{person.street}, {person.town[0]}, AZ {person.town[1]}",
        "line": [person.street],
        "city": person.town[0],
        "state": "AZ",
        "postalCode": person.town[1],
        "country": "US",
        "period": period(person.birth if person.mother else person.registered),
    }


def _communication(person: Person) -> list[Json]:
    spoken = ["en"] if person.origin.language == "en" else [person.origin.language]
    if person.speaks_english and "en" not in spoken:
        spoken.append("en")
    return [
        {"language": concept(coding("urn:ietf:bcp:47", (code, LANGUAGES[code]))), "preferred": place == 0}
        for place, code in enumerate(spoken)
    ]


def _contact(person: Person) -> Json | None:
    if person.guarded:
        relation, name, sex = _parent(person)
    elif person.marital == "M":
        relation, name, sex = ("SPS", "spouse"), person.partner, _other(person.sex)
    else:
        return None
    given, family = name.removesuffix(" " + person.family), person.family
    return {
        "relationship": [
            hl7("v2-0131", "N", "Next-of-Kin"),
            hl7("v3-RoleCode", *relation),
        ],
        "name": {"use": "usual", "family": family, "given": [given]},
        "telecom": [{"system": "phone", "value": person.phone, "use": "home"}],
        "gender": sex,
    }


def _other(sex: str) -> str:
    return "male" if sex == "female" else "female"


def _parent(person: Person) -> tuple[Code, str, str]:
    """The relation, the name and the sex of a minor's parent."""
    if person.mother:
        return ("MTH", "mother"), person.mother.name, "female"
    sex = _other(person.sex)
    return ("MTH", "mother") if sex == "female" else ("FTH", "father"), person.partner, sex


def _guardian(person: Person, today: date) -> Json:
    """The parent who answers for a minor; a mother who is a patient as well has her own name and address."""
    relation, name, sex = _parent(person)
    mother = person.mother
    found: Json = {
        "resourceType": "RelatedPerson",
        "id": person.guardian,
        "active": person.age(today) < ADULT,
        "patient": subject(person),
        "relationship": [hl7("v3-RoleCode", *relation), hl7("v3-RoleCode", "GUARD", "guardian")],
        "name": [
            {
                "use": "official",
                "family": person.family,
                "given": list(mother.given) if mother else [name.removesuffix(" " + person.family)],
            }
        ],
        "telecom": [{"system": "phone", "value": person.phone, "use": "home"}],
        "gender": sex,
        "address": [_address(mother or person)],
    }
    return {**found, "birthDate": mother.birth.isoformat()} if mother else found


def _coverage(person: Person, today: date) -> Json:
    plan_type = ("PUBLICPOL", "public healthcare") if "public" in person.payer else ("EHCPOL", "extended healthcare")
    return {
        "resourceType": "Coverage",
        "id": f"coverage-{person.number:04d}",
        "identifier": [identifier(SITE + "/member", f"{person.payer[6:9].upper()}{480000 + person.number * 7}")],
        "status": "cancelled" if died(person, today) else "active",
        "type": hl7("v3-ActCode", *plan_type),
        "subscriber": subject(person.mother) if person.mother else answerable(person, person.registered),
        "subscriberId": f"{480000 + (person.mother or person).number * 7}",
        "beneficiary": subject(person),
        "relationship": hl7("subscriber-relationship", *(("child", "Child") if person.guarded else ("self", "Self"))),
        "period": period(person.registered),
        "payor": [reference(f"Organization/{person.payer}", payer_name(person.payer))],
    }


def _account(person: Person, today: date) -> Json:
    account: Json = {
        "resourceType": "Account",
        "id": f"account-{person.number:04d}",
        "identifier": [identifier(SITE + "/account", f"ACC-{person.number:06d}")],
        "status": "inactive" if person.death and person.death + _GRACE < today else "active",
        "type": hl7("v3-ActCode", "PBILLACCT", "patient billing account"),
        "name": f"Patient billing account of {person.name}",
        "subject": [subject(person)],
        "servicePeriod": period(person.registered),
        "owner": reference(HOSPITAL, NAME),
    }
    if person.guarded:
        account["guarantor"] = [{"party": answerable(person, today)}]
    if person.payer:
        coverage = reference(f"Coverage/coverage-{person.number:04d}", payer_name(person.payer))
        account["coverage"] = [{"coverage": coverage, "priority": 1}]
    return account


def _allergies(person: Person) -> Iterator[Json]:
    for key in person.allergies:
        allergy = ALLERGIES[key]
        found: Json = {
            "resourceType": "AllergyIntolerance",
            "id": f"allergy-{person.number:04d}-{key}",
            "clinicalStatus": hl7("allergyintolerance-clinical", "active", "Active"),
            "verificationStatus": hl7("allergyintolerance-verification", "confirmed", "Confirmed"),
            "type": "allergy",
            "category": [allergy.category],
            "criticality": allergy.criticality,
            "code": concept(coding(SNOMED, allergy.snomed)),
            "patient": subject(person),
            "recordedDate": at(person.registered, 600).isoformat(),
            "recorder": reference(f"Practitioner/{person.doctor.id}", person.doctor.name),
        }
        manifestation = [concept(coding(SNOMED, allergy.reaction))]
        yield {**found, "reaction": [{"manifestation": manifestation, "severity": allergy.severity}]}


def _consent(person: Person) -> Json:
    return {
        "resourceType": "Consent",
        "id": f"consent-{person.number:04d}",
        "status": "active",
        "scope": hl7("consentscope", "patient-privacy", "Privacy Consent"),
        "category": [concept(coding(LOINC, ("59284-0", "Patient Consent")))],
        "patient": subject(person),
        "dateTime": at(person.registered, 600).isoformat(),
        "organization": [reference(HOSPITAL, NAME)],
        "policyRule": concept(coding(HL7 + "v3-ActCode", ("OPTIN", "opt-in"))),
        "provision": {"type": "permit", "period": period(person.registered)},
    }
