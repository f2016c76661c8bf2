"""HL7's published R4 4.0.1 definitions as data (CC0-1.0), made by `scripts/build_definitions.py`, and their loader."""

from __future__ import annotations

import gzip
from importlib.resources import files
from typing import Any

import msgspec


def load(name: str, shape: Any = Any) -> Any:
    """The content of `<name>.json.gz`, decoded into `shape` (any of msgspec's types): structures, search-parameters,
    compartments, codes or terminology."""
    packed = files(__package__).joinpath(f"{name}.json.gz").read_bytes()
    return msgspec.json.decode(gzip.decompress(packed), type=shape)
