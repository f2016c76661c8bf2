"""The primitive types of R4: which values they take, as `pydantic_core` schemas, and how to say so to a person.

Rule: the exact lexical forms of https://hl7.org/fhir/R4/datatypes.html#primitive stand here and nowhere else.
The patterns run on Rust's engine: `$` is the end of the text; classes are spelled out, its short ones are Unicode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator, core_schema

MAXIMUM_LENGTH = 1024 * 1024
"""Characters in a string (https://hl7.org/fhir/R4/datatypes.html#string)."""

NOT_IN_TEXT = r"\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}"
"""Inside of a character class: what FHIR forbids in strings, and what XML 1.0 cannot carry."""

_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DAY = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_MONTH_OR_YEAR = f"{_YEAR}(?:-(?:0[1-9]|1[0-2]))?"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_OFFSET = "(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_URI = r"^[^\x00-\x20\x{fffe}\x{ffff}]+$"
_BASE64 = "[A-Za-z0-9+/][ \t\r\n]*"


@dataclass(frozen=True, slots=True)
class Primitive:
    """A primitive type: `schema` accepts exactly its values, `kind` is their JSON type (string, number, boolean),
    `words` complete the sentence "must be …"."""

    schema: CoreSchema
    kind: str
    words: str


def _decimal(value: Any) -> Any:
    """An `int` or a finite `Decimal`. A `float` is refused: it has lost the digits that FHIR wants kept."""
    if type(value) is int or (isinstance(value, Decimal) and value.is_finite()):
        return value
    raise PydanticCustomError("decimal", "not a decimal")


def _text(pattern: str, words: str, *, max_length: int | None = None) -> Primitive:
    return Primitive(core_schema.str_schema(strict=True, pattern=pattern, max_length=max_length), "string", words)


def _whole(lowest: int) -> Primitive:
    highest = 2**31 - 1
    schema = core_schema.int_schema(strict=True, ge=lowest, le=highest)
    return Primitive(schema, "number", f"a whole number from {lowest} to {highest}")


_STRING = _text(f"^[^{NOT_IN_TEXT}]+$", "text of 1 to 1,048,576 characters", max_length=MAXIMUM_LENGTH)

PRIMITIVES: Mapping[str, Primitive] = MappingProxyType(
    {
        "base64Binary": _text(
            f"^[ \t\r\n]*(?:(?:{_BASE64}){{4}})*(?:(?:{_BASE64}){{2}}=[ \t\r\n]*=|(?:{_BASE64}){{3}}=)?[ \t\r\n]*$",
            "base64 with its padding (RFC 4648), such as SGVsbG8=",
        ),
        "boolean": Primitive(core_schema.bool_schema(strict=True), "boolean", "true or false"),
        "canonical": _text(_URI, "a canonical URL without spaces, such as http://example.org/fhir/ValueSet/x|1.0"),
        "code": _text(
            r"^[^\x00-\x20\x{fffe}\x{ffff}]+(?: [^\x00-\x20\x{fffe}\x{ffff}]+)*$",
            "a code without spaces at its ends and without double spaces",
        ),
        "date": _text(f"^(?:{_DAY}|{_MONTH_OR_YEAR})$", "a date such as 2024-05-17, 2024-05 or 2024"),
        "dateTime": _text(
            f"^(?:{_DAY}(?:T{_TIME}{_OFFSET})?|{_MONTH_OR_YEAR})$",
            "a date such as 2024-05-17, 2024-05 or 2024, or a time with seconds and offset such as "
            "2024-05-17T14:30:00+02:00",
        ),
        "decimal": Primitive(core_schema.no_info_plain_validator_function(_decimal), "number", "a number such as 1.50"),
        "id": _text(r"^[A-Za-z0-9\-.]{1,64}$", "1 to 64 letters, digits, hyphens or dots"),
        "instant": _text(
            f"^{_DAY}T{_TIME}{_OFFSET}$",
            "a time with seconds and offset, such as 2024-05-17T14:30:00.000Z or 2024-05-17T14:30:00+02:00",
        ),
        "integer": _whole(-(2**31)),
        "markdown": _STRING,
        "oid": _text(r"^urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+$", "an OID such as urn:oid:1.2.3.4.5"),
        "positiveInt": _whole(1),
        "string": _STRING,
        "time": _text(f"^{_TIME}$", "a time of day with seconds, such as 14:30:00"),
        "unsignedInt": _whole(0),
        "uri": _text(_URI, "a URI without spaces"),
        "url": _text(_URI, "a URL without spaces"),
        "uuid": _text(
            "^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
            "a UUID such as urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
        ),
        "xhtml": Primitive(core_schema.str_schema(strict=True, min_length=1), "string", "XHTML in a <div>"),
    }
)
"""Every primitive type by its name."""

_VALIDATORS = {name: SchemaValidator(primitive.schema) for name, primitive in PRIMITIVES.items()}


def accepts(type_: str, value: Any) -> bool:
    """Whether `value` is a JSON value of the primitive `type_` in its exact lexical form."""
    return _VALIDATORS[type_].isinstance_python(value)
