from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from hospital.demo import bundles
from hospital.demo.values import check_digit
from resources import validation

Json = dict[str, Any]
TODAY = date(2026, 11, 23)
MIDNIGHT = datetime.fromisoformat("2026-11-23T00:00:00-07:00")


@pytest.fixture(scope="module")
def loaded() -> list[Json]:
    return list(bundles(seed=3, patients=40, today=TODAY))


@pytest.fixture(scope="module")
def hospital(loaded: list[Json]) -> dict[str, dict[str, Json]]:
    found: dict[str, dict[str, Json]] = defaultdict(dict)
    for resource in _resources(loaded):
        found[resource["resourceType"]][resource["id"]] = resource
    return found


def _resources(loaded: list[Json]) -> Iterator[Json]:
    return (entry["resource"] for bundle in loaded for entry in bundle["entry"])


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _references(each)


def _digest(found: Iterator[Json]) -> str:
    return hashlib.sha256(json.dumps(list(found), default=str).encode()).hexdigest()


def test_every_resource_is_valid(loaded: list[Json]) -> None:
    problems = {
        f"{each['resourceType']}/{each['id']}": issues
        for each in _resources(loaded)
        if (issues := validation.validate(each))
    }
    assert problems == {}


def test_entries_are_puts_with_ids_of_their_own(loaded: list[Json]) -> None:
    urls = []
    for bundle in loaded:
        assert bundle["resourceType"] == "Bundle"
        assert bundle["type"] == "transaction"
        assert 0 < len(bundle["entry"]) <= 500
        for entry in bundle["entry"]:
            assert entry["request"]["method"] == "PUT"
            assert entry["request"]["url"] == f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
            urls.append(entry["request"]["url"])
    assert len(urls) == len(set(urls))


def test_references_point_to_the_same_bundle_or_earlier_ones(loaded: list[Json]) -> None:
    known: set[str] = set()
    for bundle in loaded:
        known |= {entry["request"]["url"] for entry in bundle["entry"]}
        assert set(_references(bundle)) <= known


def test_every_type_of_the_hospital_is_there(hospital: dict[str, dict[str, Json]]) -> None:
    assert set(hospital) == {
        *("Account", "AllergyIntolerance", "Appointment", "CarePlan", "ChargeItem", "Condition", "Consent", "Coverage"),
        *("DiagnosticReport", "Encounter", "HealthcareService", "Immunization", "Invoice", "Location"),
        *("MedicationRequest", "Observation", "Organization", "Patient", "PaymentNotice", "PaymentReconciliation"),
        *("Practitioner", "PractitionerRole", "Procedure", "RelatedPerson", "Schedule", "Slot"),
    }


def test_the_same_arguments_give_the_same_bytes(loaded: list[Json]) -> None:
    program = (
        "import hashlib, json; from datetime import date; from hospital.demo import bundles;"
        "found = list(bundles(seed=3, patients=40, today=date(2026, 11, 23)));"
        "print(hashlib.sha256(json.dumps(found, default=str).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == _digest(iter(loaded))


def test_another_seed_gives_another_hospital(loaded: list[Json]) -> None:
    assert _digest(bundles(seed=4, patients=40, today=TODAY)) != _digest(iter(loaded))


def test_a_later_day_continues_the_same_story(hospital: dict[str, dict[str, Json]]) -> None:
    later = {
        f"{each['resourceType']}/{each['id']}": each
        for each in _resources(list(bundles(seed=3, patients=40, today=TODAY + timedelta(days=7))))
    }
    before = {
        f"{each['resourceType']}/{each['id']}": each for of_type in hospital.values() for each in of_type.values()
    }
    lasting = {url for url in before if not url.startswith("Slot/")}
    assert lasting <= set(later)
    changed = {url for url in lasting if before[url] != later[url]}
    assert 0 < len(changed) < len(lasting) / 20
    assert not [url for url in changed if url.startswith(("Observation/", "Encounter/encounter-0001", "Immunization/"))]


def test_invoices_add_up_to_the_cent(hospital: dict[str, dict[str, Json]]) -> None:
    for invoice in hospital["Invoice"].values():
        components = [each for line in invoice["lineItem"] for each in line["priceComponent"]]
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for each in components:
            sums[each["type"]] += each["amount"]["value"]
        assert {each["type"]: each["amount"]["value"] for each in invoice["totalPriceComponent"]} == sums
        assert invoice["totalNet"]["value"] == sums["base"] + sums["discount"]
        assert invoice["totalGross"]["value"] == invoice["totalNet"]["value"] + sums["tax"]
        assert str(invoice["totalGross"]["value"])[-3] == "."
        for line in invoice["lineItem"]:
            assert line["chargeItemReference"]["reference"].removeprefix("ChargeItem/") in hospital["ChargeItem"]


def test_every_state_of_an_invoice_and_of_an_appointment_occurs(hospital: dict[str, dict[str, Json]]) -> None:
    assert {each["status"] for each in hospital["Invoice"].values()} == {"issued", "balanced", "cancelled"}
    states = {each["status"] for each in hospital["Appointment"].values()}
    assert states >= {"booked", "fulfilled", "cancelled", "noshow"}


def test_balanced_invoices_are_those_that_were_paid(hospital: dict[str, dict[str, Json]]) -> None:
    paid: dict[str, Decimal] = {}
    for payment in hospital["PaymentReconciliation"].values():
        assert payment["paymentDate"] < TODAY.isoformat()
        assert payment["paymentAmount"]["value"] == sum(each["amount"]["value"] for each in payment["detail"])
        for each in payment["detail"]:
            paid[each["request"]["reference"].removeprefix("Invoice/")] = each["amount"]["value"]
    balanced = {key: each for key, each in hospital["Invoice"].items() if each["status"] == "balanced"}
    assert paid == {key: each["totalGross"]["value"] for key, each in balanced.items()}


def test_nobody_is_booked_twice_and_all_within_hours(hospital: dict[str, dict[str, Json]]) -> None:
    taken: set[tuple[str, str]] = set()
    for appointment in hospital["Appointment"].values():
        start, end = appointment["start"], appointment["end"]
        for participant in appointment["participant"]:
            actor = participant["actor"]["reference"]
            if not actor.startswith("Location/"):
                assert (actor, start) not in taken
                taken.add((actor, start))
        practitioner = appointment["participant"][1]["actor"]["reference"]
        role = hospital["PractitionerRole"][practitioner.replace("Practitioner/practitioner", "role")]
        day = datetime.fromisoformat(start).strftime("%a").lower()
        assert any(
            day in hours["daysOfWeek"]
            and hours["availableStartTime"] <= start[11:19]
            and end[11:19] <= hours["availableEndTime"]
            for hours in role["availableTime"]
        )
        assert start[14:16] in ("00", "30")
        assert role["organization"]["display"] == appointment["serviceType"][0]["text"]


def test_slots_are_busy_where_someone_is_booked(hospital: dict[str, dict[str, Json]]) -> None:
    booked = {
        each["slot"][0]["reference"].removeprefix("Slot/"): each
        for each in hospital["Appointment"].values()
        if "slot" in each
    }
    assert booked
    assert {key for key, each in hospital["Slot"].items() if each["status"] == "busy"} == set(booked)
    for key, appointment in booked.items():
        assert hospital["Slot"][key]["start"] == appointment["start"]
        assert appointment["status"] in ("booked", "pending")


def _moments(resource: Json) -> list[datetime]:
    """When it happened, of what happens at a visit."""
    span = resource.get("period") or resource.get("performedPeriod") or {}
    moments = [
        resource.get(key) for key in ("start", "effectiveDateTime", "issued", "authoredOn", "occurrenceDateTime")
    ]
    texts = [each for each in (*moments, resource.get("recordedDate"), span.get("start"), span.get("end")) if each]
    return [datetime.fromisoformat(text) for text in texts if "T" in text]


def test_nothing_happens_before_birth_or_after_death(hospital: dict[str, dict[str, Json]]) -> None:
    clinical = (
        "Appointment",
        "Encounter",
        "Observation",
        "Condition",
        "MedicationRequest",
        "Procedure",
        "Immunization",
    )
    dead = 0
    for type_ in clinical:
        for resource in hospital[type_].values():
            about = next(each for each in _references(resource) if each.startswith("Patient/"))
            patient = hospital["Patient"][about.removeprefix("Patient/")]
            moments = _moments(resource)
            assert moments, resource["id"]
            assert min(moments).date().isoformat() >= patient["birthDate"]
            if "deceasedDateTime" in patient:
                dead += 1
                assert max(moments).date().isoformat() <= patient["deceasedDateTime"][:10]
    assert dead


def test_the_past_has_happened_and_the_future_has_not(hospital: dict[str, dict[str, Json]]) -> None:
    ahead = 0
    for appointment in hospital["Appointment"].values():
        future = datetime.fromisoformat(appointment["start"]) >= MIDNIGHT
        ahead += future
        assert appointment["status"] in (
            ("booked", "pending", "cancelled") if future else ("fulfilled", "noshow", "cancelled")
        )
        assert appointment["created"] < appointment["start"]
        assert datetime.fromisoformat(appointment["created"]) < MIDNIGHT
        assert ("cancelationReason" in appointment) == (appointment["status"] in ("cancelled", "noshow"))
    assert ahead
    assert all(datetime.fromisoformat(each["period"]["start"]) < MIDNIGHT for each in hospital["Encounter"].values())


def test_a_fulfilled_appointment_has_its_encounter(hospital: dict[str, dict[str, Json]]) -> None:
    came = {f"Appointment/{key}" for key, each in hospital["Appointment"].items() if each["status"] == "fulfilled"}
    seen = {reference for each in hospital["Encounter"].values() for reference in _references(each.get("appointment"))}
    assert seen == came


def test_visits_of_a_person_do_not_overlap(hospital: dict[str, dict[str, Json]]) -> None:
    stays: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for each in hospital["Encounter"].values():
        stays[each["subject"]["reference"]].append((each["period"]["start"], each["period"].get("end", "9")))
    for spans in stays.values():
        spans.sort()
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_prescriptions_fit_the_diagnosis_and_the_allergies(hospital: dict[str, dict[str, Json]]) -> None:
    penicillins = {"J01CA04"}
    allergic = {
        each["patient"]["reference"]
        for each in hospital["AllergyIntolerance"].values()
        if each["code"]["text"] == "Allergy to penicillin"
    }
    for request in hospital["MedicationRequest"].values():
        condition = hospital["Condition"][request["reasonReference"][0]["reference"].removeprefix("Condition/")]
        assert condition["subject"] == request["subject"]
        assert condition["recordedDate"] < request["authoredOn"]
        codes = {each["code"] for each in request["medicationCodeableConcept"]["coding"]}
        assert request["subject"]["reference"] not in allergic or not codes & penicillins
        if "priorPrescription" in request:
            prior = hospital["MedicationRequest"][request["priorPrescription"]["reference"].split("/")[1]]
            assert prior["status"] == "completed"
            assert prior["medicationCodeableConcept"] == request["medicationCodeableConcept"]
            assert prior["authoredOn"] < request["authoredOn"]


def test_children_are_born_to_mothers_in_the_hospital(hospital: dict[str, dict[str, Json]]) -> None:
    mothers = {
        link["other"]["reference"].removeprefix("RelatedPerson/"): patient
        for patient in hospital["Patient"].values()
        for link in patient.get("link", ())
    }
    assert set(mothers) == set(hospital["RelatedPerson"])
    for key, mother in mothers.items():
        child = hospital["Patient"][hospital["RelatedPerson"][key]["patient"]["reference"].removeprefix("Patient/")]
        assert mother["gender"] == "female"
        assert (date.fromisoformat(child["birthDate"]) - date.fromisoformat(mother["birthDate"])).days > 20 * 365
        assert child["name"][0]["family"] == mother["name"][0]["family"]
        assert child["_birthDate"]["extension"][0]["valueDateTime"].startswith(child["birthDate"])


def test_identifiers_are_well_formed_and_never_given_out(hospital: dict[str, dict[str, Json]]) -> None:
    for practitioner in hospital["Practitioner"].values():
        npi = practitioner["identifier"][0]["value"]
        assert len(npi) == 10
        assert npi[0] == "9"  # real ones begin with 1 or 2
        assert check_digit(npi[:9]) == npi[9]
    values = [each["value"] for patient in hospital["Patient"].values() for each in patient["identifier"]]
    assert len(values) == len(set(values))
    assert sum(value.startswith("000-") for value in values) == len(hospital["Patient"])


def test_check_digit_of_the_published_example() -> None:
    assert check_digit("123456789") == "3"


@pytest.mark.parametrize("type_", ["Patient", "Practitioner", "Appointment", "MedicationRequest", "Invoice"])
def test_the_main_types_have_a_narrative(hospital: dict[str, dict[str, Json]], type_: str) -> None:
    for resource in hospital[type_].values():
        assert resource["text"]["status"] == "generated"
        assert resource["text"]["div"].startswith('<div xmlns="http://www.w3.org/1999/xhtml">')


def test_models_of_fhir_resources_take_a_sample_of_every_type(hospital: dict[str, dict[str, Json]]) -> None:
    for type_, of_type in hospital.items():
        model = get_fhir_model_class(type_)
        for resource in list(of_type.values())[:5]:
            model.model_validate(resource)


def test_loading_the_package_does_not_load_the_models() -> None:
    program = "import sys, hospital.demo; sys.exit('fhir.resources' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.long
def test_the_documentation_tells_the_truth() -> None:
    text = (Path(__file__).parents[3] / "docs" / "demo-hospital.md").read_text(encoding="utf-8")
    loaded = list(bundles(today=TODAY))
    resources = list(_resources(loaded))
    counts = Counter(each["resourceType"] for each in resources)
    table = dict(re.findall(r"^\| ([A-Z]\w+) \| ([\d,]+) \|", text, re.MULTILINE))
    assert {type_: int(count.replace(",", "")) for type_, count in table.items()} == counts
    assert f"{len(resources):,} resources in {len(loaded)} Bundles" in text
    known = {f"{each['resourceType']}/{each['id']}" for each in resources}
    named = set(re.findall(r"\b[A-Z]\w+/[a-z][\w-]+\d\b|Organization/dept-\w+", text))
    assert len(named) > 15
    assert named <= known
