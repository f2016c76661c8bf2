"""`fhir-server demo`: the demo hospital, loaded into a running server or written to a file.

Rule: it is loaded as any other data is, over HTTP, by PUT under ids that depend on the seed alone; so a load that was
interrupted is completed by loading again. `run` remembers in the database whether it was completed.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import click
import httpx
from pymongo import AsyncMongoClient
from rich.console import Console

from fhir_server import follow
from fhir_server.cli.load import load_shown, print_refused, summary
from fhir_server.document import layout
from fhir_server.settings import Settings
from hospital.demo import bundles
from mappers.loading import LoadReport
from resources import json_codec

SEED: Final = 1
PATIENTS: Final = 300
COLLECTION: Final = "demo"
HOSPITAL: Final = "hospital"  # _id of its only document: {seed, patients, complete}


@click.command()
@click.option("--base", default="http://127.0.0.1:8000/fhir", show_default=True, help="Base URL of a running server.")
@click.option("--seed", type=int, default=SEED, show_default=True, help="The same seed makes the same hospital.")
@click.option(
    "--patients", type=click.IntRange(1, 100_000), default=PATIENTS, show_default=True, help="How many patients it has."
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the Bundles there as NDJSON; load nothing."
)
def demo(base: str, seed: int, patients: int, output: Path | None) -> None:
    """Load the generated demo hospital into a running server, or write it to a file."""
    if output is not None:
        write(output, seed, patients)
        return
    console = Console(highlight=False, soft_wrap=True)
    try:
        report = asyncio.run(load_hospital(base, console, seed, patients))
    except (OSError, httpx.HTTPError) as error:
        raise click.ClickException(f"{error}. The same command again completes it.") from error
    if report.refused:
        raise click.exceptions.Exit(1)


def write(path: Path, seed: int, patients: int) -> None:
    """Write the hospital to a file as transaction Bundles, one a line."""
    with path.open("wb") as file:
        for bundle in bundles(seed, patients):
            file.write(json_codec.encode(bundle) + b"\n")


async def load_hospital(base: str, console: Console, seed: int = SEED, patients: int = PATIENTS) -> LoadReport:
    """Generate the hospital and load it, with progress and what was refused on the console."""
    with tempfile.TemporaryDirectory(prefix="fhir-demo-") as folder:
        path = Path(folder, "hospital.ndjson")
        with console.status("demo hospital: thinking it up"):
            await generate(path, seed, patients)
        report = await load_shown((str(path),), base, console, "demo hospital")
    console.print(summary(report))
    print_refused(report, console)
    return report


async def generate(path: Path, seed: int, patients: int) -> None:
    """Have another process write the hospital: it takes seconds of computing, and `run` must stay awake meanwhile."""
    command = [sys.executable, "-m", "fhir_server.cli", "demo", "--output", str(path)]
    options = ["--seed", str(seed), "--patients", str(patients)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, follow.__file__, str(os.getpid()), *command, *options, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        if await process.wait() != 0:
            raise click.ClickException("The demo hospital could not be generated; the messages above say why.")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def fill_in(settings: Settings, base: str, console: Console) -> None:
    """Load the demo hospital into an empty database, or complete the load that an earlier start began."""
    async with AsyncMongoClient[dict[str, Any]](settings.mongodb_uri, w="majority") as client:
        database = client[settings.database]
        begun = await database[COLLECTION].find_one({"_id": HOSPITAL})
        if begun is None and await database[layout.RESOURCES].find_one({}, {"_id": 1}) is not None:
            return
        if begun is not None and begun["complete"]:
            return
        state = {"seed": SEED, "patients": PATIENTS}
        await database[COLLECTION].replace_one({"_id": HOSPITAL}, state | {"complete": False}, upsert=True)
        await load_hospital(base, console)
        await database[COLLECTION].replace_one({"_id": HOSPITAL}, state | {"complete": True})
