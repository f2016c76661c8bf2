"""HL7's published R4 4.0.1 definitions as data (CC0-1.0), made by `scripts/build_definitions.py`, and their loader."""

from __future__ import annotations

import gzip
from importlib.resources import files
from typing import Any

import msgspec


def load(name: str) -> Any:
    """The decoded content of `<name>.json.gz`: structures, search-parameters, compartments or codes."""
    return msgspec.json.decode(gzip.decompress(files(__package__).joinpath(f"{name}.json.gz").read_bytes()))
