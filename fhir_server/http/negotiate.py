"""Which representation the client gets: from `Accept` and `_format` to a `Format`.

Rule: the client's weights decide (RFC 9110 §12.5.1); where they leave it open, JSON. Each distinct value is worked out
once and remembered. `_format` goes before `Accept` (https://hl7.org/fhir/R4/http.html#mime-type).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from fhir_server.interactions.address import shown
from resources.outcome import NotAcceptable, UnsupportedMediaType

FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"
JSON_PATCH = "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"
FHIR_VERSIONS = ("4.0", "4.0.1")


@dataclass(frozen=True, slots=True)
class Format:
    """What FHIR's text is written in: `name` is `FHIR_JSON` or `FHIR_XML`, `content_type` the header's value.

    A client that asked for a generic type by name, such as application/json, is answered with it, as the specification
    wishes.
    """

    name: str
    content_type: bytes


def _format(name: str, media_type: str) -> Format:
    return Format(name, f"{media_type}; charset=utf-8".encode())


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        FHIR_JSON: _format(FHIR_JSON, FHIR_JSON),
        "application/json": _format(FHIR_JSON, "application/json"),
        "text/json": _format(FHIR_JSON, "text/json"),
        "application/json+fhir": _format(FHIR_JSON, FHIR_JSON),
        FHIR_XML: _format(FHIR_XML, FHIR_XML),
        "application/xml": _format(FHIR_XML, "application/xml"),
        "text/xml": _format(FHIR_XML, "text/xml"),
        "application/xml+fhir": _format(FHIR_XML, FHIR_XML),
    }
)
"""What a client may call the two formats, the preferred name first; DSTU2's old names are understood."""

DEFAULT = FORMATS[FHIR_JSON]
_SHORT = MappingProxyType({"json": DEFAULT, "xml": FORMATS[FHIR_XML]})
_BROWSER = "text/html"


@dataclass(frozen=True, slots=True)
class Representation:
    """How an answer is written: in which format, indented for people or not, compressed or not."""

    format: Format
    pretty: bool = False
    gzip: bool = False


@dataclass(frozen=True, slots=True)
class MediaType:
    """`type/subtype` in lower case and its parameters, names in lower case, without quotes."""

    name: str
    parameters: Mapping[str, str]


@lru_cache(maxsize=256)
def media_type(text: str) -> MediaType:
    """One media type or range with its parameters (RFC 9110 §8.3.1); what is malformed matches nothing later on."""
    name, *rest = text.split(";")
    parameters = {}
    for part in rest:
        key, _, value = part.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"')
    return MediaType(name.strip().lower(), MappingProxyType(parameters))


@lru_cache(maxsize=256)
def from_accept(accept: str) -> Format:
    """The format for an Accept header (empty when the client sent none). Raises NotAcceptable.

    A browser, known by text/html, is given JSON although it ranks XML above `*/*`: it asks for XML pages, not FHIR.
    """
    if not accept.strip():
        return DEFAULT
    ranges = [media_type(part) for part in accept.split(",")]
    names = {each.name for each in ranges}
    if _BROWSER in names and not names & {FHIR_JSON, FHIR_XML}:
        return DEFAULT
    best, best_rank = None, (0.0, 0)
    for name, format_ in FORMATS.items():
        rank = _rank(name, ranges)
        if rank > best_rank:
            best, best_rank = format_, rank
    if best is None:
        raise NotAcceptable(f"Nothing in 'Accept: {shown(accept)}' can be given; {_what_there_is()}")
    return best


def from_parameter(value: str) -> Format:
    """The format for `_format`: json, xml or a media type, whose `+` may have become a space. Raises NotAcceptable."""
    asked = media_type(value.strip().replace(" ", "+"))
    found = _SHORT.get(asked.name) or FORMATS.get(asked.name)
    if found is None or not _version_fits(asked):
        raise NotAcceptable(f"_format={shown(value)} cannot be given; {_what_there_is()}")
    return found


def _what_there_is() -> str:
    return f"there are {FHIR_JSON} and {FHIR_XML}, both for FHIR version 4.0."


def _rank(name: str, ranges: list[MediaType]) -> tuple[float, int]:
    """(weight, minus place in the header) by the most specific range that covers `name`; weight 0: not acceptable."""
    family = name.partition("/")[0] + "/*"
    best_specificity, rank = -1, (0.0, 0)
    for place, each in enumerate(ranges):
        if each.name not in (name, family, "*/*") or not _version_fits(each):
            continue
        specificity = 2 if each.name == name else int(each.name == family)
        if specificity > best_specificity:
            best_specificity, rank = specificity, (_weight(each), -place)
    return rank


def _weight(each: MediaType) -> float:
    try:
        weight = float(each.parameters.get("q", "1"))
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def _version_fits(each: MediaType) -> bool:
    """https://hl7.org/fhir/R4/http.html#version-parameter."""
    return each.parameters.get("fhirversion", FHIR_VERSIONS[0]) in FHIR_VERSIONS


def binary_types(accept: str) -> str | None:
    """For a read of a Binary: the Accept value when the content itself is wanted, None when the resource is.

    See https://hl7.org/fhir/R4/binary.html#rest: only the FHIR types by name ask for the resource, where no other type
    or range is given more weight.
    """
    weights = {(each := media_type(part)).name: _weight(each) for part in accept.split(",")}
    resource = max(weights.get(FHIR_JSON, 0.0), weights.get(FHIR_XML, 0.0))
    content = max((weight for name, weight in weights.items() if name not in (FHIR_JSON, FHIR_XML)), default=0.0)
    return None if resource and resource >= content else accept or "*/*"


@lru_cache(maxsize=256)
def body_type(header: str) -> str:
    """The kind of a body by its Content-Type: `FHIR_JSON`, `FHIR_XML`, `JSON_PATCH`, `FORM`, or the type as given.

    Raises UnsupportedMediaType for another charset than UTF-8 or another FHIR version.
    """
    found = media_type(header)
    kind = FORMATS[found.name].name if found.name in FORMATS else found.name
    if kind not in (FHIR_JSON, FHIR_XML, JSON_PATCH, FORM):
        return kind
    if found.parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(f"The charset must be utf-8; found '{shown(header)}'.")
    if not _version_fits(found):
        raise UnsupportedMediaType(f"This server speaks FHIR version 4.0; found '{shown(header)}'.")
    return kind


@lru_cache(maxsize=256)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether gzip is acceptable by Accept-Encoding (RFC 9110 §12.5.3)."""
    weights = {each.name: _weight(each) for each in _codings(accept_encoding)}
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _codings(header: str) -> Iterator[MediaType]:
    return (media_type(part) for part in header.split(","))
