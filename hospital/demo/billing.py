"""ChargeItems and Invoices.

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

from hospital.demo.diary import Visit
from hospital.demo.models import built
from hospital.demo.narrative import narrative
from hospital.demo.orders import Orders
from hospital.demo.patients import answerable, subject
from hospital.demo.payments import reminder, settlement
from hospital.demo.planning import Plan
from hospital.demo.structure import HOSPITAL, NAME, payer_name
from hospital.demo.tables import CHARGES, IMAGINGS, PANELS, PROCEDURES, Charge, Code
from hospital.demo.values import (
    CHARGEMASTER,
    SITE,
    Json,
    at,
    coding,
    concept,
    identifier,
    money,
    reference,
)
from hospital.demo.visits import open_stay

TAX = Decimal("0.056")
DISCOUNT = Decimal("0.10")
"""What those who pay themselves are let off."""
_CENT = Decimal("0.01")
_TYPES: dict[str, Code] = {
    "clinic": ("outpatient", "Outpatient care"),
    "emergency": ("emergency", "Emergency care"),
    "inpatient": ("inpatient", "Inpatient care"),
}
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
    """What the visit cost, and the reminders of it; nothing while the patient is here or before the bill is made.

    Follow-ups are free: they belong to the treatment before.
    """
    if not visit.happened or open_stay(plan, visit) or visit.wish.kind == "followup":
        return
    counts = _charges(visit, ordered)
    lines = [Line(CHARGES[code], count, not visit.person.payer) for code, count in counts.items()]
    rng = Random(f"{plan.seed}/{visit.key}/billing")
    issued = visit.end.date() + timedelta(days=rng.randrange(1, 4))
    if not lines or issued >= plan.today:
        return
    for number, line in enumerate(lines, 1):
        yield _charge_item(visit, number, line)
    end = settlement(plan, visit.key, issued, insured=bool(visit.person.payer))
    state = "cancelled" if rng.random() < 0.02 else "balanced" if end.day < plan.today else "issued"
    reminded = [day for day in end.reminders if day < plan.today] if state != "cancelled" else []
    invoice = _invoice(visit, lines, issued, state)
    notes = [f"Reminder {number} sent on {day}." for number, day in enumerate(reminded, 1)]
    if end.written_off and state == "balanced":
        notes.append(f"Written off on {end.day}: not collectible.")
    if notes:
        invoice["note"] = [{"text": note} for note in notes]
    yield invoice
    for number, day in enumerate(reminded, 1):
        yield reminder(invoice, number, day)


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


def _line_item(visit: Visit, place: int, line: Line) -> Json:
    return {
        "sequence": place,
        "chargeItemReference": reference(f"ChargeItem/charge-{visit.key}-{place}", line.charge.text),
        "priceComponent": _components(line.base, line.discount, line.tax, count=line.count, rates=True),
    }


def _amounts(lines: list[Line], net: Decimal, tax: Decimal) -> list[tuple[str, str]]:
    """The rows of the narrative about money."""
    amounts = [(f"{each.count} × {each.charge.text}", each.net) for each in lines]
    amounts += [("Net", net), ("Tax", tax), ("Gross", net + tax)]
    return [(name, f"{amount:,.2f} USD") for name, amount in amounts]


def _invoice(visit: Visit, lines: list[Line], issued: date, state: str) -> Json:
    person = visit.person
    totals = [_sum(amounts) for amounts in zip(*((each.base, each.discount, each.tax) for each in lines), strict=True)]
    net, tax = totals[0] + totals[1], totals[2]
    number = f"INV-{issued.year}-{person.number:04d}{visit.number:03d}"
    recipient = answerable(person, issued)
    if person.payer:
        recipient = reference(f"Organization/{person.payer}", payer_name(person.payer))
    rows = [
        ("Patient", person.name),
        ("Bill to", recipient["display"]),
        ("Date", issued.isoformat()),
        *_amounts(lines, net, tax),
        ("Status", state),
    ]
    elements: Json = {
        "id": f"invoice-{visit.key}",
        "text": narrative(f"Invoice {number}", rows),
        "identifier": [identifier(SITE + "/invoice", number)],
        "status": state,
        "type": concept(coding(SITE + "/invoice-type", _TYPES[visit.wish.setting])),
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
        "lineItem": [_line_item(visit, place, each) for place, each in enumerate(lines, 1)],
        "totalPriceComponent": _components(*totals, rates=False),
        "totalNet": money(net),
        "totalGross": money(net + tax),
        "paymentTerms": "Payable within 30 days.",
    }
    if state == "cancelled":
        elements["cancelledReason"] = "Withdrawn: the visit was coded incorrectly."
    return built(Invoice, elements)
