"""What is done at a visit: panels, X-rays, procedures, vaccines, goods, prescriptions.

Rule: decided here once; `findings`, `treatment` and `billing` write the same decisions down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from hospital.demo.diary import Visit
from hospital.demo.people import CAST, Illness, Person
from hospital.demo.planning import Plan
from hospital.demo.tables import DRUGS, Drug
from hospital.demo.visits import open_stay

_REPORTED = timedelta(hours=2)
"""When all results of a visit are there."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Keys of the tables for one visit."""

    panels: tuple[str, ...] = ()
    imaging: tuple[str, ...] = ()
    procedures: tuple[str, ...] = ()
    vaccines: tuple[str, ...] = ()
    goods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prescription:
    """A medicine prescribed at a visit for the illness at `place`; `prior` is the one that it renews."""

    visit: Visit
    place: int
    drug: Drug
    authored: datetime
    number: int
    prior: Prescription | None = None
    cancelled: bool = False

    @property
    def id(self) -> str:
        """The id of the MedicationRequest."""
        return f"medication-{self.visit.key}-{self.drug.key.replace('_', '-')}"

    @property
    def illness(self) -> Illness:
        """What it is for."""
        return self.visit.wish.illnesses[self.place]

    @property
    def runs_out(self) -> date:
        """The day after the last supply."""
        return self.authored.date() + timedelta(days=self.drug.days * (1 + self.drug.refills))


def orders(plan: Plan, visit: Visit) -> Orders:
    """What is done at this visit; nothing if it did not take place, and no results before the laboratory has them."""
    if not visit.happened or (open_stay(plan, visit) and not visit.wish.nights):
        return Orders()
    problems = [illness.problem for illness in visit.wish.illnesses]
    rng = Random(f"{plan.seed}/{visit.key}/orders")
    thorough = visit.wish.kind != "review" or rng.random() < 0.5 or visit.person.number in CAST
    reported = visit.start + _REPORTED <= plan.now
    panels = dict.fromkeys(panel for problem in problems for panel in problem.labs)
    if visit.wish.kind == "prenatal":
        panels["blood"] = None
    procedures = dict.fromkeys(problem.procedure for problem in problems if problem.procedure)
    if visit.wish.kind == "delivery":
        procedures["delivery"] = None
    goods = [problem.goods for problem in problems if problem.goods]
    if visit.wish.kind == "acute" and visit.wish.setting != "inpatient" and rng.random() < 0.2:
        goods.append("certificate")
    if visit.wish.nights and visit.wish.kind != "final" and rng.random() < 0.3:
        goods.append("private")
    return Orders(
        panels=tuple(panels) if thorough and reported else (),
        imaging=tuple(problem.imaging for problem in problems if problem.imaging and reported),
        procedures=tuple(procedures) if thorough else (),
        vaccines=visit.wish.vaccines,
        goods=tuple(goods),
    )


def prescriptions(plan: Plan, person: Person) -> list[Prescription]:
    """Everything that this person was prescribed, in order: started, added to at the third visit, renewed in time."""
    found: list[Prescription] = []
    current: dict[str, Prescription] = {}
    seen: dict[str, int] = {}
    for visit in plan.visits[person.number]:
        if not visit.happened or open_stay(plan, visit) or visit.wish.kind == "final":
            continue
        authored = visit.start + timedelta(minutes=15) if not visit.wish.nights else visit.end - timedelta(minutes=45)
        for place, illness in enumerate(visit.wish.illnesses):
            key = illness.problem.key
            seen[key] = seen.get(key, 0) + 1
            suitable = _suitable(person, illness, authored.date())
            wanted = suitable if illness.problem.chronic and seen[key] > 2 else suitable[:1]
            for drug in wanted:
                prior = current.get(drug.key)
                if prior and prior.runs_out > authored.date() + timedelta(days=30):
                    continue
                chance = Random(f"{plan.seed}/{visit.key}/{drug.key}").random()
                dropped = not illness.problem.chronic and chance < 0.05
                renews = prior if prior and prior.illness.problem.key == key else None
                new = Prescription(visit, place, drug, authored, len(found) + 1, renews, cancelled=dropped)
                found.append(new)
                if not dropped:
                    current[drug.key] = new
    return found


def _suitable(person: Person, illness: Illness, day: date) -> list[Drug]:
    """The medicines for this illness that age, allergies and other problems allow."""
    problems = {other.problem.key for other in person.illnesses if other.active(day)}
    return [
        drug
        for drug in (DRUGS[key] for key in illness.problem.drugs)
        if drug.min_age <= person.age(day) <= drug.max_age
        and drug.allergen not in person.allergies
        and problems.isdisjoint(drug.barred_by)
    ]


def status(plan: Plan, prescription: Prescription, renewed: set[str]) -> str:
    """The status of a MedicationRequest by today; `renewed` are the ids that others renew."""
    death, illness = prescription.visit.person.death, prescription.illness
    if prescription.cancelled:
        return "cancelled"
    if prescription.id in renewed or prescription.runs_out <= plan.today:
        return "completed"
    if (death and death < plan.today) or (illness.problem.chronic and not illness.active(plan.today)):
        return "stopped"
    return "active"
