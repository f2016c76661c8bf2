"""`fhir-server run`: MongoDB where needed, then the server, then the demo hospital; stopped in the reverse order.

Rule: this process only steers. It starts, watches and stops the others, and is the one that the terminal talks to.
"""

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import Any, NoReturn

import click

from fhir_server.addresses import is_loopback, origin
from fhir_server.cli.options import settings_from
from fhir_server.embedded import POLL_SECONDS, EmbeddedMongo, EmbeddedMongoError
from fhir_server.settings import Settings
from fhir_server.workers import Workers, WorkersError, listen

WATCH_SECONDS = 0.2
MONGOD_RETRY_SECONDS = 5.0


class ToldToStop(Exception):
    """SIGINT or SIGTERM came."""


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
@click.option("--no-demo", is_flag=True, help="Leave the embedded MongoDB empty when it is.")
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
            settings = settings.model_copy(update={"mongodb_uri": mongo.launch()})
        servers = Workers(listener, workers, os.environ | for_each(settings, workers).environment())
        try:
            servers.start()  # beside mongod: each takes about as long as the other
            if mongo is not None:
                mongo.wait()
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


def with_address(settings: Settings, listener: socket.socket) -> Settings:
    """The settings with the port that was really bound, and the base URL that follows from it when none was given."""
    port = listener.getsockname()[1]
    update: dict[str, Any] = {"port": port}
    if "base_url" not in settings.model_fields_set:
        update["base_url"] = f"{origin(settings.host, port)}/fhir"
    return settings.model_copy(update=update)


def for_each(settings: Settings, workers: int) -> Settings:
    """The settings of each of so many server processes: what they share is divided."""
    return settings.model_copy(update={"bundle_cache_share": settings.bundle_cache_share / workers})


async def steer(settings: Settings, servers: Workers, mongo: EmbeddedMongo | None, *, demo: bool) -> None:
    """Run until SIGINT or SIGTERM; raises WorkersError when the servers do not stay up."""
    from fhir_server.cli.welcome import welcome  # noqa: PLC0415 - it takes a while, and the servers start meanwhile

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    data = mongo.data_dir if mongo is not None else None
    here = origin(settings.host, settings.port)
    tasks = [
        asyncio.create_task(until_told(stop)),
        asyncio.create_task(watch(servers, mongo)),
        asyncio.create_task(welcome(settings, here, data, demo=demo)),
    ]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in ended:
            task.result()
    except ToldToStop:
        click.echo("Stopping.")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until_told(stop: asyncio.Event) -> NoReturn:
    """Wait for the signal that ends the run; raises ToldToStop, so that it ends the other tasks as an error would."""
    await stop.wait()
    raise ToldToStop


async def watch(servers: Workers, mongo: EmbeddedMongo | None) -> None:
    """Start again what ended: a server process, or the embedded mongod, while it can be started at all."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        if mongo is not None and not mongo.is_running():
            click.echo("mongod ended; starting it again.")
            try:
                await start_again(mongo)
            except EmbeddedMongoError as error:
                click.echo(str(error))
                await asyncio.sleep(MONGOD_RETRY_SECONDS)
        if ended := servers.tend():
            click.echo(f"{ended} server process(es) ended; started again.")


async def start_again(mongo: EmbeddedMongo) -> None:
    """Start mongod in small steps, between which Ctrl-C is heard; raises EmbeddedMongoError.

    NOTE: not in another thread. Linux would stop mongod when that thread ends.
    """
    mongo.launch()
    for _ in mongo.starting():
        await asyncio.sleep(POLL_SECONDS)
