"""What every figure starts from: an embedded mongod of its own in a directory that is removed afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fhir_server.embedded import EmbeddedMongo


@dataclass(frozen=True, slots=True)
class Mongo:
    """A running mongod."""

    uri: str
    pid: int


@contextmanager
def mongo(cache_gb: float = 2.0) -> Iterator[Mongo]:
    """A fresh mongod with a cache of this many gigabytes."""
    with tempfile.TemporaryDirectory(prefix="fhir-bench-") as folder:
        embedded = EmbeddedMongo(Path(folder), cache_gb)
        with embedded:
            assert embedded.process is not None
            yield Mongo(embedded.uri, embedded.process.pid)
