"""`fhir-server load`: files of resources sent to a running server.

Rule: what is sent and in which order is decided in `mappers.loading`; here is only what a person sees of it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click
import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mappers import loading

MOST_REFUSED_SHOWN = 100


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--base", default="http://127.0.0.1:8000/fhir", show_default=True, help="Base URL of the server.")
def load(paths: tuple[str, ...], base: str) -> None:
    """Send files, folders or NDJSON ("-" for the standard input) of Bundles or resources to a server.

    Can be repeated: what is there already stays as it is. The exit code is 1 when something was refused.
    """
    console = Console(highlight=False, soft_wrap=True)
    with explained(base):
        report = asyncio.run(load_shown(paths, base, console, "loading"))
    console.print(summary(report))
    if report.refused:
        print_refused(report, console)
        raise click.exceptions.Exit(1)


@contextmanager
def explained(base: str) -> Iterator[None]:
    """End the command with a line that says what to do, where a path, the server or the way to it is the reason."""
    try:
        yield
    except loading.NoServer as error:
        words = "Start one (`make run`, or `fhir-server run --open`), or say with --base where it is."
        raise click.ClickException(f"{error} {words}") from error
    except httpx.InvalidURL as error:
        raise click.UsageError(f"--base {base} is not an address: {error}.") from error
    except httpx.HTTPError as error:
        words = f"The server at {base} went away ({str(error) or type(error).__name__})"
        raise click.ClickException(f"{words}. The same command again goes on where this ended.") from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}." if error.strerror else f"{error}.") from error


async def load_shown(paths: tuple[str, ...], base: str, console: Console, title: str) -> loading.LoadReport:
    """Load the paths with a progress bar on the console: share done, resources a second, time left.

    The bar appears when there is something to load and a server to load it into.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%  {task.fields[resources]:,} resources  {task.fields[rate]:,.0f}/s"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console)
    task = bar.add_task(title, start=False, total=None, resources=0, rate=0.0)
    with ExitStack() as shown:

        def show(progress: loading.LoadProgress) -> None:
            if not bar.live.is_started:
                bar.start_task(task)
                shown.enter_context(bar)
            bar.update(
                task,
                completed=progress.bytes_done,
                total=progress.bytes_total,
                resources=progress.resources,
                rate=progress.resources / max(bar.tasks[0].elapsed or 0, 0.001),
            )

        return await loading.load(paths, base, show)


def summary(report: loading.LoadReport) -> str:
    """One line: how many resources were created, updated, unchanged and refused, and how fast."""
    repeated = f", {report.repeated:,} superseded by later ones" if report.repeated else ""
    return (
        f"{report.created:,} created, {report.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{len(report.refused):,} refused{repeated}, in {report.seconds:,.1f} s"
    )


def print_refused(report: loading.LoadReport, console: Console) -> None:
    """Each refused resource with the place it came from and the server's reason."""
    for refused in report.refused[:MOST_REFUSED_SHOWN]:
        console.print(f"refused {refused.source}: {refused.reason}", markup=False)
    if len(report.refused) > MOST_REFUSED_SHOWN:
        console.print(f"… and {len(report.refused) - MOST_REFUSED_SHOWN:,} more")
