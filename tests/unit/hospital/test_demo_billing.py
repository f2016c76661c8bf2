"""Who owes what: guardians, reminders, write-offs."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

from hospital.demo import bundles

Json = dict[str, Any]
TODAY = date(2026, 11, 24)


def _age(patient: Json, day: date) -> int:
    born = date.fromisoformat(patient["birthDate"])
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _day(invoice: Json) -> date:
    return date.fromisoformat(invoice["date"][:10])


def test_invoices_go_to_adults_guardians_or_insurers(hospital: dict[str, dict[str, Json]]) -> None:
    minors = 0
    for invoice in hospital["Invoice"].values():
        recipient = invoice["recipient"]["reference"]
        patient = hospital["Patient"][invoice["subject"]["reference"].removeprefix("Patient/")]
        minor = _age(patient, _day(invoice)) < 18
        kind, key = recipient.split("/")
        assert kind in ("Organization", "RelatedPerson" if minor else "Patient")
        if kind == "RelatedPerson":
            minors += 1
            assert hospital["RelatedPerson"][key]["patient"] == invoice["subject"]
            assert hospital["RelatedPerson"][key]["name"][0]["family"] == patient["name"][0]["family"]
    assert minors


def test_minors_have_a_guardian_who_answers_for_the_account(hospital: dict[str, dict[str, Json]]) -> None:
    for account in hospital["Account"].values():
        patient = hospital["Patient"][account["subject"][0]["reference"].removeprefix("Patient/")]
        if _age(patient, TODAY) < 18:
            guardian = hospital["RelatedPerson"][account["guarantor"][0]["party"]["reference"].split("/")[1]]
            assert guardian["active"]
            assert "GUARD" in {coding["code"] for each in guardian["relationship"] for coding in each["coding"]}
    for coverage in hospital["Coverage"].values():
        own = coverage["subscriber"] == coverage["beneficiary"]
        assert own == (coverage["relationship"]["coding"][0]["code"] == "self")


def test_the_type_of_an_invoice_is_coded(hospital: dict[str, dict[str, Json]]) -> None:
    kinds = [each["type"]["coding"][0] for each in hospital["Invoice"].values()]
    assert {each["system"] for each in kinds} == {"https://saguaro-valley.example/invoice-type"}
    assert {each["code"] for each in kinds} == {"outpatient", "emergency", "inpatient"}


def test_late_invoices_are_reminded_and_end(hospital: dict[str, dict[str, Json]]) -> None:
    reminders: dict[str, list[Json]] = defaultdict(list)
    for each in hospital["Communication"].values():
        reminders[each["about"][0]["reference"].removeprefix("Invoice/")].append(each)
    assert reminders
    for key, invoice in hospital["Invoice"].items():
        sent = reminders[key]
        assert all(invoice["date"] < each["sent"] < TODAY.isoformat() for each in sent)
        assert all(each["recipient"] == [invoice["recipient"]] for each in sent)
        assert [note["text"][:8] for note in invoice.get("note", ())].count("Reminder") == len(sent)
        if invoice["status"] == "issued":
            age = (TODAY - _day(invoice)).days
            assert len(sent) == (age > 80) + (age > 110)
            assert age < 210


def test_what_is_written_off_was_reminded_of_and_is_not_paid() -> None:
    resources = [each["resource"] for bundle in bundles(seed=2, patients=60, today=TODAY) for each in bundle["entry"]]
    invoices = {each["id"]: each for each in resources if each["resourceType"] == "Invoice"}
    lost = [each for each in resources if each["resourceType"] == "PaymentReconciliation" and "disposition" in each]
    assert lost
    for each in lost:
        assert str(each["paymentAmount"]["value"]) == "0.00"
        invoice = invoices[each["detail"][0]["request"]["reference"].removeprefix("Invoice/")]
        assert each["detail"][0]["amount"] == invoice["totalGross"]
        assert invoice["status"] == "balanced"
        assert not invoice["recipient"]["reference"].startswith("Organization/")
        assert [note["text"].split()[0] for note in invoice["note"]] == ["Reminder", "Reminder", "Written"]
