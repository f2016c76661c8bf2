"""`fhir-server load` of 100,000 resources: memory of loader and server must stay flat."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import processes, setting
from benchmarks.compare import Limit
from benchmarks.patients import patient

RESOURCES = 100_000
MEGABYTE = 1024 * 1024


def figures() -> list[Limit]:
    with (
        tempfile.TemporaryDirectory() as folder,
        setting.mongo() as mongo,
        processes.server(mongo.uri, "ours") as ours,
    ):
        path = Path(folder, "patients.ndjson")
        write(path, RESOURCES)
        quarter = Path(folder, "quarter.ndjson")
        write(quarter, RESOURCES // 4)
        _, small = load(quarter, ours)
        server_small = processes.peak_bytes(ours.pid)
        seconds, large = load(path, ours)
        server_large = processes.peak_bytes(ours.pid)
        remark = f"{RESOURCES / seconds:,.0f} resources/s"
        return [
            Limit("load: loader's peak memory, 100,000 to 25,000 resources", large / small, "times", 1.3, remark),
            Limit("load: loader's peak memory", large / MEGABYTE, "MB", 300),
            Limit("load: server's peak memory, after to before", server_large / server_small, "times", 1.3),
        ]


def write(path: Path, count: int) -> None:
    with path.open("w") as lines:
        for number in range(count):
            lines.write(json.dumps({"id": f"l{number}", **patient(number)}) + "\n")


def load(path: Path, running: processes.Running) -> tuple[float, int]:
    """Seconds taken, and the loader's peak memory in bytes."""
    command = [sys.executable, "-m", "fhir_server.cli", "load", str(path), "--base", running.url]
    began = time.perf_counter()
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            try:
                peak = max(peak, processes.peak_bytes(process.pid))
            except (LookupError, FileNotFoundError):
                break
            time.sleep(0.1)
    if process.returncode != 0:
        raise RuntimeError("load refused something")
    return time.perf_counter() - began, peak
