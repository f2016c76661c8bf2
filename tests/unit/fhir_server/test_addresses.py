"""Addresses: what can be a service base URL, and what is this machine."""

import pytest

from fhir_server.addresses import is_loopback, origin, service_base


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://ehr.example/r4/", "https://ehr.example/r4"),
        ("http://127.0.0.1:8000/fhir", "http://127.0.0.1:8000/fhir"),
        ("http://[::1]:8000//", "http://[::1]:8000"),
        ("https://ehr.example/a%20b", "https://ehr.example/a%20b"),
    ],
)
def test_base_url_ends_without_a_slash(given: str, expected: str) -> None:
    assert service_base(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "",
        "/fhir",
        "ehr.example/fhir",
        "ftp://ehr.example/fhir",
        "https:///fhir",
        "https://ehr.example/fhir?",
        "https://ehr.example/fhir#",
        "https://ehr.example/fhir?tenant=1",
        "https://user:secret@ehr.example/fhir",
        "https://klinik-münchen.example/fhir",
        "https://ehr.example/fh ir",
        "https://ehr.example/fhir\r\nSet-Cookie: a=b",
        "https://ehr.example:many/fhir",
        "https://[::1/fhir",
    ],
)
def test_what_cannot_be_a_base_url(given: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        service_base(given)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "no-such-host.invalid", "a" * 70 + ".example"])
def test_other_addresses(host: str) -> None:
    assert not is_loopback(host)


def test_origin_puts_ipv6_into_brackets() -> None:
    assert origin("::1", 8000) == "http://[::1]:8000"
