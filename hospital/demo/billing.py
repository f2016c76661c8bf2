"""ChargeItems, Invoices and payments.

Rule: amounts are `Decimal` with two digits; a line is rounded once, half up, and totals are sums of lines, so that net
plus tax is gross to the cent. Care is free of tax, goods and certificates are not. See https://hl7.org/fhir/R4/invoice.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from fhir.resources.R4B.invoice import Invoice

from hospital.demo.diary import Plan, Visit
from hospital.demo.models import built
from hospital.demo.narrative import narrative
from hospital.demo.orders import Orders
from hospital.demo.patients import subject
from hospital.demo.structure import HOSPITAL, NAME, payer_name
from hospital.demo.tables import CHARGES, IMAGINGS, PANELS, PROCEDURES, Charge
from hospital.demo.values import (
    CHARGEMASTER,
    SITE,
    Json,
    at,
    coding,
    concept,
    hl7,
    identifier,
    money,
    reference,
)
from hospital.demo.visits import open_stay

TAX = Decimal("0.056")
DISCOUNT = Decimal("0.10")
"""What those who pay themselves are let off."""
_CENT = Decimal("0.01")
_GOODS = {"splint": "GDS-SPLINT", "dressing": "GDS-DRESSING", "walker": "GDS-WALKER", "certificate": "DOC-CERT"}


@dataclass(frozen=True, slots=True)
class Line:
    """A charge of the chargemaster, `count` times."""

    charge: Charge
    count: int
    discounted: bool

    @property
    def base(self) -> Decimal:
        """The price of the chargemaster, times the count."""
        return self.charge.price * self.count

    @property
    def discount(self) -> Decimal:
        """What is let off: zero or negative."""
        return -_cents(self.base * DISCOUNT) if self.discounted else Decimal("0.00")

    @property
    def net(self) -> Decimal:
        """What is left before tax."""
        return self.base + self.discount

    @property
    def tax(self) -> Decimal:
        """The tax on the net amount."""
        return _cents(self.net * TAX) if self.charge.taxed else Decimal("0.00")


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal("0.00"))


def resources(plan: Plan, visit: Visit, ordered: Orders) -> Iterator[Json]:
    """What the visit cost; nothing while the patient is here, before the bill is made, or if nothing is charged."""
    if not visit.happened or open_stay(plan, visit):
        return
    counts = _charges(visit, ordered)
    lines = [Line(CHARGES[code], count, not visit.person.payer) for code, count in counts.items()]
    rng = Random(f"{plan.seed}/{visit.key}/billing")
    issued = visit.end.date() + timedelta(days=rng.randrange(1, 4))
    if not lines or issued >= plan.today:
        return
    for number, line in enumerate(lines, 1):
        yield _charge_item(visit, number, line)
    chance, paid = rng.random(), paid_on(plan, visit.key, issued, insured=bool(visit.person.payer))
    state = "cancelled" if chance < 0.02 else "balanced" if chance < 0.96 and paid < plan.today else "issued"
    yield _invoice(visit, lines, issued, state)


def _charges(visit: Visit, ordered: Orders) -> dict[str, int]:
    """Codes of the chargemaster and how often."""
    wish = visit.wish
    counts: dict[str, int] = {}
    if wish.setting == "inpatient":
        counts["ROOM-WARD"] = wish.nights
    elif wish.setting == "emergency":
        counts["VIS-ED"] = 1
    elif wish.kind in ("wellness", "prenatal"):
        counts["VIS-WELL" if wish.kind == "wellness" else "VIS-PRENATAL"] = 1
    elif wish.kind != "flu":
        counts["VIS-CLINIC" if wish.department in ("fam", "ped") else "VIS-SPEC"] = 1
    for code in (
        *(PANELS[key].charge for key in ordered.panels),
        *(IMAGINGS[key].charge for key in ordered.imaging),
        *(PROCEDURES[key].charge for key in ordered.procedures),
        *(_GOODS[key] for key in ordered.goods if key != "private"),
    ):
        counts[code] = 1
    if ordered.vaccines:
        counts["IMM-ADMIN"] = len(ordered.vaccines)
    if "private" in ordered.goods:
        counts["ROOM-PRIVATE"] = wish.nights
    return counts


def _charge_item(visit: Visit, number: int, line: Line) -> Json:
    return {
        "resourceType": "ChargeItem",
        "id": f"charge-{visit.key}-{number}",
        "status": "billed",
        "code": concept(coding(CHARGEMASTER, (line.charge.code, line.charge.text))),
        "subject": subject(visit.person),
        "context": reference(f"Encounter/encounter-{visit.key}"),
        "occurrenceDateTime": visit.start.isoformat(),
        "performer": [{"actor": reference(f"Practitioner/{visit.clinician.id}", visit.clinician.name)}],
        "performingOrganization": reference(f"Organization/dept-{visit.wish.department}"),
        "quantity": {"value": line.count},
        "enteredDate": visit.end.isoformat(),
        "account": [reference(f"Account/account-{visit.person.number:04d}")],
    }


def _component(kind: str, amount: Decimal, text: str = "", factor: Decimal | None = None) -> Json:
    found: Json = {"type": kind, "amount": money(amount)}
    if text:
        found["code"] = {"text": text}
    return {**found, "factor": factor} if factor is not None else found


def _components(base: Decimal, discount: Decimal, tax: Decimal, *, count: int = 1, rates: bool) -> list[Json]:
    found = [_component("base", base, factor=Decimal(count) if count > 1 else None)]
    if discount:
        found.append(_component("discount", discount, "Self-payer discount", DISCOUNT if rates else None))
    if tax:
        found.append(_component("tax", tax, "Sales tax", TAX if rates else None))
    return found


def _invoice(visit: Visit, lines: list[Line], issued: date, state: str) -> Json:
    person = visit.person
    totals = [_sum(amounts) for amounts in zip(*((each.base, each.discount, each.tax) for each in lines), strict=True)]
    net, tax = totals[0] + totals[1], totals[2]
    number = f"INV-{issued.year}-{person.number:04d}{visit.number:03d}"
    recipient = reference(f"Organization/{person.payer}", payer_name(person.payer)) if person.payer else subject(person)
    rows = [
        ("Patient", person.name),
        ("Bill to", recipient["display"]),
        ("Date", issued.isoformat()),
        *((f"{each.count} × {each.charge.text}", f"{each.net:,.2f} USD") for each in lines),
        ("Net", f"{net:,.2f} USD"),
        ("Tax", f"{tax:,.2f} USD"),
        ("Gross", f"{net + tax:,.2f} USD"),
        ("Status", state),
    ]
    elements: Json = {
        "id": f"invoice-{visit.key}",
        "text": narrative(f"Invoice {number}", rows),
        "identifier": [identifier(SITE + "/invoice", number)],
        "status": state,
        "type": {"text": "Patient care"},
        "subject": subject(person),
        "recipient": recipient,
        "date": at(issued, 540).isoformat(),
        "participant": [
            {
                "role": {"text": "Attending physician"},
                "actor": reference(f"Practitioner/{visit.clinician.id}", visit.clinician.name),
            }
        ],
        "issuer": reference(HOSPITAL, NAME),
        "account": reference(f"Account/account-{person.number:04d}"),
        "lineItem": [
            {
                "sequence": place,
                "chargeItemReference": reference(f"ChargeItem/charge-{visit.key}-{place}", each.charge.text),
                "priceComponent": _components(each.base, each.discount, each.tax, count=each.count, rates=True),
            }
            for place, each in enumerate(lines, 1)
        ],
        "totalPriceComponent": _components(*totals, rates=False),
        "totalNet": money(net),
        "totalGross": money(net + tax),
        "paymentTerms": "Payable within 30 days.",
    }
    if state == "cancelled":
        elements["cancelledReason"] = "Issued to the wrong insurer; see the new invoice."
    return built(Invoice, elements)


def payments(plan: Plan, invoices: list[Json]) -> Iterator[Json]:
    """PaymentReconciliations and PaymentNotices for the paid ones among the `invoices`.

    Insurers pay once a month for everything that they owe; those who pay themselves do so one by one, with a notice.
    """
    due: dict[tuple[date, str], list[Json]] = {}
    for invoice in invoices:
        if invoice["status"] == "balanced":
            recipient = invoice["recipient"]["reference"]
            own = recipient.startswith("Patient/")
            paid = paid_on(plan, invoice["id"].removeprefix("invoice-"), _day(invoice), insured=not own)
            due.setdefault((paid, invoice["id"] if own else recipient), []).append(invoice)
    for (paid, _), paying in sorted(due.items(), key=lambda each: each[0]):
        yield from _payment(paid, paying)


def _day(invoice: Json) -> date:
    return date.fromisoformat(invoice["date"][:10])


def paid_on(plan: Plan, key: str, issued: date, *, insured: bool) -> date:
    """The day on which an invoice is or will be paid; insurers pay on the first of a month."""
    day = issued + timedelta(days=Random(f"{plan.seed}/{key}/paid").randrange(6, 45))
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1) if insured else day


def _payment(paid: date, invoices: list[Json]) -> Iterator[Json]:
    recipient = invoices[0]["recipient"]
    own = recipient["reference"].startswith("Patient/")
    key = invoices[0]["id"].removeprefix("invoice-") if own else f"{recipient['reference'][19:]}-{paid:%Y-%m}"
    total = _sum(each["totalGross"]["value"] for each in invoices)
    found: Json = {
        "resourceType": "PaymentReconciliation",
        "id": f"payment-{key}",
        "identifier": [identifier(SITE + "/payment", f"PAY-{key.upper()}")],
        "status": "active",
        "created": at(paid, 600).isoformat(),
        "outcome": "complete",
        "paymentDate": paid.isoformat(),
        "paymentAmount": money(total),
        "detail": [
            {
                "type": hl7("payment-type", "payment", "Payment"),
                "request": reference(f"Invoice/{each['id']}"),
                "payee": reference(HOSPITAL, NAME),
                "date": paid.isoformat(),
                "amount": each["totalGross"],
            }
            for each in invoices
        ],
    }
    if not own:
        found["paymentIssuer"] = recipient
    yield found
    if own:
        yield _notice(key, paid, total)


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
