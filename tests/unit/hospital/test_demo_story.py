from __future__ import annotations

import itertools
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Any

from hospital.demo.diary import Diary
from hospital.demo.people import population
from hospital.demo.staff import Clinician, clinicians
from hospital.demo.wishes import Wish

Json = dict[str, Any]
TODAY = date(2026, 11, 24)
NOW = datetime.fromisoformat("2026-11-24T10:45:00-07:00")


def test_every_state_of_an_invoice_and_of_an_appointment_occurs(hospital: dict[str, dict[str, Json]]) -> None:
    assert {each["status"] for each in hospital["Invoice"].values()} == {"issued", "balanced", "cancelled"}
    states = {each["status"] for each in hospital["Appointment"].values()}
    assert states >= {"booked", "fulfilled", "cancelled", "noshow"}


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


def test_balanced_invoices_are_those_that_were_paid(hospital: dict[str, dict[str, Json]]) -> None:
    paid: dict[str, Decimal] = {}
    for payment in hospital["PaymentReconciliation"].values():
        assert payment["paymentDate"] < TODAY.isoformat()
        moved = [
            each["amount"]["value"] for each in payment["detail"] if each["type"]["coding"][0]["code"] == "payment"
        ]
        assert payment["paymentAmount"]["value"] == sum(moved)
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
        assert appointment["status"] in ("booked", "pending", "arrived")


def _about(resource: Json) -> str:
    """The id of the patient."""
    about = (
        resource["participant"][0]["actor"] if resource["resourceType"] == "Appointment" else resource.get("subject")
    )
    return str((about or resource["patient"])["reference"]).removeprefix("Patient/")


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
            patient = hospital["Patient"][_about(resource)]
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
        future = datetime.fromisoformat(appointment["start"]) >= NOW
        ahead += future
        assert appointment["status"] in (
            ("booked", "pending", "arrived", "cancelled") if future else ("fulfilled", "noshow", "cancelled")
        )
        assert appointment["created"] < appointment["start"]
        assert datetime.fromisoformat(appointment["created"]) < NOW
        assert ("cancelationReason" in appointment) == (appointment["status"] in ("cancelled", "noshow"))
    assert ahead
    for type_ in ("Encounter", "Observation", "DiagnosticReport", "Procedure", "MedicationRequest", "Immunization"):
        for each in hospital[type_].values():
            assert max(_moments(each)) <= NOW, each["id"]


def test_a_fulfilled_appointment_has_its_encounter(hospital: dict[str, dict[str, Json]]) -> None:
    came = {f"Appointment/{key}" for key, each in hospital["Appointment"].items() if each["status"] == "fulfilled"}
    seen = {
        appointment["reference"]
        for each in hospital["Encounter"].values()
        for appointment in each.get("appointment", ())
    }
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
    assert set(mothers) == {key for key in hospital["RelatedPerson"] if key.startswith("mother-of-")}
    for key, mother in mothers.items():
        child = hospital["Patient"][hospital["RelatedPerson"][key]["patient"]["reference"].removeprefix("Patient/")]
        assert mother["gender"] == "female"
        assert (date.fromisoformat(child["birthDate"]) - date.fromisoformat(mother["birthDate"])).days > 20 * 365
        assert child["name"][0]["family"] == mother["name"][0]["family"]
        assert child["_birthDate"]["extension"][0]["valueDateTime"].startswith(child["birthDate"])


def test_a_full_diary_turns_people_away() -> None:
    staff = clinicians(1)
    diary = Diary(staff)
    person = population(1, 1, TODAY, staff).people[0]
    wish = Wish(date(2026, 3, 2), person, "review", "psy")

    def again() -> tuple[Clinician, datetime] | None:
        diary.engaged.clear()
        return diary.book(Random(1), wish)

    booked = list(iter(again, None))
    assert len(booked) == len(set(booked))
    assert 3 * 8 * 2 <= len(booked) <= 4 * 8 * 2
