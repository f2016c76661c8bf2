"""`fhir-server run`: MongoDB where needed, then the server, then the demo hospital; stopped in the reverse order.

Rule: this process only steers. It starts, watches and stops the others, and is the one that the terminal talks to.
"""

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
from pathlib import Path
from typing import Any

import click
import httpx
from rich.console import Console

from fhir_server.cli.demo import fill_in
from fhir_server.cli.options import settings_from
from fhir_server.embedded import EmbeddedMongo, EmbeddedMongoError
from fhir_server.settings import Settings
from fhir_server.workers import Workers, WorkersError, listen

WATCH_SECONDS = 0.2
READY_POLL_SECONDS = 0.03
MONGOD_RETRY_SECONDS = 5.0

console = Console(highlight=False, soft_wrap=True)


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 for any free one.  [default: 8000]")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default="./data",
    help="Directory of the embedded MongoDB.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of server processes.")
@click.option("--open", "open_", is_flag=True, default=None, help="Serve without sign-in; loopback only.")
@click.option("--no-demo", is_flag=True, help="Leave an empty database empty.")
@click.option("--base-url", help="The service base URL as clients see it.  [default: http://HOST:PORT/fhir]")
def run(
    host: str | None,
    port: int | None,
    data: Path,
    workers: int,
    open_: bool | None,
    no_demo: bool,
    base_url: str | None,
) -> None:
    """Start the server, with an embedded MongoDB unless MONGODB_URI says where another one is."""
    settings = settings_from(host=host, port=port, open=open_, base_url=base_url)
    check_open(settings)
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. Choose another with --port or --host."
        ) from error
    settings = with_address(settings, listener)
    mongo = None if "mongodb_uri" in settings.model_fields_set else EmbeddedMongo(data, settings.embedded_cache_gb)
    # From here on SIGTERM unwinds the stack as Ctrl-C does, so that nothing started is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if mongo is not None:
            settings = settings.model_copy(update={"mongodb_uri": mongo.start()})
        servers = Workers(listener, workers, os.environ | settings.environment())
        try:
            asyncio.run(steer(settings, servers, mongo, demo=not no_demo))
        finally:
            servers.stop(settings.shutdown_timeout_seconds)
    except EmbeddedMongoError as error:
        raise click.ClickException(str(error)) from error
    except WorkersError as error:
        raise click.ClickException("The server ends as soon as it is started; its messages above say why.") from error
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
        if mongo is not None:
            mongo.stop()


def check_open(settings: Settings) -> None:
    """Refuse, as a usage error, to serve without sign-in where others can reach it, or with the sign-in to come."""
    if not settings.open:
        raise click.UsageError(
            "There is no sign-in yet: --open, which serves everyone on this machine without it, is the only way to run."
        )
    if not is_loopback(settings.host):
        raise click.UsageError(
            f"--open serves without sign-in, so it listens on the loopback interface only, and {settings.host} is not "
            "on it. Leave --host out, or use 127.0.0.1."
        )


def is_loopback(host: str) -> bool:
    """Whether all addresses of the host, a name or a number, belong to the loopback interface."""
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(address).is_loopback for address in addresses)


def with_address(settings: Settings, listener: socket.socket) -> Settings:
    """The settings with the port that was really bound, and the base URL that follows from it when none was given."""
    port = listener.getsockname()[1]
    update: dict[str, Any] = {"port": port}
    if "base_url" not in settings.model_fields_set:
        update["base_url"] = f"{origin(settings.host, port)}/fhir"
    return settings.model_copy(update=update)


def origin(host: str, port: int) -> str:
    """Where the server answers on this machine, such as http://127.0.0.1:8000."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def steer(settings: Settings, servers: Workers, mongo: EmbeddedMongo | None, *, demo: bool) -> None:
    """Run until SIGINT or SIGTERM; raises WorkersError when the servers do not stay up."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    servers.start()
    tasks = [
        asyncio.create_task(stop.wait()),
        asyncio.create_task(watch(servers, mongo)),
        asyncio.create_task(welcome(settings, mongo, demo=demo)),
    ]
    stopping, watching, welcoming = tasks
    try:
        await asyncio.wait([stopping, watching], return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        console.print("Stopping.")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(welcoming, watching, stopping, return_exceptions=True)


async def watch(servers: Workers, mongo: EmbeddedMongo | None) -> None:
    """Start again what ended: a server process, or the embedded mongod, while it can be started at all."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        if mongo is not None and mongo.process is not None and mongo.process.poll() is not None:
            console.print(f"mongod ended (exit code {mongo.process.returncode}); starting it again.")
            try:
                mongo.start()
            except EmbeddedMongoError as error:
                console.print(str(error))
                await asyncio.sleep(MONGOD_RETRY_SECONDS)
        if ended := servers.tend():
            console.print(f"{ended} server process(es) ended; started again.")


async def welcome(settings: Settings, mongo: EmbeddedMongo | None, *, demo: bool) -> None:
    """Wait until the server is ready, fill in the demo hospital where it is wanted, and say where to look."""
    here = origin(settings.host, settings.port)
    await until_ready(f"{here}/ready")
    console.print(f"[bold]FHIR R4 at {settings.base_url}[/bold], without sign-in, on this machine only")
    if demo:
        try:
            await fill_in(settings, f"{here}/fhir", console)
        except httpx.HTTPError as error:
            console.print(f"The demo hospital is not complete ({error}); the next start goes on with it.")
    console.print(f"  look      {here}/docs")
    if mongo is not None:
        console.print(f"  data      {mongo.data_dir} (MongoDB at {mongo.uri})")
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
