"""Follow-ups: they fill the physicians' lists around today, fully in the next days and ever less over ten weeks.

Rule: a list is drawn from a stream of its own (physician and day), a follow-up shows once it was arranged, and only
the last two weeks of them are kept, since a few hundred patients cannot have filled the lists for years.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from random import Random

from hospital.demo.diary import STEP, Diary, Visit, clock, half_hours, status
from hospital.demo.people import ADULT, Person
from hospital.demo.staff import Clinician
from hospital.demo.tables import DEPARTMENTS, Problem, Reason
from hospital.demo.values import at
from hospital.demo.wishes import CHILD, Wish

KEPT = timedelta(days=14)
"""How long past follow-ups are told: who loads again within this time leaves none behind that is still booked."""
_LIST = (4, 8)
"""How many half hours of a session are given in the end."""
_LEAD = (1, 52, 10)
"""Days between arranging and coming: least, most, most common."""
Waiting = dict[int, tuple[Person, Problem | None]]
"""Who may come to a department in a week, by number, and what for."""


def followups(seed: int, diary: Diary, people: list[Person], today: date, horizon: timedelta) -> Iterator[Visit]:
    """The follow-ups of two weeks before `today` and of the `horizon` after it that are arranged by now.

    What the `diary` holds goes before. Weeks are drawn whole, so that the first one does not depend on where it is cut.
    """
    first, now = today - KEPT, clock(today)
    monday = first - timedelta(days=first.weekday())
    while monday < today + horizon:
        for visit in _week(seed, diary, people, monday, now):
            if visit.made < now and first <= visit.start.date() < today + horizon:
                yield visit
        monday += timedelta(weeks=1)


def _week(seed: int, diary: Diary, people: list[Person], monday: date, now: datetime) -> Iterator[Visit]:
    """Nobody comes to a department twice in a week, nor in two weeks running, nor to two on one day."""
    turn = monday.toordinal() // 7
    mine = [each for each in people if (each.number + turn) % 2 == 0 and _known(each, monday)]
    teams = {department: team for department, team in diary.staff.items() if DEPARTMENTS[department].reasons}
    waiting = {
        department: {
            each.number: (each, _problem(each, department, monday)) for each in mine if _fits(each, department, monday)
        }
        for department in teams
    }
    for offset in range(5):
        for department, team in teams.items():
            for clinician in team:
                yield from _session(seed, diary, clinician, monday + timedelta(days=offset), waiting[department], now)


def _known(person: Person, monday: date) -> bool:
    """Whether someone was a patient before the first of the week's visits was arranged, and lives in the week."""
    registered = person.registered < monday - timedelta(days=_LEAD[1])
    return registered and (person.death is None or person.death > monday + timedelta(weeks=1))


def _fits(person: Person, department: str, monday: date) -> bool:
    """Whether someone of this age and sex is seen there."""
    if department == "ped":
        return person.age(monday + timedelta(weeks=1)) < CHILD
    sex = {"obg": "female", "uro": "male"}.get(department, person.sex)
    return person.sex == sex and person.age(monday) >= ADULT


def _problem(person: Person, department: str, monday: date) -> Problem | None:
    """What the person is treated for in the department."""
    found = (each.problem for each in person.illnesses if each.problem.department == department and each.active(monday))
    return next(found, None)


def _session(
    seed: int, diary: Diary, clinician: Clinician, day: date, waiting: Waiting, now: datetime
) -> Iterator[Visit]:
    """The follow-ups of a physician's day; whoever gets one is `waiting` no longer."""
    rng = Random(f"{seed}/{clinician.id}/list/{day}")
    times = half_hours(clinician, day)
    free = [time for time in times if (clinician.id, time) not in diary.taken]
    wanted = max(rng.randint(*_LIST) - (len(times) - len(free)), 0) if times else 0
    possible = [each for each in waiting.values() if (each[0].number, day) not in diary.engaged]
    for start in sorted(rng.sample(free, min(wanted, len(possible), len(free)))):
        chosen = rng.choices(possible, [_weight(*each, clinician) for each in possible])[0]
        possible.remove(chosen)
        person, problem = chosen
        del waiting[person.number]
        diary.engaged.add((person.number, day))
        topic = problem or _reason(seed, person, clinician.department)
        made = at(day - timedelta(days=round(rng.triangular(*_LEAD))), rng.randrange(480, 1000))
        wish = Wish(day, person, "followup", clinician.department, topic=topic)
        end = start + timedelta(minutes=STEP)
        state = status(rng, wish.kind, start, now)
        yield Visit(wish, int(f"{day:%Y%m%d}"), clinician, start, end, state, made)


def _weight(person: Person, problem: Problem | None, clinician: Clinician) -> int:
    """Family physicians see their own patients, specialists those who are ill."""
    return 1 + 9 * (problem is not None) + 20 * (person.doctor is clinician)


def _reason(seed: int, person: Person, department: str) -> Reason:
    """For someone without a problem that the tables know: always the same one of the department's reasons."""
    return Random(f"{seed}/{person.id}/topic/{department}").choice(DEPARTMENTS[department].reasons)
