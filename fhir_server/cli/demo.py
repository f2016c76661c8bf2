"""`fhir-server demo`: the demo hospital, loaded into a running server or written to a file.

Rule: it is loaded as any other data is, over HTTP, by PUT under ids that depend on the seed alone; so a load that was
interrupted is completed by loading again. `run` remembers in the database whether it was completed, and loads it only
into the embedded one: a database that somebody set up gets what somebody asks for.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import click
import httpx
from rich.console import Console

from fhir_server import follow
from fhir_server.access.limits import Access
from fhir_server.cli.load import explained, load_shown, print_refused, summary
from fhir_server.settings import Settings
from fhir_server.store import database, marks
from hospital.demo import bundles
from mappers.loading import LoadReport, find_server
from resources import json_codec

SEED: Final = 1
PATIENTS: Final = 300
MARK: Final = "demo hospital"
"""Of {seed, patients, complete}."""


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
    with explained(base):
        report = asyncio.run(load_hospital(base, console, seed, patients))
    if report.refused:
        raise click.exceptions.Exit(1)


def write(path: Path, seed: int, patients: int) -> None:
    """Write the hospital to a file as transaction Bundles, one a line."""
    with path.open("wb") as file:
        for bundle in bundles(seed, patients):
            file.write(json_codec.encode(bundle) + b"\n")


async def load_hospital(base: str, console: Console, seed: int = SEED, patients: int = PATIENTS) -> LoadReport:
    """Generate the hospital and load it, with progress and what was refused on the console."""
    await find_server(base)  # before the work of thinking it up
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
    access = Access.system("demo hospital")
    db = await database.connect(settings.mongodb_uri, settings.database)
    try:
        begun = await marks.find(access, db, MARK)
        if begun is None and await holds_something(base):
            return
        if begun is not None and begun["complete"]:
            return
        state = {"seed": SEED, "patients": PATIENTS}
        await marks.put(access, db, MARK, state | {"complete": False})
        await load_hospital(base, console)
        await marks.put(access, db, MARK, state | {"complete": True})
    finally:
        await db.close()


async def holds_something(base: str) -> bool:
    """Whether anything was ever stored at this machine's server, also if it was deleted."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{base}/_history", params={"_count": 1})
    return "entry" in answer.raise_for_status().json()
