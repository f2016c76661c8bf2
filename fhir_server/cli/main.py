"""The group of all commands.

Rule: exit code 0 when all went well, 1 when something was refused or is missing, 2 when the command was wrong. A
command's module is imported when it is asked for, so that none waits for what the others need.
"""

from importlib import import_module
from typing import Final

import click

COMMANDS: Final = ("run", "load", "demo", "doctor", "version")
LONGEST_SENTENCE: Final = 500


class _Commands(click.Group):
    """The commands, each the function of the same name in the module of the same name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"fhir_server.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - tells the type checker
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with their first sentences, whole where click would cut them off."""
        commands = [(name, self.get_command(ctx, name)) for name in COMMANDS]
        rows = [(name, found.get_short_help_str(LONGEST_SENTENCE)) for name, found in commands if found is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def main() -> None:
    """A FHIR R4 server on MongoDB."""
