"""Starting what is measured, and reading what it used: processor time and memory from /proc."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Running:
    """A server: `url` is its FHIR base; `pid` the process whose tree is measured."""

    url: str
    pid: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            children = (task / "children").read_text()
        except FileNotFoundError:
            continue  # a thread that has just ended
        for child in children.split():
            found += tree(int(child))
    return found


def cpu_seconds(*pids: int) -> float:
    """Processor time, user and system, of these processes."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def resident_bytes(pid: int) -> int:
    """Memory in use of this process alone."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def peak_bytes(pid: int) -> int:
    """Most memory that this process ever used."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise LookupError(pid)


@contextmanager
def floor(mongodb_uri: str, database: str) -> Iterator[Running]:
    """The bare handlers of `floors`."""
    environment = {"MONGODB_URI": mongodb_uri, "FLOOR_DATABASE": database}
    with uvicorn("benchmarks.floors:app", environment, "/") as running:
        yield running


@contextmanager
def server(mongodb_uri: str, database: str, **settings: str) -> Iterator[Running]:
    """This project's server, one worker, on its own database."""
    environment = {"MONGODB_URI": mongodb_uri, "FHIR_DATABASE": database, "FHIR_OPEN": "true", **settings}
    with uvicorn("fhir_server.app:create", environment, "/ready", "--factory") as running:
        yield running


@contextmanager
def uvicorn(application: str, environment: dict[str, str], ready: str, *options: str) -> Iterator[Running]:
    """An application under uvicorn, one worker, once it answers at `ready`."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port), *options]
    command += ["--no-access-log", "--log-level", "warning", "--loop", "uvloop", "--http", "httptools"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"FHIR_BASE_URL": f"{origin}/fhir"} | environment)
    try:
        wait_until(f"{origin}{ready}", process)
        yield Running(f"{origin}/fhir", process.pid)
    finally:
        process.terminate()
        process.wait(30)


def wait_until(url: str, process: subprocess.Popen[bytes], timeout: float = 1200) -> None:
    """Wait for any answer but a 503."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            if httpx.get(url, trust_env=False).status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise TimeoutError(url)
