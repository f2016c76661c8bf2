"""The examples of the README, typed as they stand, against a server with its demo hospital."""

import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from hospital.demo import bundles
from resources import json_codec
from tests.api.conftest import running

README = (Path(__file__).parent.parent.parent / "README.md").read_text()
EXAMPLES = re.findall(r"```sh\n(.*?)```\n```text\n(.*?)```", README, re.DOTALL)
ADDRESS = "http://127.0.0.1:8000/fhir"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def demo_url(mongo_uri: str) -> Iterator[str]:
    """A server with the demo hospital, as a new one has it."""
    database = f"test_{uuid.uuid4().hex}"
    with running(mongo_uri, database) as base_url:
        for bundle in bundles():
            headers = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}
            answer = httpx.post(base_url, content=json_codec.encode(bundle), headers=headers, timeout=60)
            assert answer.status_code == 200, answer.text
        yield base_url
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        client.drop_database(database)


def test_there_are_examples_and_each_shell_block_says_what_to_expect() -> None:
    assert len(EXAMPLES) >= 18
    assert README.count("```sh\n") == len(EXAMPLES)


@pytest.mark.parametrize(("commands", "expected"), EXAMPLES)
def test_an_example_answers_what_it_says(demo_url: str, commands: str, expected: str, tmp_path: Path) -> None:
    typed = commands.replace(ADDRESS, demo_url)

    done = subprocess.run(
        ["bash", "-e"], input=typed, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    for line in expected.splitlines():
        assert line.strip() in done.stdout, done.stdout
