"""UCUM units made comparable, against values counted by hand and against pint as a second opinion."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import inf, nextafter
from pathlib import Path

import pytest
import ucumvert

from resources import quantities


def amount(value: str, code: str) -> tuple[float, str]:
    scale = quantities.scale(code)
    assert scale is not None
    return scale.of(Decimal(value)), scale.unit


@pytest.mark.parametrize(
    ("value", "code", "expected", "unit"),
    [
        ("1", "mg/dL", 10.0, "g.m-3"),
        ("1", "g/L", 1000.0, "g.m-3"),
        ("120", "mm[Hg]", 15_998_640.0, "g.m-1.s-2"),
        ("4.5", "10*3/uL", 4.5e12, "m-3"),
        ("4.5", "10*9/L", 4.5e12, "m-3"),
        ("1", "[in_i]", 0.0254, "m"),
        ("1", "[lb_av]", 453.59237, "g"),
        ("5.5", "mmol/L", 5.5, "m-3.mol"),
        ("42", "%", 0.42, "1"),
        ("42", "{score}", 42.0, "1"),
        ("42", "1", 42.0, "1"),
        ("60", "/min", 1.0, "s-1"),
        ("60", "{beats}/min", 1.0, "s-1"),
        ("60", "mL/min/{1.73_m2}", 1e-6, "m3.s-1"),
        ("1", "a", 31_557_600.0, "s"),
        ("1", "mo", 2_629_800.0, "s"),
        ("1", "d", 86_400.0, "s"),
        ("1", "kg/m2", 1000.0, "g.m-2"),
        ("1", "[Cal]", 4_184_000.0, "g.m2.s-2"),  # the one on food labels, a thousand of the other
        ("3", "m[IU]/L", 3.0, "[iU].m-3"),
        ("37", "Cel", 310.15, "K"),
        ("98.6", "[degF]", 310.15, "K"),
        ("-40", "[degF]", 233.15, "K"),
        ("0", "[degRe]", 273.15, "K"),
        ("1", "(mg/kg)/d", 1e-6 / 86_400, "s-1"),
        ("1", "100.m", 100.0, "m"),
    ],
)
def test_canonical_units(value: str, code: str, expected: float, unit: str) -> None:
    assert amount(value, code) == (expected, unit)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("5.4", "g"), ("5400", "mg")),
        (("5.4", "g"), ("0.0054", "kg")),
        (("0.1", "mg/dL"), ("1", "mg/L")),
        (("1", "[ft_i]"), ("12", "[in_i]")),
        (("1", "[ft_i]"), ("30.48", "cm")),
        (("1", "/s"), ("60", "/min")),
        (("7", "d"), ("1", "wk")),
        (("12", "mo"), ("1", "a")),
        (("98.6", "[degF]"), ("37.0", "Cel")),
        (("1", "U/L"), ("1", "umol/min/L")),
        (("1", "mg/dl"), ("1", "mg/dL")),
    ],
)
def test_equal_amounts_are_the_same_float(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert amount(*one) == amount(*other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[IU]/L", "[CFU]/L"),  # arbitrary units
        ("[IU]", "1"),
        ("mmol/L", "10*3/uL"),  # a mole is no number here
        ("g", "m"),
        ("Cel", "1"),
    ],
)
def test_what_cannot_be_compared(one: str, other: str) -> None:
    assert amount("1", one)[1] != amount("1", other)[1]


@pytest.mark.parametrize(
    "code",
    [
        "", " ", "mg dL", "IU", "Torr", "bogus", "mg/", "(m", "é", "$gt", ".*", "[pH]", "dB", "B[W]", "Cel/s", "mCel",
        "10*1000", "m-100", "10*999999999", "m." * 12 + "mm",
    ],
)  # fmt: skip
def test_what_is_not_converted(code: str) -> None:
    assert quantities.scale(code) is None


def test_the_text_of_an_annotation_may_be_long() -> None:
    assert amount("1", "g{" + "x" * 100 + "}") == amount("1", "g")


@pytest.mark.parametrize(("value", "expected"), [("1E1000", inf), ("-1E1000", -inf), ("1E-1000", 0.0)])
def test_too_large_and_too_small_values(value: str, expected: float) -> None:
    assert amount(value, "kg")[0] == expected


@pytest.mark.parametrize(
    ("comparator", "expected"),
    [
        (None, (5.0, 5.0)),
        ("<", (-inf, nextafter(5.0, -inf))),
        ("<=", (-inf, 5.0)),
        (">=", (5.0, inf)),
        (">", (nextafter(5.0, inf), inf)),
    ],
)
def test_bounds(comparator: str | None, expected: tuple[float, float]) -> None:
    assert quantities.bounds(5.0, comparator) == expected


OTHERWISE_IN_PINT = {"[LPF]", "{#}/[LPF]", "/[LPF]", "[in_i'H2O]"}
"""pint's own definitions: a low power field is 1 there and 100 for UCUM, water has 60 °F or 4 °C."""
NOT_PROPORTIONAL = {"dB", "[pH]", "Torr"}
"""Two are logarithms, and Torr is among UCUM's examples and not among its units."""


def test_pint_agrees_on_ucums_examples() -> None:
    registry = ucumvert.PintUcumRegistry(non_int_type=Fraction)
    table = Path(ucumvert.__file__).parent / "vendor" / "ucum_examples.tsv"
    codes = [line.split("\t")[1] for line in table.read_text().splitlines()[1:]]

    def factor(code: str) -> Fraction:
        unit = registry.from_ucum(code)
        if not hasattr(unit, "magnitude"):
            return Fraction(1)  # annotations alone
        zero, one = (registry.Quantity(size, unit.units).to_base_units() for size in (0, Fraction(unit.magnitude)))
        kilograms = dict(one.unit_items()).get("kilogram", 0)
        return Fraction(one.magnitude - zero.magnitude) * Fraction(1000) ** int(kilograms)

    refused = {code for code in codes if quantities.scale(code) is None}
    differing = set()
    for code in set(codes) - refused:
        scale = quantities.scale(code)
        assert scale is not None
        if abs(Fraction(scale.factor, scale.divisor) / factor(code) - 1) > Fraction(1, 100_000):
            differing.add(code)

    assert len(codes) > 800
    assert refused == NOT_PROPORTIONAL
    assert differing == OTHERWISE_IN_PINT
