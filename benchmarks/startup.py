"""`fhir-server run` from nothing to ready, without installs; the memory of an idle worker."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx

from benchmarks import processes
from benchmarks.compare import Limit

STARTS = 3
IDLE_SECONDS = 5
MEGABYTE = 1024 * 1024


def figures() -> list[Limit]:
    first, again, memory = [], [], []
    for _ in range(STARTS):
        with tempfile.TemporaryDirectory() as folder:
            first.append(start(folder)[0])
            seconds, bytes_ = start(folder)
            again.append(seconds)
            memory.append(bytes_)
    return [
        Limit("first start to ready, empty data directory", median(first), "s", 5),
        Limit("start to ready, existing data directory", median(again), "s", 5),
        Limit("memory of an idle worker", median(memory) / MEGABYTE, "MB", 250),
    ]


def start(folder: str) -> tuple[float, int]:
    """Seconds from the command to a green `/ready`, and the worker's resident memory in bytes a while later."""
    port = processes.free_port()
    command = [sys.executable, "-m", "fhir_server.cli", "run", "--open", "--no-demo"]
    command += ["--port", str(port), "--data", folder]
    environment = {name: value for name, value in os.environ.items() if name != "MONGODB_URI"}
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{port}/ready", trust_env=False).status_code == httpx.codes.OK:
                    break
            if process.poll() is not None:
                raise RuntimeError("the server did not start")
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        time.sleep(IDLE_SECONDS)
        worker = max(processes.resident_bytes(pid) for pid in processes.tree(process.pid) if is_worker(pid))
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    return seconds, worker


def is_worker(pid: int) -> bool:
    return b"fhir_server.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
