"""The group of commands: each is there, explains itself, and the README need not."""

from importlib.metadata import entry_points

import click
import pytest
from click.testing import CliRunner

from fhir_server.cli.main import COMMANDS, main


def test_help_lists_the_commands() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert set(COMMANDS) <= set(result.output.split())


def test_help_cuts_no_sentence_off() -> None:
    result = CliRunner().invoke(main, ["--help"], terminal_width=60)
    text = " ".join(result.output.split())
    assert "says where another one is." in text
    assert "..." not in text.partition("Commands:")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command: str) -> None:
    found = main.get_command(click.Context(main), command)
    assert found is not None
    assert found.help
    for parameter in found.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(main, ["fly"]).exit_code == 2


def test_version_names_what_a_report_needs() -> None:
    result = CliRunner().invoke(main, ["version"])
    assert result.exit_code == 0
    for name in ("fhir-server", "R4 (4.0.1)", "Python", "PyMongo", "mongod"):
        assert name in result.output


def test_is_installed_as_a_command() -> None:
    assert [script.value for script in entry_points(group="console_scripts", name="fhir-server")] == [
        "fhir_server.cli.main:main"
    ]
