"""`--workers 2` against one: processor time of a read, server and mongod together."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks import processes, seeding, wrk
from benchmarks.compare import PAIRS, Limit
from benchmarks.reads import LUA, PATIENTS, SECONDS


@contextmanager
def running(folder: str, workers: int) -> Iterator[processes.Running]:
    """`fhir-server run` with this many workers; its process tree includes mongod."""
    port = processes.free_port()
    command = [sys.executable, "-m", "fhir_server.cli", "run", "--open", "--no-demo", "--port", str(port)]
    command += ["--data", folder, "--workers", str(workers)]
    environment = {name: value for name, value in os.environ.items() if name != "MONGODB_URI"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        processes.wait_until(f"http://127.0.0.1:{port}/ready", process)
        yield processes.Running(f"http://127.0.0.1:{port}/fhir", process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def figures() -> list[Limit]:
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as two,
        running(one, 1) as single,
        running(two, 2) as double,
    ):
        for each in (single, double):
            seeding.put(each.url, 0, PATIENTS)
            cost(each)
        ratios = []
        for _ in range(PAIRS):
            alone = cost(single)
            ratios.append(cost(double) / alone)
        return [Limit("processor time of a read, 2 workers to 1", median(ratios), "times", 1.3)]


def cost(each: processes.Running) -> float:
    """Processor seconds a read, of everything that the command started."""
    before = processes.cpu_seconds(*processes.tree(each.pid))
    seen = wrk.run(each.url, LUA, connections=16, seconds=SECONDS)
    return (processes.cpu_seconds(*processes.tree(each.pid)) - before) / seen.requests
