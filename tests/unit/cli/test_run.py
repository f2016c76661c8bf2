"""`fhir-server run`: what it refuses before anything is started."""

import socket

import pytest
from click.testing import CliRunner

from fhir_server.cli.options import settings_from
from fhir_server.cli.run import for_each, run, with_address


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


def test_a_connection_string_that_is_none_is_one_line_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://user:s3/cret@host")
    result = CliRunner().invoke(run, ["--open"])
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].startswith("  MONGODB_URI: not a connection string of MongoDB: ")
    assert "cret" not in result.output


def test_base_url_that_is_none_is_named() -> None:
    result = CliRunner().invoke(run, ["--open", "--base-url", "ehr.example"])
    assert result.exit_code == 2
    assert "base_url: must be like https://" in result.output


def test_workers_share_what_is_said_for_all_of_them() -> None:
    settings = settings_from(bundle_cache_share=0.2)
    assert for_each(settings, 4).environment()["FHIR_BUNDLE_CACHE_SHARE"] == "0.05"
    assert for_each(settings_from(), 1).bundle_cache_share == settings_from().bundle_cache_share
