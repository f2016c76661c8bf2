"""`fhir-server doctor`: says what is missing, how to get it, and whether that matters."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from fhir_server.cli import doctor
from fhir_server.settings import Settings


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MONGODB_URI", "FHIR_MONGODB_URI", "FHIR_PORT", "FHIR_HOST"):
        monkeypatch.delenv(name, raising=False)


def test_each_bad_check_says_how_to_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for check in doctor.checks(Settings(port=0), tmp_path):
        assert check.good or check.remedy, check.name


def test_what_only_tests_need_does_not_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check = doctor.program("Java", ("java",), "install it")
    assert (check.good, check.needed) == (False, False)


def test_taken_port_is_missing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        check = doctor.port(Settings(port=number))
    assert not check.good
    assert check.found == f"127.0.0.1:{number}: Address already in use"
    assert "--port" in check.remedy


def test_mongodb_that_is_away_is_reported_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MONGODB_URI", f"mongodb://127.0.0.1:{free.getsockname()[1]}/?serverSelectionTimeoutMS=100")
    result = CliRunner().invoke(doctor.doctor, [])
    assert result.exit_code == 1
    assert "MISSING MongoDB of MONGODB_URI: does not answer" in result.output


def test_data_below_folders_that_do_not_exist_yet(tmp_path: Path) -> None:
    assert doctor.data_directory(tmp_path / "a" / "b").good
    assert doctor.existing(tmp_path / "a" / "b") == tmp_path


def test_wrong_settings_are_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_PORT", "many")
    result = CliRunner().invoke(doctor.doctor, [])
    assert result.exit_code == 2
    assert "port" in result.output
