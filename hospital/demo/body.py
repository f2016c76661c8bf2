"""The numbers that a body gives: growth, and levels that drift over the years around what is usual for the person.

Rule: a person's level of a test is a place between the ends of its range, from a stream of its own; the range is the
usual one, or that of an illness which the person has.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from random import Random

from hospital.demo.people import OPENED, Illness, Person
from hospital.demo.tables import TESTS

_GROWTH = (
    (0, 50.5, 3.4), (2, 58, 5.3), (4, 63, 6.7), (6, 67, 7.7), (12, 75.5, 9.6), (24, 87, 12.2), (36, 95.5, 14.2),
    (48, 102.5, 16.4), (72, 116, 20.8), (96, 128, 25.7), (120, 138.5, 32.5), (144, 149.5, 41), (168, 161, 51),
    (192, 168, 59), (216, 171, 63),
)  # fmt: skip
"""Months, length in cm, weight in kg."""
_FOLLOWS = {"diastolic": ("systolic", False), "glucose": ("hba1c", False), "egfr": ("creatinine", True)}
"""Tests that move with another one: the same way, or against it."""


def level(seed: int, person: Person, test: str, day: date, illnesses: tuple[Illness, ...]) -> Decimal:
    """The value of this test on this day, with the digits of the test; `illnesses` act beside the person's own."""
    leader, against = _FOLLOWS.get(test, (test, False))
    own = Random(f"{seed}/{person.id}/level/{leader}")
    place, drift = own.uniform(0.25, 0.75), own.uniform(-0.09, 0.09)
    noise = Random(f"{seed}/{person.id}/level/{leader}/{day}").triangular(-0.16, 0.16)
    place = min(max(place + drift * (day - OPENED).days / 365 + noise, 0.02), 0.98)
    low, high = TESTS[test].usual(person.sex)
    for illness in (*person.illnesses, *illnesses):
        if illness.onset <= day and (illness.active(day) or illness in illnesses):
            low, high = illness.problem.effects.get(test, (low, high))
    value = low + (high - low) * (1 - place if against else place)
    if test in ("systolic", "diastolic") and person.age(day) < 18:
        value *= 0.9
    if test in ("pulse", "respiration") and person.age(day) < 10:
        value *= 1.7 if person.age(day) < 2 else 1.3
    return rounded(value, TESTS[test].decimals)


def rounded(value: float, decimals: int) -> Decimal:
    """The value with this many digits after the point."""
    return Decimal(f"{value:.{decimals}f}")


def size(seed: int, person: Person, day: date) -> tuple[Decimal, Decimal]:
    """Height in cm and weight in kg on this day."""
    own = Random(f"{seed}/{person.id}/size")
    factor, adult_mass = own.triangular(0.93, 1.07), own.triangular(19.5, 36.5, 25.5)
    drift = own.uniform(-0.35, 0.4)
    months = person.months(day)
    noise = Random(f"{seed}/{person.id}/size/{day}").uniform(-0.012, 0.012)
    if months >= 216:
        height = (171.5 if person.sex == "male" else 162.0) * factor
        weight = (adult_mass + drift * (day - OPENED).days / 365) * (height / 100) ** 2 * (1 + noise)
        return rounded(height, 0), rounded(weight, 1)
    height, weight = _growth(months)
    return rounded(height * factor, 1 if months < 36 else 0), rounded(weight * factor**2 * (1 + noise), 1)


def _growth(months: int) -> tuple[float, float]:
    for (low, height, weight), (high, next_height, next_weight) in pairwise(_GROWTH):
        if months < high:
            part = (months - low) / (high - low)
            return height + (next_height - height) * part, weight + (next_weight - weight) * part
    return _GROWTH[-1][1:]
