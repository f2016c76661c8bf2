"""The SMART JavaScript client (npm `fhirclient`) reads, pages, writes and deletes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.clients.conftest import Hospital

FOLDER = Path(__file__).parent / "javascript"


def test_it_reads_pages_writes_and_deletes(hospital: Hospital) -> None:
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    assert node, "Node.js is missing: make test installs it with the development dependencies"
    assert (FOLDER / "node_modules").is_dir(), "make test installs the JavaScript client: npm ci in tests/clients"

    script = [node, str(FOLDER / "read_and_search.js"), hospital.base_url, hospital.patient]
    done = subprocess.run(script, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["family"] == "Lovelace"
    assert seen["total"] == 1
    assert sorted(seen["observations"]) == list(hospital.observations)
    assert seen["subject"] == "Patient"
    assert (seen["version"], seen["text"], seen["gone"]) == ("2", "patched", 410)
