"""Settings as the commands get them.

Rule: an option wins over the environment, the environment over the default.
"""

from typing import Any

import click
from pydantic import ValidationError

from fhir_server.settings import Settings, problems


def settings_from(**options: Any) -> Settings:
    """The settings of the environment under the options that were given; a usage error names what is wrong."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        raise click.UsageError("Settings that cannot be used:\n  " + "\n  ".join(problems(error))) from error
