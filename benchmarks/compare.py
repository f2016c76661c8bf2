"""Alternating measurements of ours and a floor: the ratio of each pair, the median of all, processor time beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.processes import cpu_seconds

PAIRS = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: units done a second, and processor microseconds a unit of server and mongod."""

    rate: float
    server_us: float
    mongod_us: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table."""

    name: str
    ratio: float
    wanted: float
    ours: Sample
    floor: Sample

    def __str__(self) -> str:
        verdict = "met" if self.ratio >= self.wanted else "MISSED"
        return (
            f"| {self.name} | {self.ratio:.2f} | ≥ {self.wanted} | {verdict} "
            f"| {self.ours.rate:,.0f}/s, {self.ours.server_us:,.0f} + {self.ours.mongod_us:,.0f} µs "
            f"| {self.floor.rate:,.0f}/s, {self.floor.server_us:,.0f} + {self.floor.mongod_us:,.0f} µs |"
        )


@dataclass(frozen=True, slots=True)
class Limit:
    """A line of the table for what must stay under a bound."""

    name: str
    value: float
    unit: str
    most: float
    remark: str = ""

    def __str__(self) -> str:
        verdict = "met" if self.value <= self.most else "MISSED"
        return f"| {self.name} | {self.value:,.2f} {self.unit} | ≤ {self.most:g} | {verdict} | {self.remark} | |"


HEADER = (
    "| figure | ratio | wanted | | ours: rate, CPU of server + mongod | floor |\n| --- | --- | --- | --- | --- | --- |"
)


def measured(work: Callable[[], tuple[int, float]], server_pid: int, mongod_pid: int) -> Sample:
    """Run `work`, which returns how many units it did and in how many seconds."""
    server, mongod = cpu_seconds(server_pid), cpu_seconds(mongod_pid)
    units, seconds = work()
    server, mongod = cpu_seconds(server_pid) - server, cpu_seconds(mongod_pid) - mongod
    return Sample(units / seconds, server / units * 1e6, mongod / units * 1e6)


def alternate(
    name: str, ours: Callable[[], Sample], floor: Callable[[], Sample], wanted: float, pairs: int = PAIRS
) -> Figure:
    """Floor and ours in turn; the ratio is the median of the pairs' ratios, the samples those of the median pair."""
    taken = [(floor(), ours()) for _ in range(pairs)]
    ratios = [mine.rate / bare.rate for bare, mine in taken]
    middle = sorted(range(pairs), key=ratios.__getitem__)[pairs // 2]
    return Figure(name, median(ratios), wanted, taken[middle][1], taken[middle][0])
