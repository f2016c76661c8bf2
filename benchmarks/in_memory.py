"""What happens in memory alone: search entries extracted from Synthea's resources, and one resource tested against one
tree, as subscriptions and access do it. Processor time, the best of five rounds."""

import gc
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.bundles import SYNTHEA
from benchmarks.compare import Limit
from fhir_server.search import extract, grammar, match
from resources import json_codec
from resources.parameters import BASE

Json = dict[str, Any]
ROUNDS = 5
BASE_URL = "http://127.0.0.1/fhir"
_UUID = re.compile(rb"(?<=[0-9a-f]{4}-)[0-9a-f]{4}(?=[0-9a-f]{8}\b)")
CRITERIA = (
    "code=http://loinc.org|8302-2",
    "code=8302-2,8867-4,9279-1",
    "category:not=laboratory",
    "date=ge2010&date=lt2020-06-15",
    "value-quantity=gt100||cm",
    "patient=Patient/1",
    "status=final&category=vital-signs&code=8302-2&date=ge2015",
    "code:text=body height",
)


def figures() -> list[Limit]:
    batches = [resources(number) for number in range(ROUNDS)]
    observations = [each for each in batches[0] if each["resourceType"] == "Observation"]
    entries = [extract.extract(each, BASE_URL) for each in observations]
    matching = [matched(criteria, observations, entries) for criteria in CRITERIA]
    return [
        Limit(
            "search entries of a resource of Synthea",
            min(extracted(batch) for batch in batches),
            "µs",
            25,
            f"{len(batches[0]):,} resources, each round with ids of its own",
        ),
        Limit("one Observation against one tree", max(matching), "µs", 20, f"the slowest of {len(CRITERIA)}"),
    ]


def resources(number: int) -> list[Json]:
    """The resources of all Bundles, with other ids and references for each `number`: what is seen again costs less."""
    found = []
    for path in sorted(SYNTHEA.glob("*.json")):
        text = _UUID.sub(b"%04x" % number, path.read_bytes())
        found += [entry["resource"] for entry in json_codec.decode(text)["entry"]]
    return found


def extracted(batch: Sequence[Json]) -> float:
    return microseconds(lambda: [extract.extract(each, BASE_URL) for each in batch], len(batch))


def matched(criteria: str, observations: Sequence[Json], entries: Sequence[extract.Extracted]) -> float:
    pairs = tuple((name, value) for name, _, value in (pair.partition("=") for pair in criteria.split("&")))
    tree = grammar.parse(
        "Observation", pairs, parameters=BASE, base_url=BASE_URL, strict=True, default_count=20, max_count=20, now_ms=0
    ).tree

    def work() -> None:
        for resource, held in zip(observations, entries, strict=True):
            match.matches(tree, held, type_="Observation", id_=resource["id"], updated=0)

    return min(microseconds(work, len(observations)) for _ in range(ROUNDS))


def microseconds(work: Callable[[], object], count: int) -> float:
    """Processor time for each of `count`, without the garbage collector, whose work is the server's to place."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        work()
        return (time.process_time() - began) / count * 1e6
    finally:
        gc.enable()
