"""HL7's own ValueSets and CodeSystems of R4 4.0.1, read from the definitions that come with this server.

Rule: nothing is read before it is asked for; then the JSON text of all is kept (about a megabyte), and what was used
last is kept decoded.
"""

from __future__ import annotations

from functools import cache, lru_cache

import msgspec

from resources import definitions
from resources.terminology import shapes, systems
from resources.terminology.lookups import Found, Wanted
from resources.terminology.shapes import CodeSystem, ValueSet


def find(wanted: Wanted) -> Found:
    """The resource, None where HL7 publishes none with this url or it has another version."""
    found = _found(wanted.type, wanted.url)
    if found is not None and wanted.version in (None, found.version):
        return found
    return _found(wanted.type, f"{wanted.url}|{wanted.version}")  # so are the older ones of v2's tables published


@lru_cache(maxsize=128)
def _found(type_: str, url: str) -> Found:
    text = _texts()[type_].get(url)
    if text is None:
        return None
    if type_ == "ValueSet":
        return shapes.decode(text, ValueSet)
    return systems.prepare(shapes.decode(text, CodeSystem))


@cache
def _texts() -> dict[str, dict[str, msgspec.Raw]]:
    """Type → canonical url → JSON text."""
    found: dict[str, dict[str, msgspec.Raw]] = definitions.load("terminology", dict[str, dict[str, msgspec.Raw]])
    return found
