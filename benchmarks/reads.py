"""read by id against one `find_one`: 16 connections, varied ids."""

from benchmarks import processes, seeding, setting, wrk
from benchmarks.compare import Figure, Sample, alternate, measured

PATIENTS = 10_000
SECONDS = 5
LUA = f"""
local n = 0
request = function()
  n = (n * 7919 + 13) % {PATIENTS}
  return wrk.format("GET", "/fhir/Patient/p" .. n)
end
"""


def figures() -> list[Figure]:
    with (
        setting.mongo() as mongo,
        processes.floor(mongo.uri, "floor") as floor,
        processes.server(mongo.uri, "ours") as ours,
    ):
        seeding.insert(mongo.uri, "floor", PATIENTS)
        seeding.put(ours.url, 0, PATIENTS)

        def load(running: processes.Running) -> Sample:
            def work() -> tuple[int, float]:
                seen = wrk.run(running.url, LUA, connections=16, seconds=SECONDS)
                return seen.requests, seen.requests / seen.rate

            return measured(work, running.pid, mongo.pid)

        load(floor), load(ours)
        return [alternate("read by id, 16 connections", lambda: load(ours), lambda: load(floor), 0.9)]
