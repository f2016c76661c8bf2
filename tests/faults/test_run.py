"""`fhir-server run` as a whole: what is acknowledged outlives every way in which its processes can end."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

START_SECONDS = 90
PATIENT = {"resourceType": "Patient", "id": "kept", "name": [{"family": "Kept"}]}


@dataclass(frozen=True, slots=True)
class Running:
    """A started server: its steering process and its base URL."""

    process: subprocess.Popen[str]
    base: str

    def children(self, name: str) -> list[int]:
        """The process ids of what it started, by a word of their command line."""
        pid = self.process.pid
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in listed if name in Path(f"/proc/{child}/cmdline").read_text()]


@contextmanager
def running(data: Path, *options: str, demo: bool = False) -> Iterator[Running]:
    """`fhir-server run` on a free port, ready; killed at the end where the test has not ended it."""
    environment = {name: value for name, value in os.environ.items() if "MONGODB_URI" not in name}
    command = [
        sys.executable,
        "-m",
        "fhir_server.cli",
        "run",
        "--open",
        "--port",
        "0",
        "--data",
        str(data),
    ]
    if not demo:
        command.append("--no-demo")
    process = subprocess.Popen([*command, *options], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = re.search(r"http://\S+/fhir", process.stdout.readline())
        assert said is not None
        yield Running(process, said[0])
    finally:
        process.kill()
        process.communicate()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def keep_patient(base: str) -> None:
    assert httpx.put(f"{base}/Patient/kept", json=PATIENT).status_code == httpx.codes.CREATED


def patient_is_there(base: str) -> bool:
    try:
        return httpx.get(f"{base}/Patient/kept").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def test_stops_in_order_and_keeps_everything(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        keep_patient(server.base)
        started = [*server.children("mongod"), *server.children("fhir_server.worker")]
        assert len(started) == 2
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(START_SECONDS) == 0
        assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []
    with running(tmp_path) as server:
        assert patient_is_there(server.base)


def test_a_connection_is_kept_for_longer_than_clients_keep_theirs(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        address = urlsplit(server.base)
        assert address.hostname is not None
        connection = HTTPConnection(address.hostname, address.port or 80, timeout=START_SECONDS)
        for idle in (0, 6):  # httpx closes its own after 5
            time.sleep(idle)
            connection.request("GET", "/ready")
            answer = connection.getresponse()
            assert (answer.status, answer.read() != b"") == (200, True)
        connection.close()


def test_kill_of_the_steering_process_takes_the_others_along(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "2") as server:
        keep_patient(server.base)
        started = [*server.children("mongod"), *server.children("fhir_server.worker")]
        assert len(started) == 3
        server.process.kill()
        eventually(lambda: not any(map(_alive, started)))
    with running(tmp_path) as server:
        assert patient_is_there(server.base)


def test_killed_mongod_and_worker_are_started_again(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        keep_patient(server.base)
        for name in ("mongod", "fhir_server.worker"):
            (pid,) = server.children(name)
            os.kill(pid, signal.SIGKILL)
            eventually(partial(_replaced, server, name, pid))
            eventually(partial(patient_is_there, server.base))


def test_mongod_away_is_red_and_comes_back(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        (mongod,) = server.children("mongod")
        ready = server.base.replace("/fhir", "/ready")
        os.kill(mongod, signal.SIGSTOP)
        try:
            assert httpx.get(ready, timeout=START_SECONDS).status_code == httpx.codes.SERVICE_UNAVAILABLE
        finally:
            os.kill(mongod, signal.SIGCONT)
        eventually(lambda: httpx.get(ready).status_code == httpx.codes.OK)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_interrupted_demo_hospital_is_completed_at_the_next_start(tmp_path: Path) -> None:
    with running(tmp_path, demo=True) as server:
        eventually(lambda: total(server.base, "Patient") > 0)
        server.process.kill()
    with running(tmp_path, demo=True) as server:
        assert server.process.stdout is not None
        told = next(line for line in server.process.stdout if " created, " in line)
        assert " 0 refused" in told
        assert total(server.base, "Patient") >= 300
    with running(tmp_path, demo=True) as server:
        assert server.process.stdout is not None
        assert "look" in server.process.stdout.readline()


def total(base: str, type_: str) -> int:
    answer = httpx.get(f"{base}/{type_}", params={"_count": 0, "_total": "accurate"}).raise_for_status()
    return int(answer.json()["total"])


def _replaced(server: Running, name: str, pid: int) -> bool:
    return server.children(name) not in ([], [pid])


def _alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and only waits for its parent to look does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
