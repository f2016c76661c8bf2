"""`_summary` and `_elements` of reads and histories, and the text of the part of a version that they ask for.

Rule: a part is made anew from the stored text each time, and never stored.
See https://hl7.org/fhir/R4/search.html#summary and https://hl7.org/fhir/R4/search.html#elements.
"""

from __future__ import annotations

from typing import Literal

from fhir_server.model import Pairs, Version
from resources import json_codec, subsets
from resources.outcome import BadRequest
from resources.subsets import Subset

PARAMETERS = ("_summary", "_elements")


def asked(pairs: Pairs, type_: str | None) -> Subset | Literal["count"] | None:
    """What `_summary` and `_elements` among the pairs ask for; None for everything.

    `type_` is the type of the resources, None for all types. Raises BadRequest.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise BadRequest(f"{name} is given twice.")
        if name in PARAMETERS:
            found[name] = value
    summary = subsets.parse_summary(found["_summary"]) if "_summary" in found else None
    if "_elements" not in found:
        return summary
    elements = subsets.parse_elements(found["_elements"], (type_,) if type_ else ())
    if type_ and not elements.covers(type_):
        raise BadRequest(f"Parameter _elements names no element of {type_}.", code="value")
    if summary is not None:
        raise BadRequest("Give either _summary or _elements: together they ask for two different parts.")
    return elements


def texts(subset: Subset, version: Version) -> bytes:
    """The text of the part of a version, empty for a deletion. Where the content of a Binary is kept apart from its
    text, it is not in the part either."""
    if version.text is None or not subset.covers(version.type):
        return version.text or b""
    return json_codec.encode(subsets.apply(subset, json_codec.decode_own(version.text)))
