"""HL7's 5,306 official examples through the codecs: JSON keeps every digit, XML keeps everything.

Member order is the definition's after XML, so resources are compared with their members sorted.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from resources import json_codec, xml_codec

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def bodies(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each example."""
    for path in sorted(directory.glob("*.json")):
        if path.name != "package.json":
            yield path.name, path.read_bytes()


def digits(raw: bytes) -> Any:
    """The value with its numbers as they are written."""
    return json.loads(raw, parse_int=str, parse_float=str)


def test_all_examples_come_back_through_json(official_examples: Path) -> None:
    names = [name for name, _ in bodies(official_examples)]
    changed = [
        name
        for name, raw in bodies(official_examples)
        if digits(json_codec.encode(json_codec.decode(raw))) != digits(raw)
    ]
    assert len(names) == 5306
    assert changed == []


def test_all_examples_come_back_through_xml(official_examples: Path) -> None:
    changed = []
    for name, raw in bodies(official_examples):
        resource = json_codec.decode(raw)
        back = xml_codec.decode(xml_codec.encode(resource))
        if json_codec.encode_sorted(back) != json_codec.encode_sorted(resource):
            changed.append(name)
    assert changed == []
