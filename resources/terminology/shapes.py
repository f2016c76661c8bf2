"""What is read of a ValueSet and of a CodeSystem: decoded straight from FHIR JSON, everything else passed over.

Rule: a member that decides about membership of a code is here; texts are not, large CodeSystems are mostly that.
See https://hl7.org/fhir/R4/valueset-definitions.html and https://hl7.org/fhir/R4/codesystem-definitions.html.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

_PARTS = re.compile(r"[0-9]+|[a-z]+")


class Coding(msgspec.Struct, frozen=True):
    """Coding, as the value of a property."""

    code: str = ""
    system: str = ""


class Property(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """CodeSystem.concept.property."""

    code: str = ""
    value_code: str | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_decimal: msgspec.Raw | None = None
    value_date_time: str | None = None
    value_coding: Coding | None = None

    @property
    def text(self) -> str:
        """The value as a filter would write it; of a Coding, its code."""
        if self.value_coding is not None:
            return self.value_coding.code
        if self.value_boolean is not None:
            return "true" if self.value_boolean else "false"
        if self.value_decimal is not None:
            return bytes(self.value_decimal).decode()
        for value in (self.value_code, self.value_string, self.value_integer, self.value_date_time):
            if value is not None:
                return str(value)
        return ""


class Concept(msgspec.Struct, frozen=True, omit_defaults=True):
    """CodeSystem.concept, with the concepts that are nested in it."""

    code: str = ""
    property: tuple[Property, ...] = ()
    concept: tuple[Concept, ...] = ()


class Declared(msgspec.Struct, frozen=True, omit_defaults=True):
    """CodeSystem.property: a property that concepts may have."""

    code: str = ""
    uri: str = ""


class Canonical(msgspec.Struct, frozen=True, omit_defaults=True):
    """What tells a resource from others with the same url."""

    url: str = ""
    version: str = ""
    date: str = ""


class CodeSystem(Canonical, frozen=True, rename="camel", omit_defaults=True):
    """CodeSystem. `case_sensitive` None is not said."""

    content: str = ""
    case_sensitive: bool | None = None
    hierarchy_meaning: str = ""
    value_set: str = ""
    property: tuple[Declared, ...] = ()
    concept: tuple[Concept, ...] = ()


class Filter(msgspec.Struct, frozen=True):
    """ValueSet.compose.include.filter."""

    property: str = ""
    op: str = ""
    value: str = ""


class Listed(msgspec.Struct, frozen=True):
    """ValueSet.compose.include.concept."""

    code: str = ""


class Include(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """ValueSet.compose.include and exclude."""

    system: str = ""
    version: str = ""
    concept: tuple[Listed, ...] = ()
    filter: tuple[Filter, ...] = ()
    value_set: tuple[str | None, ...] = ()


class Compose(msgspec.Struct, frozen=True, omit_defaults=True):
    """ValueSet.compose."""

    include: tuple[Include, ...] = ()
    exclude: tuple[Include, ...] = ()


class Contained(msgspec.Struct, frozen=True, omit_defaults=True):
    """ValueSet.expansion.contains; without a code it only groups what it contains."""

    system: str = ""
    code: str = ""
    contains: tuple[Contained, ...] = ()


class Parameter(msgspec.Struct, frozen=True):
    """ValueSet.expansion.parameter."""

    name: str = ""


class Expansion(msgspec.Struct, frozen=True, omit_defaults=True):
    """ValueSet.expansion."""

    total: int | None = None
    offset: int = 0
    parameter: tuple[Parameter, ...] = ()
    contains: tuple[Contained, ...] = ()


class ValueSet(Canonical, frozen=True, omit_defaults=True):
    """ValueSet."""

    compose: Compose | None = None
    expansion: Expansion | None = None


T = TypeVar("T", ValueSet, CodeSystem)


def decode(text: bytes | msgspec.Raw, shape: type[T]) -> T:
    """The resource of a FHIR JSON text that was validated when it was stored."""
    return msgspec.json.decode(text, type=shape)


def version_order(version: str, date: str) -> tuple[Any, ...]:
    """A key by which later versions of one url are greater: by version as people count, then by date.

    `4.0.1` < `4.0.10` < `4.1.0-ballot` < `4.1.0`; no version is less than any.
    """
    parts = [(2, int(part), "") if part.isdigit() else (0, 0, part) for part in _PARTS.findall(version.lower())]
    return (bool(version), [*parts, (1, 0, "")], date)
