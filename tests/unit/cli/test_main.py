"""The group of commands: each is there, explains itself, and the README need not."""

from importlib.metadata import entry_points

import pytest
from click.testing import CliRunner

from fhir_server.cli.main import main

COMMANDS = {"run", "load", "demo", "doctor", "version"}


def test_has_exactly_these_commands() -> None:
    assert set(main.commands) == COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_is_explained(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    for parameter in main.commands[command].params:
        if parameter.param_type_name == "option":
            assert getattr(parameter, "help", None), parameter.name


def test_version_names_what_a_report_needs() -> None:
    result = CliRunner().invoke(main, ["version"])
    assert result.exit_code == 0
    for name in ("fhir-server", "R4 (4.0.1)", "Python", "PyMongo", "mongod"):
        assert name in result.output


def test_is_installed_as_a_command() -> None:
    assert [script.value for script in entry_points(group="console_scripts", name="fhir-server")] == [
        "fhir_server.cli.main:main"
    ]
