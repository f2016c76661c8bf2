"""The resources, packed into transaction Bundles.

Rule: PUT with fixed ids, so that loading twice changes nothing; a family (mother and children) is never divided, since
its members refer to each other; whatever else is referred to came earlier. See https://hl7.org/fhir/R4/bundle.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from hospital.demo import billing, findings, patients, payments, prescribing, structure, treatment, visits
from hospital.demo.orders import orders
from hospital.demo.people import Person
from hospital.demo.planning import Plan, plan
from hospital.demo.values import ZONE, Json

MOST = 400
"""Entries of a Bundle, unless one family alone has more."""


def this_day() -> date:
    """The date in the hospital."""
    return datetime.now(ZONE).date()


def pack(seed: int, count: int, today: date) -> Iterator[Json]:
    """The Bundles of the hospital with `count` patients at its opening, as of `today`."""
    planned = plan(seed, count, today)
    waiting: list[Json] = []
    for group in _groups(planned):
        if waiting and len(waiting) + len(group) > MOST:
            yield _bundle(waiting)
            waiting = []
        waiting += group
    yield _bundle(waiting)


def _groups(planned: Plan) -> Iterator[list[Json]]:
    """Resources that belong into one Bundle."""
    building = list(structure.resources(planned))
    for start in range(0, len(building), MOST):
        yield building[start : start + MOST]
    children: dict[int, list[Person]] = {}
    for person in planned.people:
        if person.mother:
            children.setdefault(person.mother.number, []).append(person)
    invoices: list[Json] = []
    for person in planned.people:
        if not person.mother:
            mine = children.get(person.number, [])
            group = list(_person(planned, person, mine))
            for child in mine:
                group += _person(planned, child, [])
            invoices += [each for each in group if each["resourceType"] == "Invoice"]
            yield group
    paid = list(payments.payments(planned, invoices))
    for start in range(0, len(paid), MOST):
        yield paid[start : start + MOST]


def _person(planned: Plan, person: Person, children: list[Person]) -> Iterator[Json]:
    yield from patients.resources(planned, person, children)
    recorded: set[str] = set()
    for visit in planned.visits[person.number]:
        ordered = orders(planned, visit)
        yield from visits.resources(planned, visit)
        yield from treatment.resources(planned, visit, ordered, recorded)
        if visit.happened:
            yield from findings.resources(planned, visit, ordered)
        yield from billing.resources(planned, visit, ordered)
    yield from prescribing.resources(planned, person)


def _bundle(resources: list[Json]) -> Json:
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
            for each in resources
        ],
    }
