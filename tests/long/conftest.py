"""What the long tests share: HL7's examples, fetched once into `.cache/` of the working copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

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
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # Node.js is a development package
            npm = shutil.which("npm", path=path)
            assert npm is not None, "npm is needed to fetch HL7's examples"
            command = [npm, "pack", "--silent", f"{EXAMPLES}@{VERSION}"]
            subprocess.run(command, cwd=directory, env=os.environ | {"PATH": path}, check=True)
            (archive,) = Path(directory).glob("*.tgz")
            with tarfile.open(archive) as tar:
                unpack(tar, Path(directory))
            _move(Path(directory) / "package", unpacked)
    return unpacked


def unpack(tar: tarfile.TarFile, directory: Path) -> None:
    """Only files and folders, and only below the directory. Python before 3.11.4 has no filter that sees to it."""
    if hasattr(tarfile, "data_filter"):
        tar.extractall(directory, filter="data")
        return
    for member in tar.getmembers():
        path = PurePosixPath(member.name)
        assert member.isfile() or member.isdir(), f"{member.name} is neither a file nor a folder"
        assert not path.is_absolute(), f"{member.name} leads out of the archive"
        assert ".." not in path.parts, f"{member.name} leads out of the archive"
    tar.extractall(directory)


def _move(source: Path, target: Path) -> None:
    """At once, so that a parallel worker sees all files or none; whoever is second finds it done."""
    try:
        source.rename(target)
    except OSError:
        assert target.exists()
