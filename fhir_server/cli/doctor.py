"""`fhir-server doctor`: what is missing on this machine and how to get it.

Rule: it only looks. What the server needs makes the exit code 1 when it is missing; what only tests need does not.
"""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from fhir_server.cli.options import settings_from
from fhir_server.embedded import NO_MONGOD, OLDEST_MAJOR_VERSION, find_mongod, mongod_version
from fhir_server.settings import Settings
from fhir_server.workers import listen

GIB = 1024**3
LEAST_FREE_GIB = 5
OLDEST_PYTHON = (3, 11)
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was found, and, where it is not good, how to get it."""

    name: str
    good: bool
    found: str
    remedy: str = ""
    needed: bool = True


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default="./data",
    help="Directory of the embedded MongoDB.",
)
def doctor(data: Path) -> None:
    """Say what is missing on this machine and how to get it."""
    settings = settings_from()
    missing = False
    for check in checks(settings, data):
        sign = "ok     " if check.good else "MISSING" if check.needed else "absent "
        click.echo(f"{sign} {check.name}: {check.found}")
        if not check.good:
            click.echo("".join(f"        {line}\n" for line in check.remedy.splitlines()), nl=False)
            missing = missing or check.needed
    if missing:
        raise click.exceptions.Exit(1)


def checks(settings: Settings, data: Path) -> Iterator[Check]:
    """All checks, in the order in which `run` would stumble."""
    yield python()
    if "mongodb_uri" in settings.model_fields_set:
        yield external_mongodb(settings.mongodb_uri)
    else:
        yield embedded_mongod()
        yield data_directory(data)
        yield disk_space(data)
    yield port(settings)
    yield program("Java", ("java",), "Only the tests with Kafka need it: sudo apt-get install default-jre-headless")
    yield program("Chromium", CHROMIUM_NAMES, "Only the tests in a browser need it: sudo apt-get install chromium")


def python() -> Check:
    """Whether this Python is new enough."""
    good = sys.version_info >= OLDEST_PYTHON
    return Check("Python", good, sys.version.split()[0], "Install Python 3.11 or newer, then: make clean run PYTHON=…")


def embedded_mongod() -> Check:
    """Whether there is a mongod that starts on this machine."""
    mongod = find_mongod()
    if mongod is None:
        return Check("mongod", False, "none for this machine", NO_MONGOD)
    version = mongod_version(mongod)
    if not version:
        return Check(
            "mongod",
            False,
            f"{mongod} does not start",
            f"See what it lacks: ldd {mongod}\nOn Debian and Ubuntu: sudo apt-get install libcurl4 libssl3 liblzma5",
        )
    return Check("mongod", True, f"{'.'.join(map(str, version))} at {mongod}")


def external_mongodb(uri: str) -> Check:
    """Whether the MongoDB of MONGODB_URI answers, is new enough and is a replica set."""
    name = "MongoDB of MONGODB_URI"
    try:
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=3000) as client:
            hello = client.admin.command("hello")
            version = str(client.server_info()["version"])
    except PyMongoError as error:
        reason = str(error).split(", Timeout:")[0]
        return Check(name, False, f"does not answer: {reason}", "Start it, or correct MONGODB_URI.")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        return Check(name, False, f"{version}, not a replica set", "Start it with --replSet rs0 and run rs.initiate().")
    good = int(version.partition(".")[0]) >= OLDEST_MAJOR_VERSION
    return Check(name, good, version, f"MongoDB {OLDEST_MAJOR_VERSION} or newer is needed.")


def data_directory(data: Path) -> Check:
    """Whether the data directory, or the nearest folder above it that exists, can be written to."""
    folder = existing(data)
    good = os.access(folder, os.W_OK | os.X_OK)
    remedy = f"Choose another one with --data, or change the owner of {folder}."
    return Check("data directory", good, str(data.absolute()) if good else f"{folder} cannot be written to", remedy)


def disk_space(data: Path) -> Check:
    """Whether there is room for a database and its log of operations."""
    free = shutil.disk_usage(existing(data)).free / GIB
    remedy = f"Free some space or choose another disk with --data; {LEAST_FREE_GIB} GiB are a sensible minimum."
    return Check("disk space", free >= LEAST_FREE_GIB, f"{free:.0f} GiB free", remedy)


def port(settings: Settings) -> Check:
    """Whether the server's port is free."""
    address = f"{settings.host}:{settings.port}"
    try:
        listen(settings.host, settings.port).close()
    except (OSError, socket.gaierror) as error:
        return Check("port", False, f"{address}: {error.strerror}", "Stop what uses it, or choose another with --port.")
    return Check("port", True, f"{address} is free")


def program(name: str, commands: tuple[str, ...], remedy: str) -> Check:
    """Whether a program that only some tests need is on PATH."""
    found = next(filter(None, map(shutil.which, commands)), None)
    return Check(name, found is not None, found or "not on PATH", remedy, needed=False)


def existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    path = path.absolute()
    return path if path.exists() else existing(path.parent)
