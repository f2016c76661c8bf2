"""FHIR data types as plain dicts, the code systems and the hospital's clock.

Rule: decimals are `Decimal` with the digits to show, times carry the offset of the hospital (Arizona: no summer time).
See https://hl7.org/fhir/R4/datatypes.html.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from hospital.demo.tables import Code

Json = dict[str, Any]

ZONE = timezone(timedelta(hours=-7))
SITE = "https://saguaro-valley.example"
HL7 = "http://terminology.hl7.org/CodeSystem/"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
CVX = "http://hl7.org/fhir/sid/cvx"
ATC = "http://www.whocc.no/atc"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NUCC = "http://nucc.org/provider-taxonomy"
CHARGEMASTER = SITE + "/chargemaster"


def at(day: date, minutes: int) -> datetime:
    """The moment `minutes` after midnight of `day`, on the hospital's clock."""
    return datetime.combine(day, time(), ZONE) + timedelta(minutes=minutes)


def coding(system: str, code: Code) -> Json:
    """A Coding with its display."""
    return {"system": system, "code": code[0], "display": code[1]}


def concept(*codings: Json, text: str = "") -> Json:
    """A CodeableConcept; its text is that of the first coding unless given."""
    return {"coding": list(codings), "text": text or codings[0]["display"]}


def hl7(system: str, code: str, display: str) -> Json:
    """A CodeableConcept from one of HL7's own code systems."""
    return concept(coding(HL7 + system, (code, display)))


def reference(target: str, display: str = "") -> Json:
    """A Reference to `Type/id`."""
    return {"reference": target, "display": display} if display else {"reference": target}


def identifier(system: str, value: str, *, kind: Code | None = None, use: str = "") -> Json:
    """An Identifier; `kind` is a code of v2-0203."""
    found: Json = {"use": use} if use else {}
    if kind:
        found["type"] = hl7("v2-0203", *kind)
    return {**found, "system": system, "value": value}


def quantity(value: Decimal | int, unit: str, code: str = "") -> Json:
    """A Quantity in UCUM."""
    return {"value": value, "unit": unit, "system": UCUM, "code": code or unit}


def money(value: Decimal) -> Json:
    """A Money in US dollars."""
    return {"value": value, "currency": "USD"}


def period(start: datetime | date, end: datetime | date | None = None) -> Json:
    """A Period, open when there is no end."""
    found = {"start": start.isoformat()}
    return {**found, "end": end.isoformat()} if end else found


def check_digit(digits: str) -> str:
    """The digit that completes an NPI: Luhn (ISO/IEC 7812) over the issuer's prefix 80840 and the nine digits."""
    total = 0
    for place, digit in enumerate(reversed("80840" + digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)
