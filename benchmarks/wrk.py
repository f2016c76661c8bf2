"""Load by wrk (Debian package `wrk`), one thread, with a Lua script made here.

Rule: a run with any answer that is not 2xx, or any socket error, raises.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What a run saw: requests answered, a second of wall time each run, latency in milliseconds."""

    requests: int
    rate: float
    p50: float
    p99: float


UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def run(url: str, lua: str, *, connections: int, seconds: int) -> Load:
    """Load `url` (scheme and host) with the requests that the Lua script makes."""
    if shutil.which("wrk") is None:
        raise SystemExit("The benchmarks need wrk: apt-get install wrk")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(lua)
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script.name, url]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"not every answer was a success:\n{output}")
    found = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None or rate is None or int(found[1]) == 0:
        raise RuntimeError(output)
    return Load(int(found[1]), float(rate[1]), latency(output, "50%"), latency(output, "99%"))


def latency(output: str, percentile: str) -> float:
    found = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s)", output)
    if found is None:
        raise RuntimeError(output)
    return float(found[1]) * UNITS[found[2]]
