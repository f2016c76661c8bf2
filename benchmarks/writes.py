"""create against one majority insert, at 16 and 64 connections; update with If-Match against the same floor."""

import tempfile
from pathlib import Path

import orjson

from benchmarks import processes, seeding, setting, wrk
from benchmarks.compare import Figure, Sample, alternate, measured
from benchmarks.patients import patient

SECONDS = 5
UPDATES_A_RUN = 15_000
"""More than a run can reach: each Patient is updated once, from version 1."""


def create_lua() -> str:
    """Bodies of the Patients 0 to 199, each with another record number a request."""
    bodies = [orjson.dumps(patient(n)).decode() for n in range(200)]
    listed = ",\n".join(f"[==[{body}]==]" for body in bodies)
    return f"""
local bodies = {{ {listed} }}
local n = 0
local headers = {{ ["Content-Type"] = "application/fhir+json" }}
request = function()
  n = n + 1
  return wrk.format("POST", "/fhir/Patient", headers, bodies[n % 200 + 1])
end
"""


def update_lua(bodies: Path) -> str:
    """Each line of `bodies` once, put where its id says."""
    return f"""
local bodies = io.lines("{bodies}")
local headers = {{ ["Content-Type"] = "application/fhir+json", ["If-Match"] = 'W/"1"' }}
request = function()
  local body = bodies()
  if body == nil then error("more updates than Patients") end
  return wrk.format("PUT", "/fhir/Patient/" .. body:match('"id":"(p%d+)"'), headers, body)
end
"""


def write_updates(bodies: Path, first: int) -> None:
    """Patients p<first> …, one a line, each as it is but for one element."""
    with bodies.open("wb") as lines:
        for number in range(first, first + UPDATES_A_RUN):
            lines.write(orjson.dumps({"id": f"p{number}", **patient(number), "active": False}) + b"\n")


def figures() -> list[Figure]:
    with (
        setting.mongo() as mongo,
        processes.floor(mongo.uri, "floor") as floor,
        processes.server(mongo.uri, "ours") as ours,
    ):

        def load(running: processes.Running, lua: str, connections: int) -> Sample:
            def work() -> tuple[int, float]:
                seen = wrk.run(running.url, lua, connections=connections, seconds=SECONDS)
                return seen.requests, seen.requests / seen.rate

            return measured(work, running.pid, mongo.pid)

        create = create_lua()
        load(floor, create, 16), load(ours, create, 16)
        found = [
            alternate(
                f"create, {connections} connections",
                lambda connections=connections: load(ours, create, connections),  # type: ignore[misc]
                lambda connections=connections: load(floor, create, connections),  # type: ignore[misc]
                wanted,
            )
            for connections, wanted in ((16, 0.55), (64, 0.75))
        ]
        firsts = iter(range(0, 10 * UPDATES_A_RUN, UPDATES_A_RUN))

        def update() -> Sample:
            first = next(firsts)
            seeding.put(ours.url, first, UPDATES_A_RUN)
            with tempfile.NamedTemporaryFile() as bodies:
                write_updates(Path(bodies.name), first)
                return load(ours, update_lua(Path(bodies.name)), 16)

        found.append(
            alternate("update with If-Match, 16 connections", update, lambda: load(floor, create, 16), wanted=0.4)
        )
        return found
