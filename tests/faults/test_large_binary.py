"""A Binary of 100 MB through the whole server, in and out: it never stands in a worker's memory."""

import base64
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.test_run import running

MIB = 1024 * 1024
SIZE = 100 * MIB
MOST_GROWTH = 60 * MIB
PREFIX = b'"data":"'


def content() -> Iterator[bytes]:
    source = random.Random(7)
    for _ in range(SIZE // MIB):
        yield source.randbytes(MIB)


def memory(pid: int, field: str) -> int:
    """A field of the process's status in bytes: VmRSS is what it holds, VmHWM the most that it held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


def decoded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The content of a Binary as FHIR JSON, from the text in pieces."""
    text = b""
    while PREFIX not in text:
        text += next(pieces)
    text = text.partition(PREFIX)[2]
    for piece in pieces:
        whole = len(text) - len(text) % 4
        yield base64.b64decode(text[:whole])
        text = text[whole:] + piece
    yield base64.b64decode(text.partition(b'"')[0])


def digest(pieces: Iterator[bytes]) -> str:
    made = hashlib.sha256()
    for piece in pieces:
        made.update(piece)
    return made.hexdigest()


@pytest.mark.long
def test_a_hundred_megabytes_in_and_out_in_flat_memory(tmp_path: Path) -> None:
    expected = digest(content())
    with running(tmp_path) as server, httpx.Client(base_url=f"{server.base}/", timeout=120) as client:
        (worker,) = server.children("fhir_server.worker")
        assert client.get("metadata").status_code == httpx.codes.OK
        before = memory(worker, "VmRSS")
        Path(f"/proc/{worker}/clear_refs").write_text("5")  # forgets the peak of the start

        made = client.put("Binary/scan", content=content(), headers={"Content-Type": "application/dicom"})
        assert made.status_code == httpx.codes.CREATED
        with client.stream("GET", "Binary/scan", headers={"Accept": "application/dicom"}) as answer:
            assert answer.headers["Content-Length"] == str(SIZE)
            assert digest(answer.iter_bytes(MIB)) == expected
        with client.stream("GET", "Binary/scan", headers={"Accept": "application/fhir+json"}) as answer:
            assert answer.headers["Content-Type"].startswith("application/fhir+json")
            assert digest(decoded(answer.iter_bytes(MIB))) == expected
        again = client.put("Binary/scan", content=content(), headers={"Content-Type": "application/dicom"})
        assert again.headers["ETag"] == 'W/"1"'

        assert memory(worker, "VmHWM") - before < MOST_GROWTH
