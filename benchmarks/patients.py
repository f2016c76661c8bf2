"""Patients of about 1.6 kB, varied, for the read, create and update figures."""

from __future__ import annotations

from typing import Any

FAMILIES = ("Nakamura", "Okafor", "Lindqvist", "Moreau", "Castillo", "Petrov", "O'Connell", "Haddad")
GIVEN = ("Amélie", "Bram", "Chidi", "Dolores", "Elif", "Farid", "Greta", "Hugo")


def patient(number: int) -> dict[str, Any]:
    """Patient `number`, without an id."""
    family, given = FAMILIES[number % 8], GIVEN[number // 8 % 8]
    return {
        "resourceType": "Patient",
        "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/Patient"]},
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{given} {family}, record {number:07d}</p></div>',
        },
        "identifier": [
            {
                "use": "usual",
                "type": {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/v2-0203",
                            "code": "MR",
                            "display": "Medical record number",
                        }
                    ]
                },
                "system": "https://hospital.example/mrn",
                "value": f"{number:07d}",
            },
            {"use": "official", "system": "https://country.example/person", "value": f"X{number * 7919 % 10**9:09d}"},
        ],
        "active": True,
        "name": [
            {"use": "official", "family": family, "given": [given, "Maria"], "prefix": ["Ms"]},
            {"use": "maiden", "family": FAMILIES[(number + 3) % 8], "given": [given]},
        ],
        "telecom": [
            {"system": "phone", "value": f"+1-555-{number % 10000:04d}", "use": "home", "rank": 1},
            {"system": "email", "value": f"patient{number}@mail.example", "use": "work"},
        ],
        "gender": ("female", "male")[number % 2],
        "birthDate": f"{1930 + number % 90}-{1 + number % 12:02d}-{1 + number % 28:02d}",
        "address": [
            {
                "use": "home",
                "line": [f"{1 + number % 400} Harbour Street", "Apartment 3"],
                "city": "Springfield",
                "state": "MA",
                "postalCode": f"{number % 90000 + 10000}",
                "country": "US",
            }
        ],
        "maritalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}],
            "text": "Married",
        },
        "contact": [
            {
                "relationship": [
                    {
                        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "N"}],
                        "text": "Next of kin",
                    }
                ],
                "name": {"family": family, "given": [GIVEN[(number + 5) % 8]]},
                "telecom": [{"system": "phone", "value": f"+1-555-{(number + 77) % 10000:04d}", "use": "mobile"}],
            }
        ],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}, "preferred": True}],
    }
