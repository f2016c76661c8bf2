"""What size does to a search: p50 of one client's requests over 1,000,000 resources against 10,000."""

from statistics import median
from time import perf_counter

import httpx

from benchmarks import clinic, processes, setting
from benchmarks.compare import Limit

SMALL, LARGE = 10_000, 1_000_000
ROUNDS = 60
SHAPES: tuple[tuple[str, str, float], ...] = (
    ("one token", "Patient?identifier={mrn}", 1.5),
    ("two tokens", "Observation?category=laboratory&status=amended", 1.5),
    ("prefix of a name", "Patient?family={family}", 1.5),
    ("patient and 30 days", "Observation?patient=p{patient}&date=ge{day}&date=lt{later}", 1.5),
    ("code and 30 days", "Observation?code={code}-1&date=ge{day}&date=lt{later}", 1.5),
    ("by -_lastUpdated", "Observation?category=laboratory&_sort=-_lastUpdated", 1.5),
    ("by -date of a patient", "Observation?patient=p{patient}&_sort=-date", 1.5),
    ("all by family", "Patient?_sort=family", 1.5),
    ("a chain of two, few", "Observation?subject:Patient.family={family}", 4),
    ("a chain of two, many", "Observation?subject:Patient.gender=male", 4),
    ("the same by -_lastUpdated", "Observation?subject:Patient.gender=male&_sort=-_lastUpdated", 4),
    ("_has, frequent", "Patient?_has:Observation:patient:category=laboratory", 4),
    ("_has, rare", "Patient?_has:Observation:patient:status=amended", 4),
    ("code and 30 days by -_lastUpdated",
     "Observation?code={code}-1&date=ge{day}&date=lt{later}&_sort=-_lastUpdated", 4),
)
"""Name, request, how many times as slow it may be."""


def figures() -> list[Limit]:
    """A figure for each of SHAPES, page 100, and the counts."""
    small, large = clinic.Clinic(SMALL), clinic.Clinic(LARGE)
    with setting.mongo(cache_gb=4) as mongo:
        clinic.fill(mongo.uri, "small", small)
        clinic.fill(mongo.uri, "large", large)
        with processes.server(mongo.uri, "small") as one, processes.server(mongo.uri, "large") as two:
            return [*_shapes(one.url, small, two.url, large), *_pages(one.url, two.url), *_counts(two.url, large)]


def _shapes(one: str, small: clinic.Clinic, two: str, large: clinic.Clinic) -> list[Limit]:
    found = []
    for name, request, most in SHAPES:
        with httpx.Client(trust_env=False, timeout=60) as client:
            times = [
                _p50(client, [f"{url}/{_filled(request, cohort, number)}" for number in range(ROUNDS)])
                for url, cohort in ((one, small), (two, large))
            ]
        found.append(_limit(f"{name}: 1,000,000 to 10,000", times, most))
    return found


def _filled(request: str, cohort: clinic.Clinic, number: int) -> str:
    patient = number * 7919 % cohort.patients
    return request.format(
        mrn=f"{patient:07d}",
        patient=patient,
        family=cohort.families[20 + number % 100],
        code=20 + number % 60,
        day=f"{2017 + number % 8}-03-01",
        later=f"{2017 + number % 8}-03-31",
    )


def _p50(client: httpx.Client, urls: list[str]) -> float:
    """Milliseconds."""
    taken = []
    for url in urls + urls:
        start = perf_counter()
        client.get(url).raise_for_status()
        taken.append((perf_counter() - start) * 1000)
    return median(taken[len(urls) :])


def _limit(name: str, times: list[float], most: float) -> Limit:
    return Limit(name, times[1] / times[0], "times", most, f"{times[0]:.1f} → {times[1]:.1f} ms")


def _pages(one: str, two: str) -> list[Limit]:
    """Page 100 of a search against its first page, and against page 100 of the small one."""
    hundredth = []
    first = 0.0
    with httpx.Client(trust_env=False, timeout=60) as client:
        for url in (one, two):
            address = start = f"{url}/Observation?category=laboratory&_count=20"
            for _ in range(99):
                links = client.get(address).raise_for_status().json()["link"]
                address = next(link["url"] for link in links if link["relation"] == "next")
            hundredth.append(_p50(client, [address] * ROUNDS))
            first = _p50(client, [start] * ROUNDS)
    return [
        _limit("page 100: 1,000,000 to 10,000", hundredth, 1.5),
        _limit("page 100 to page 1, of 1,000,000", [first, hundredth[1]], 1.5),
    ]


def _counts(url: str, cohort: clinic.Clinic) -> list[Limit]:
    with httpx.Client(trust_env=False, timeout=60) as client:
        single = _p50(client, [f"{url}/{_filled('Patient?identifier={mrn}', cohort, n)}" for n in range(ROUNDS)])
        frequent = f"{url}/MedicationRequest?status=completed&_count=20"
        total = client.get(f"{frequent}&_total=accurate").raise_for_status().json()["total"]
        accurate = _p50(client, [f"{frequent}&_total=accurate"] * 5)
        estimate = _p50(client, [f"{frequent}&_total=estimate"] * ROUNDS)
    return [
        _limit(f"_total=accurate over {total:,} to a single match", [single, accurate], 120),
        _limit("_total=estimate of the same to a single match", [single, estimate], 2),
    ]
