"""What the long tests share: HL7's examples, fetched once into `.cache/` of the working copy."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

EXAMPLES = "hl7.fhir.r4.examples"
VERSION = "4.0.1"


@pytest.fixture(scope="session")
def official_examples(pytestconfig: pytest.Config) -> Path:
    """The directory of HL7's 5,306 R4 examples, a JSON file each (beside a `package.json`)."""
    cache = pytestconfig.rootpath / ".cache"
    unpacked = cache / f"{EXAMPLES}-{VERSION}"
    if not unpacked.exists():
        cache.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            npm = shutil.which("npm")
            assert npm is not None, "npm is needed to fetch HL7's examples"
            subprocess.run([npm, "pack", "--silent", f"{EXAMPLES}@{VERSION}"], cwd=directory, check=True)
            (archive,) = Path(directory).glob("*.tgz")
            with tarfile.open(archive) as tar:
                tar.extractall(directory, filter="data")
            _move(Path(directory) / "package", unpacked)
    return unpacked


def _move(source: Path, target: Path) -> None:
    """At once, so that a parallel worker sees all files or none; whoever is second finds it done."""
    try:
        source.rename(target)
    except OSError:
        assert target.exists()
