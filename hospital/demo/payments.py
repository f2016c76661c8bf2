"""How invoices end: payments, reminders of those that are late, and write-offs.

Rule: no invoice stays open for more than seven months. See https://hl7.org/fhir/R4/paymentreconciliation.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from hospital.demo.planning import Plan
from hospital.demo.structure import HOSPITAL, NAME
from hospital.demo.tables import Code
from hospital.demo.values import SITE, Json, at, hl7, identifier, money, reference

_NOTHING = Decimal("0.00")
_PROMPT, _LATE = (6, 45), (115, 170)
"""Days after which is paid, at least and at most."""
_REMINDERS = (80, 110)
"""Days after which those who are late are reminded; insurers who are not have paid by then."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The `day` on which an invoice is or will be paid, or written off, and the days of the reminders before."""

    day: date
    reminders: tuple[date, ...]
    written_off: bool


def settlement(plan: Plan, key: str, issued: date, *, insured: bool) -> Settlement:
    """How the invoice of the visit with this key ends; insurers pay on the first of a month, some of both late."""
    rng = Random(f"{plan.seed}/{key}/paid")
    late = rng.random() < (0.03 if insured else 0.2)
    day = issued + timedelta(days=rng.randrange(*(_LATE if late else _PROMPT)))
    if insured:
        day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    reminders = tuple(issued + timedelta(days=each) for each in _REMINDERS) if late else ()
    return Settlement(day, reminders, written_off=late and not insured and rng.random() < 0.5)


def reminder(invoice: Json, number: int, day: date) -> Json:
    """The Communication by which whoever owes the invoice is reminded."""
    text = f"Reminder {number}: invoice {invoice['identifier'][0]['value']} of {invoice['date'][:10]}"
    return {
        "resourceType": "Communication",
        "id": f"{invoice['id'].replace('invoice', 'reminder')}-{number}",
        "status": "completed",
        "category": [hl7("communication-category", "reminder", "Reminder")],
        "subject": invoice["subject"],
        "about": [reference(f"Invoice/{invoice['id']}")],
        "sent": at(day, 540).isoformat(),
        "recipient": [invoice["recipient"]],
        "sender": reference(HOSPITAL, NAME),
        "payload": [{"contentString": f"{text} over {invoice['totalGross']['value']:,.2f} USD is not paid yet."}],
    }


def payments(plan: Plan, invoices: list[Json]) -> Iterator[Json]:
    """PaymentReconciliations and PaymentNotices for the paid ones among the `invoices`.

    Insurers pay once a month for everything that they owe; those who pay themselves do so one by one, with a notice.
    What is written off is balanced by an adjustment, of which nothing is paid.
    """
    due: dict[tuple[date, str], list[Json]] = {}
    for invoice in invoices:
        if invoice["status"] == "balanced":
            recipient = invoice["recipient"]["reference"]
            insured = recipient.startswith("Organization/")
            issued = date.fromisoformat(invoice["date"][:10])
            end = settlement(plan, invoice["id"].removeprefix("invoice-"), issued, insured=insured)
            if end.written_off:
                yield _write_off(end.day, invoice)
            else:
                due.setdefault((end.day, recipient if insured else invoice["id"]), []).append(invoice)
    for (paid, _), paying in sorted(due.items(), key=lambda each: each[0]):
        yield from _payment(paid, paying)


def _payment(paid: date, invoices: list[Json]) -> Iterator[Json]:
    recipient = invoices[0]["recipient"]
    insured = recipient["reference"].startswith("Organization/")
    key = f"{recipient['reference'][19:]}-{paid:%Y-%m}" if insured else invoices[0]["id"].removeprefix("invoice-")
    total = sum((each["totalGross"]["value"] for each in invoices), _NOTHING)
    found = _reconciliation(key, paid, total, [_detail(("payment", "Payment"), each, paid) for each in invoices])
    if insured:
        found["paymentIssuer"] = recipient
    yield found
    if not insured:
        yield _notice(key, paid, total)


def _write_off(day: date, invoice: Json) -> Json:
    key = invoice["id"].removeprefix("invoice-")
    found = _reconciliation(key, day, _NOTHING, [_detail(("adjustment", "Adjustment"), invoice, day)])
    return {**found, "disposition": "Written off after two reminders: not collectible."}


def _reconciliation(key: str, day: date, paid: Decimal, detail: list[Json]) -> Json:
    return {
        "resourceType": "PaymentReconciliation",
        "id": f"payment-{key}",
        "identifier": [identifier(SITE + "/payment", f"PAY-{key.upper()}")],
        "status": "active",
        "created": at(day, 600).isoformat(),
        "outcome": "complete",
        "paymentDate": day.isoformat(),
        "paymentAmount": money(paid),
        "detail": detail,
    }


def _detail(kind: Code, invoice: Json, day: date) -> Json:
    return {
        "type": hl7("payment-type", *kind),
        "request": reference(f"Invoice/{invoice['id']}"),
        "payee": reference(HOSPITAL, NAME),
        "date": day.isoformat(),
        "amount": invoice["totalGross"],
    }


def _notice(key: str, paid: date, total: Decimal) -> Json:
    hospital = reference(HOSPITAL, NAME)
    return {
        "resourceType": "PaymentNotice",
        "id": f"payment-notice-{key}",
        "status": "active",
        "request": reference(f"Invoice/invoice-{key}"),
        "created": at(paid, 605).isoformat(),
        "provider": hospital,
        "payment": reference(f"PaymentReconciliation/payment-{key}"),
        "paymentDate": paid.isoformat(),
        "payee": hospital,
        "recipient": hospital,
        "amount": money(total),
        "paymentStatus": hl7("paymentstatus", "paid", "Paid"),
    }
