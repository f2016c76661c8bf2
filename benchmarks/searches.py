"""Searches against the bare read handler: 16 connections, varied values, a clinic of 50,000 resources."""

from benchmarks import clinic, processes, seeding, setting, wrk
from benchmarks.compare import Figure, Sample, alternate, measured
from benchmarks.reads import LUA, PATIENTS, SECONDS

SIZE = 50_000
INCLUDES = "_include=Observation:subject&_include=Observation:encounter"
SHAPES = (
    ("one resource by identifier", "Patient?identifier=https%3A%2F%2Fclinic.example%2Fmrn%7C{number:07}", 0.8),
    ("a page of 20 by code", "Observation?code=http%3A%2F%2Floinc.org%7C{few}-1&_count=20", 0.6),
    ("20 by -_lastUpdated", "Observation?category=laboratory&_sort=-_lastUpdated&_count=20", 0.7),
    ("a chain of two", "Observation?subject:Patient.identifier={number:07}&_count=20", 0.3),
    ("_has", "Patient?_has:Observation:patient:code={few}-1&organization=Organization/o{ten}&_count=20", 0.3),
    ("20 with two _include", f"Observation?code={{few}}-1&_count=20&{INCLUDES}", 0.3),
)
"""Name, request, wanted ratio. `number` is a patient, `few` one of 40 codes, `ten` one of ten."""


def lua(request: str, patients: int) -> str:
    """A script that asks with ever other values."""
    path = request.replace("{number:07}", '" .. string.format("%07d", n % PATIENTS) .. "')
    path = path.replace("{few}", '" .. n % 40 .. "').replace("{ten}", '" .. n % 10 .. "')
    return f"""
local n, PATIENTS = 0, {patients}
request = function()
  n = (n * 7919 + 13) % 1000003
  return wrk.format("GET", "/fhir/{path}")
end
"""


def figures() -> list[Figure]:
    """One figure for each of SHAPES."""
    cohort = clinic.Clinic(SIZE)
    with setting.mongo() as mongo:
        clinic.fill(mongo.uri, "ours", cohort)
        seeding.insert(mongo.uri, "floor", PATIENTS)
        with processes.floor(mongo.uri, "floor") as floor, processes.server(mongo.uri, "ours") as ours:

            def load(running: processes.Running, script: str) -> Sample:
                def work() -> tuple[int, float]:
                    seen = wrk.run(running.url, script, connections=16, seconds=SECONDS)
                    return seen.requests, seen.requests / seen.rate

                return measured(work, running.pid, mongo.pid)

            load(floor, LUA)
            found = []
            for name, request, wanted in SHAPES:
                script = lua(request, cohort.patients)
                load(ours, script)
                found.append(
                    alternate(name, lambda script=script: load(ours, script), lambda: load(floor, LUA), wanted)  # type: ignore[misc]
                )
            return found
