"""`fhir-server version`: the versions that a bug report needs."""

import platform
from importlib.metadata import version as installed

import click

from fhir_server.embedded import find_mongod, mongod_version


@click.command()
def version() -> None:
    """Print the versions of the server and of what it stands on."""
    mongod = find_mongod()
    lines = {
        "fhir-server": installed("fhir-server"),
        "FHIR": "R4 (4.0.1)",
        "Python": platform.python_version(),
        "PyMongo": installed("pymongo"),
        "mongod": f"{'.'.join(map(str, mongod_version(mongod)))} ({mongod})" if mongod else "none on this machine",
        "platform": platform.platform(),
    }
    for name, value in lines.items():
        click.echo(f"{name:12} {value}")
