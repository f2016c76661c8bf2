"""The group of all commands.

Rule: exit code 0 when all went well, 1 when something was refused or is missing, 2 when the command was wrong.
"""

import click

from fhir_server.cli.demo import demo
from fhir_server.cli.doctor import doctor
from fhir_server.cli.load import load
from fhir_server.cli.run import run
from fhir_server.cli.version import version


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
def main() -> None:
    """A FHIR R4 server on MongoDB."""


for command in (run, load, demo, doctor, version):
    main.add_command(command)
