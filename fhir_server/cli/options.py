"""Settings as the commands get them.

Rule: an option wins over the environment, the environment over the default.
"""

from typing import Any

import click
from pydantic import ValidationError

from fhir_server.settings import Settings


def settings_from(**options: Any) -> Settings:
    """The settings of the environment under the options that were given; a usage error names what is wrong."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
        raise click.UsageError("Settings that cannot be used:\n  " + "\n  ".join(lines)) from error
