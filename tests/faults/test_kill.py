"""`kill -9` of the writing process or of mongod, at random moments: acknowledged means durable, and nothing is half.

The seed is printed; `FAULT_SEED=n pytest …` replays the same moments and choices.
"""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fhir_server.embedded import EmbeddedMongo
from tests.faults import checker
from tests.faults.writer import BASE_URL

FIRST_WRITE_SECONDS = 20
ROUNDS_A_DATABASE = 10
"""Then a new one, or checking would take longer than writing."""


class Rounds:
    """Kills in a row on one mongod; what each writer logged is kept, and checked after every round."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory = directory
        self.choice = random.Random(seed)
        self.mongo = EmbeddedMongo(directory / "data", 0.5)
        self.mongo.start()

    def run(self, number: int) -> None:
        database = f"faults{number // ROUNDS_A_DATABASE}"
        log = self.directory / f"{database}.{number}.log"
        writer = self.start_writer(database, log)
        try:
            wait_for_growth(log, writer)
            time.sleep(self.choice.uniform(0, 0.6))
            if self.choice.random() < 0.5:
                self.kill_mongod()
                wait_for_growth(log, writer)  # it goes on by itself
                time.sleep(self.choice.uniform(0, 0.2))
        finally:
            writer.kill()
            writer.wait()
        acknowledged = [
            write for path in self.directory.glob(f"{database}.*.log") for write in checker.acknowledged_in(path)
        ]
        assert acknowledged
        assert checker.problems(self.mongo.uri, database, acknowledged, BASE_URL) == []

    def start_writer(self, database: str, log: Path) -> subprocess.Popen[bytes]:
        seed = str(self.choice.randrange(2**32))
        return subprocess.Popen([sys.executable, "-m", "tests.faults.writer", self.mongo.uri, database, log, seed])

    def kill_mongod(self) -> None:
        """Kill it, and start it again as the operator would."""
        assert self.mongo.process is not None
        self.mongo.process.kill()
        self.mongo.process.wait()
        self.mongo.start()


def wait_for_growth(log: Path, writer: subprocess.Popen[bytes]) -> None:
    """Return when the writer has been acknowledged something more."""
    size = log.stat().st_size if log.exists() else 0
    deadline = time.monotonic() + FIRST_WRITE_SECONDS
    while not (log.exists() and log.stat().st_size > size):
        assert writer.poll() is None, "the writer ended by itself"
        assert time.monotonic() < deadline, "no write is acknowledged any more"
        time.sleep(0.01)


def rounds(directory: Path, count: int) -> None:
    seed = int(os.environ.get("FAULT_SEED") or secrets.randbelow(2**32))
    print(f"FAULT_SEED={seed}")  # noqa: T201 - shown when a round fails
    series = Rounds(directory, seed)
    try:
        for number in range(count):
            series.run(number)
    finally:
        series.mongo.stop()


def test_what_is_acknowledged_outlives_three_kills(tmp_path: Path) -> None:
    rounds(tmp_path, 3)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_what_is_acknowledged_outlives_a_hundred_kills(tmp_path: Path) -> None:
    rounds(tmp_path, 100)
