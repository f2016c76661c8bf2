"""`fhir-server run`: what it refuses before anything is started."""

import socket

import pytest
from click.testing import CliRunner

from fhir_server.cli.options import settings_from
from fhir_server.cli.run import is_loopback, origin, run, with_address


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MONGODB_URI", "FHIR_MONGODB_URI", "FHIR_OPEN", "FHIR_PORT", "FHIR_HOST", "FHIR_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_without_open_it_says_that_open_is_the_only_way() -> None:
    result = CliRunner().invoke(run, [])
    assert result.exit_code == 2
    assert "--open" in result.output
    assert "only way to run" in result.output


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "no-such-host.invalid"])
def test_open_is_for_the_loopback_interface_only(host: str) -> None:
    result = CliRunner().invoke(run, ["--open", "--host", host])
    assert result.exit_code == 2
    assert f"{host} is not on it" in " ".join(result.output.split())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_addresses(host: str) -> None:
    assert is_loopback(host)


def test_taken_port_is_named_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        result = CliRunner().invoke(run, ["--open", "--port", str(number)])
    assert result.exit_code == 1
    assert f"Cannot listen on 127.0.0.1:{number}: Address already in use" in result.output
    assert "--port" in result.output


def test_wrong_setting_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_PAGE_SIZE_DEFAULT", "many")
    monkeypatch.setenv("FHIR_MAX_BODY_BYTES", "-1")
    result = CliRunner().invoke(run, ["--open"])
    assert result.exit_code == 2
    assert "page_size_default" in result.output
    assert "max_body_bytes" in result.output


def test_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_PORT", "9000")
    assert settings_from(port=9001).port == 9001
    assert settings_from(port=None).port == 9000


@pytest.mark.parametrize(
    ("given", "expected"), [(None, "http://127.0.0.1:{}/fhir"), ("https://ehr.example/r4", "https://ehr.example/r4")]
)
def test_base_url_follows_the_bound_port_unless_given(given: str | None, expected: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        number = listener.getsockname()[1]
        settings = with_address(settings_from(port=0, base_url=given), listener)
    assert settings.port == number
    assert settings.base_url == expected.format(number)


def test_origin_puts_ipv6_into_brackets() -> None:
    assert origin("::1", 8000) == "http://[::1]:8000"
