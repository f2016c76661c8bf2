"""A resource has only so many entries, and is refused as soon as they are more."""

import time
from typing import Any

import pytest

from fhir_server.search.extract import complete, extract
from fhir_server.search.types.sink import MOST_ENTRIES, Bounded
from resources import json_codec
from resources.outcome import PayloadTooLarge
from resources.parameters import BASE

URL = "http://example.org/fhir"


def named(count: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"given": [f"{number:x}" for number in range(count)]}]}


def test_too_many_entries_are_refused_early() -> None:
    resource = named(1_000_000)
    text = json_codec.encode(resource)
    start = time.process_time()
    with pytest.raises(PayloadTooLarge, match="values to find it by") as caught:
        complete(resource, text, URL, BASE, bounded=True)
    assert time.process_time() - start < 2
    assert caught.value.issues[0].code == "too-costly"


def test_many_entries_are_the_same_bounded_or_not() -> None:
    resource = named(20_000)
    text = json_codec.encode(resource)
    assert complete(resource, text, URL, BASE, bounded=True) == extract(resource, URL)


def test_a_bounded_list_takes_as_many_however_they_come() -> None:
    held = Bounded[int]()
    held += range(MOST_ENTRIES - 2)
    held.append(1)
    held.extend([2])
    assert len(held) == MOST_ENTRIES
    with pytest.raises(PayloadTooLarge):
        held += [3]
