"""Amounts in units that can be compared: UCUM codes → canonical units, in exact arithmetic.

Rule: syntax and table are UCUM's own, as the library ucumvert has them; a value is converted as a fraction and rounded
once, so that 5.4 g and 5400 mg are the same float. What is not proportional to its canonical unit (pH, dB) and what is
no UCUM code is not converted. See https://ucum.org/ucum and docs/decisions/0007-units.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache, partial
from math import inf, nextafter
from typing import Any

UCUM = "http://unitsofmeasure.org"
CURRENCY = "urn:iso:std:iso:4217"

LONGEST_CODE = 25
"""Characters of a UCUM code without the text of its annotations; UCUM's examples have at most 16. A longer one is not
converted: 25 take the parser up to 6 ms, and one Bundle may have thousands of units."""

_ANNOTATION = re.compile(r"\{[^{}]*\}")
_LARGE_EXPONENT = re.compile(r"(?<=[^./(\d])[+-]?\d{3}")
_AFFINE = {
    "Cel": (Fraction(1), Fraction("273.15")),
    "[degF]": (Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
    "[degRe]": (Fraction(5, 4), Fraction("273.15")),
}
"""Temperatures: kelvins of one degree, and of zero degrees; UCUM's table names only functions for them."""
_ALSO_BASE = frozenset({"mol"})
"""UCUM makes a mole a mere number, 6·10²³; then 4000 cells/uL would be less than 5 mmol/L."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How a value becomes one of `unit`, which is a UCUM code too: `(value * factor + offset) / divisor`."""

    unit: str = ""
    factor: int = 1
    offset: int = 0
    divisor: int = 1

    def of(self, value: Decimal | Fraction | int) -> float:
        """The value in `unit`, rounded once: equal amounts are equal floats. Too large ones are infinite."""
        numerator, denominator = value.as_integer_ratio()
        amount = numerator * self.factor + self.offset * denominator
        try:
            return amount / (denominator * self.divisor)
        except OverflowError:
            return inf if amount > 0 else -inf


AS_IT_IS = Scale()
"""Of values that are compared without conversion."""


def scale(code: str) -> Scale | None:
    """How values in the unit of a UCUM code are converted; None where the code is not understood or not proportional.

    `mg/dL` has the canonical unit `g.m-3`. Annotations mean nothing (`{score}` is `1`); arbitrary units (`[IU]`) are
    comparable only with themselves.
    """
    plain = _ANNOTATION.sub("{}", code)
    return None if len(plain) > LONGEST_CODE or _LARGE_EXPONENT.search(plain) else _scale_of(plain)


@lru_cache(maxsize=4096)  # a hospital's units are few
def _scale_of(code: str) -> Scale | None:
    affine = _AFFINE.get(code.removesuffix("{}"))
    if affine is not None:
        return _scale("K", *affine)
    measure = _table().measure(code)
    return None if measure is None else _scale(measure.unit, measure.factor, Fraction(0))


def _scale(unit: str, factor: Fraction, offset: Fraction) -> Scale:
    divisor = factor.denominator * offset.denominator
    return Scale(unit, int(factor * divisor), int(offset * divisor), divisor)


def bounds(amount: float, comparator: str | None) -> tuple[float, float]:
    """The first and the last amount that a Quantity may mean: `<` and the like leave one end open."""
    match comparator:
        case "<":
            return -inf, nextafter(amount, -inf)
        case "<=":
            return -inf, amount
        case ">=":
            return amount, inf
        case ">":
            return nextafter(amount, inf), inf
    return amount, amount


@dataclass(frozen=True, slots=True)
class _Measure:
    """A unit as a multiple of powers of base and arbitrary units."""

    factor: Fraction
    powers: Mapping[str, int] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """`g.m-3`; `1` where there is none."""
        powers = [f"{name}{power if power != 1 else ''}" for name, power in sorted(self.powers.items()) if power]
        return ".".join(powers) or "1"

    def times(self, other: _Measure, exponent: int = 1) -> _Measure:
        powers = dict(self.powers)
        for name, power in other.powers.items():
            powers[name] = powers.get(name, 0) + power * exponent
        return _Measure(self.factor * other.factor**exponent, powers)


_ONE = _Measure(Fraction(1))


class _NotProportionalError(Exception):
    """A unit that is a function of others: `[pH]`, `B[W]`."""


class _Table:
    """UCUM's units, and the parser of its codes."""

    def __init__(self) -> None:
        # A third of a second and 20 MB, spent by the first quantity that has a UCUM code.
        import ucumvert  # noqa: PLC0415
        from ucumvert import xml_util  # noqa: PLC0415

        self._parse: Callable[[str], Any] = partial(ucumvert.parse_ucum, parser=ucumvert.get_ucum_parser())
        self._refused: type[Exception] = ucumvert.InvalidUcumError
        self._bases = frozenset({*xml_util.get_base_units(), *_ALSO_BASE})
        self._definitions = {unit.code_cs: unit for unit in xml_util.get_units_with_full_definition()}
        self._prefixes = {
            prefix.attrib["Code"]: Fraction(prefix.find("{*}value").attrib["value"])
            for prefix in xml_util.root.findall("{*}prefix")
        }
        self._atoms: dict[str, _Measure] = {}

    def measure(self, code: str) -> _Measure | None:
        """What a code means; None where it is not UCUM's or not proportional."""
        try:
            return self._of(self._parse(code))
        except (self._refused, _NotProportionalError):
            return None

    def _of(self, node: Any) -> _Measure:
        """The meaning of a node of the parser's tree: its rules are named in the grammar of ucumvert."""
        if getattr(node, "type", None) == "ANNOTATION":
            return _ONE
        parts = node.children
        match node.data:
            case "term":
                left, operator, right = parts
                return self._of(left).times(self._of(right), 1 if operator == "." else -1)
            case "main_term" if len(parts) == 2:
                return _ONE.times(self._of(parts[1]), -1)
            case "annotatable":
                return _ONE.times(self._of(parts[0]), int(parts[1]))
            case "simple_unit":
                return self._simple([str(part) for part in parts])
        return self._of(parts[0])

    def _simple(self, parts: list[str]) -> _Measure:
        *prefixes, atom = parts
        if atom.isdecimal():
            return _Measure(Fraction(int(atom)))
        measure = self._atom(atom)
        return _Measure(measure.factor * self._prefixes[prefixes[0]], measure.powers) if prefixes else measure

    def _atom(self, code: str) -> _Measure:
        if code not in self._atoms:
            self._atoms[code] = self._defined(code)
        return self._atoms[code]

    def _defined(self, code: str) -> _Measure:
        if code in self._bases:
            return _Measure(Fraction(1), {code: 1})
        definition = self._definitions[code]
        if definition.is_special:
            raise _NotProportionalError(code)
        if definition.is_arbitrary and definition.defining_unit == "1":
            return _Measure(Fraction(1), {code: 1})
        measure = self._of(self._parse(definition.defining_unit))
        return _Measure(measure.factor * Fraction(definition.conversion_factor), measure.powers)


@cache
def _table() -> _Table:
    return _Table()
