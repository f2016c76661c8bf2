"""Which representation each Accept and _format gets."""

import pytest

from fhir_server.http import negotiate
from fhir_server.http.negotiate import FHIR_JSON, FHIR_XML, FORM, JSON_PATCH
from resources.outcome import NotAcceptable, UnsupportedMediaType

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "application/fhir+json"),
        ("*/*", "application/fhir+json"),
        ("application/*", "application/fhir+json"),
        ("application/fhir+json", "application/fhir+json"),
        ("Application/FHIR+JSON", "application/fhir+json"),
        ("application/json", "application/json"),
        ("text/json", "text/json"),
        ("text/*", "text/json"),
        ("application/fhir+xml", "application/fhir+xml"),
        ("application/xml", "application/xml"),
        ("text/xml", "text/xml"),
        ("application/json+fhir", "application/fhir+json"),
        ("application/fhir+json;q=0.2, application/fhir+xml;q=0.9", "application/fhir+xml"),
        ("application/fhir+xml, application/fhir+json", "application/fhir+xml"),
        ("application/fhir+xml;q=0.5, */*", "application/fhir+json"),
        ("application/fhir+json;q=0, */*;q=0.1", "application/json"),
        ("image/png, application/fhir+xml;q=0.1", "application/fhir+xml"),
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json"),
        ('application/fhir+xml; fhirVersion="4.0"', "application/fhir+xml"),
        ("application/fhir+json;fhirVersion=3.0, application/fhir+xml;q=0.1", "application/fhir+xml"),
        (CHROME, "application/fhir+json"),
        (CHROME + ",application/fhir+xml", "application/fhir+xml"),
        ("application/json, text/plain, */*", "application/json"),
    ],
)
def test_accept(accept: str, content_type: str) -> None:
    assert negotiate.from_accept(accept).content_type == f"{content_type}; charset=utf-8".encode()


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "application/fhir+json;q=0",
        "application/fhir+json; fhirVersion=3.0",
        "application/fhir+turtle",
        "nonsense",
        "application/fhir+json;q=high",
        "application/fhir+json;q=7",
        "application/fhir+json;q=nan",
    ],
)
def test_what_cannot_be_given_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable, match=r"application/fhir\+json"):
        negotiate.from_accept(accept)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("json", FHIR_JSON),
        ("xml", FHIR_XML),
        ("application/fhir+json", FHIR_JSON),
        ("application/fhir json", FHIR_JSON),
        ("application/fhir xml", FHIR_XML),
        ("text/xml", FHIR_XML),
        ("application/fhir+json; fhirVersion=4.0", FHIR_JSON),
    ],
)
def test_format_parameter(value: str, name: str) -> None:
    assert negotiate.from_parameter(value).name == name


@pytest.mark.parametrize("value", ["", "html", "ttl", "application/fhir+json;fhirVersion=5.0", "json\r\nX: y"])
def test_format_parameter_that_cannot_be_given(value: str) -> None:
    with pytest.raises(NotAcceptable):
        negotiate.from_parameter(value)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("application/fhir+json", FHIR_JSON),
        ("application/json; charset=UTF-8", FHIR_JSON),
        ('text/xml;charset="utf-8"', FHIR_XML),
        ("application/json-patch+json", JSON_PATCH),
        ("application/x-www-form-urlencoded", FORM),
        ("image/png", "image/png"),
        ("text/plain; charset=latin-1", "text/plain"),
    ],
)
def test_kind_of_a_body(header: str, kind: str) -> None:
    assert negotiate.body_type(header) == kind


@pytest.mark.parametrize("header", ["application/fhir+json; charset=latin-1", "text/xml; fhirVersion=3.0"])
def test_body_in_another_charset_or_version(header: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        negotiate.body_type(header)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.8", True),
        ("*", True),
        ("gzip;q=0", False),
        ("*, gzip;q=0", False),
        ("identity", False),
        ("", False),
    ],
)
def test_gzip(header: str, expected: bool) -> None:
    assert negotiate.takes_gzip(header) is expected


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", "*/*"),
        ("application/pdf", "application/pdf"),
        ("application/json", "application/json"),
        ("application/fhir+json", None),
        ("image/png, application/fhir+xml;q=0.1", "image/png, application/fhir+xml;q=0.1"),
        ("image/png;q=0.1, application/fhir+xml", None),
    ],
)
def test_binary_comes_as_itself_unless_fhir_is_named(accept: str, wanted: str | None) -> None:
    assert negotiate.binary_types(accept) == wanted
