"""What `run` does once everything is started: waits, fills in the demo hospital, says where to look.

Rule: nothing here is needed to start the server, so `run` imports it while the server starts.
"""

import asyncio
import contextlib
from pathlib import Path

import httpx
from rich.console import Console

from fhir_server.cli.demo import fill_in
from fhir_server.mongodb_uri import hosts
from fhir_server.settings import Settings
from mappers.loading import NoServer
from resources.outcome import FhirError

READY_POLL_SECONDS = 0.03


async def welcome(settings: Settings, here: str, data: Path | None, *, demo: bool) -> None:
    """Wait until the server is ready, fill in the demo hospital where it is wanted, and say where to look.

    here: where the server answers on this machine, such as http://127.0.0.1:8000.
    data: the directory of the embedded MongoDB, where there is one. Without one the demo hospital is loaded only by
    `fhir-server demo`: somebody set that database up, and may have other plans with it.
    """
    console = Console(highlight=False, soft_wrap=True)
    await until_ready(f"{here}/ready")
    console.print(f"[bold]FHIR R4 at {settings.base_url}[/bold], without sign-in, on this machine only")
    if demo and data is not None:
        try:
            await fill_in(settings, f"{here}/fhir", console)
        except (httpx.HTTPError, NoServer, FhirError) as error:
            console.print(f"The demo hospital is not complete ({error}); the next start goes on with it.")
    console.print(f"  look      {here}/docs")
    if data is not None:
        console.print(f"  data      {data} (MongoDB at {settings.mongodb_uri})")
    else:
        console.print(f"  data      MongoDB at {hosts(settings.mongodb_uri)}, database {settings.database}")
        console.print(f"  demo      fhir-server demo --base {here}/fhir    (nothing is loaded unless asked for)")
    console.print(f"  try       curl '{here}/fhir/Patient?_count=3&_pretty=true'")
    console.print("  stop      Ctrl-C")


async def until_ready(url: str) -> None:
    """Wait until the server answers 200 there."""
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(url)).status_code == httpx.codes.OK:
                    return
            await asyncio.sleep(READY_POLL_SECONDS)
