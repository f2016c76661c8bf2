"""Version ⇄ document: exact, and the tree is left out where BSON cannot carry it."""

from decimal import Decimal
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.document import codec, layout
from fhir_server.model import Version
from fhir_server.search.extract import Extracted
from resources import json_codec
from resources.outcome import PayloadTooLarge

EXTRACTED = Extracted(["Patient.active|true|"], [{"k": "Patient.birthdate", "lo": 1, "hi": 2}], {"date": 1}, [], [])
TEXT = b'{"resourceType":"Patient","id":"1"}'


def version(text: bytes | None = TEXT, **facts: Any) -> Version:
    return Version("Patient", "1", 3, 1_700_000_000_000_001, "PUT", text, ("Patient/1",), **facts)


def tree(resource: dict[str, Any]) -> Any:
    """The stored tree of a resource, None where it was left out."""
    stored = codec.to_document(version(json_codec.encode(resource)), resource, EXTRACTED)
    return bson.decode(stored.raw).get(layout.TREE)


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"x": value}
    return value


@pytest.mark.parametrize("stored", [version(), version(None), version(blob="b")], ids=["text", "tombstone", "blob"])
def test_version_comes_back(stored: Version) -> None:
    assert codec.to_version(codec.to_document(stored, {"resourceType": "Patient", "id": "1"}, EXTRACTED)) == stored
    assert codec.to_version(codec.to_superseded(stored, until=5)) == stored


def test_document_says_what_the_layout_names() -> None:
    stored = bson.decode(codec.to_document(version(), {"resourceType": "Patient", "id": "1"}, EXTRACTED).raw)
    assert stored == {
        layout.ID: "Patient/1",
        layout.TYPE: "Patient",
        layout.VERSION: 3,
        layout.UPDATED: 1_700_000_000_000_001,
        layout.METHOD: "PUT",
        layout.TEXT: TEXT,
        layout.TREE: {"resourceType": "Patient", "id": "1"},
        layout.INDEX: EXTRACTED.index,
        layout.RANGES: EXTRACTED.ranges,
        layout.SORT: EXTRACTED.sort,
        layout.COMPARTMENTS: ["Patient/1"],
    }


def test_superseded_has_its_end_and_nothing_to_find_it_by() -> None:
    stored = dict(codec.to_superseded(version(), until=1_800_000_000_000_000))
    assert stored[layout.ID] == "Patient/1/3"
    assert stored[layout.KEY] == "Patient/1"
    assert stored[layout.UNTIL] == 1_800_000_000_000_000
    assert {layout.INDEX, layout.RANGES, layout.SORT, layout.TREE}.isdisjoint(stored)


def test_tombstone_has_neither_text_nor_entries() -> None:
    stored = dict(codec.to_document(version(None), None, None))
    assert stored[layout.DELETED] is True
    assert {layout.TEXT, layout.TREE, layout.INDEX, layout.RANGES, layout.SORT}.isdisjoint(stored)


@pytest.mark.parametrize(
    "digits", ["1.50", "0.00", "-0.0", "1E3", "1e-7", "100000000000000000000", "0.000000000000000000000000000000001234"]
)
def test_tree_keeps_the_digits(digits: str) -> None:
    resource = json_codec.decode(b'{"value":%b}' % digits.encode())
    assert tree(resource)["value"].to_decimal().as_tuple() == Decimal(digits).as_tuple()


@pytest.mark.parametrize(
    "resource",
    [
        {"value": Decimal("1." + "2" * 34)},
        {"value": Decimal("1E-6200")},
        {"$where": "1"},
        {"a": [{"b.c": 1}]},
        {"a\0b": 1},
        {"value": 2**63},
        nested(codec.MAX_TREE_DEPTH + 1),
    ],
    ids=["35 digits", "exponent", "dollar", "dot", "NUL", "65 bits", "depth"],
)
def test_tree_is_left_out_where_bson_cannot_carry_it(resource: dict[str, Any]) -> None:
    assert tree(resource) is None


def test_tree_of_the_greatest_depth_is_kept() -> None:
    deepest = nested(codec.MAX_TREE_DEPTH)
    assert tree(deepest) == deepest


def test_tree_of_a_large_text_is_left_out() -> None:
    assert tree({"text": "x" * codec.MAX_TREE_TEXT_BYTES}) is None
    assert tree({"text": "x" * (codec.MAX_TREE_TEXT_BYTES - 100)}) is not None


def test_a_text_of_twelve_megabytes_fits() -> None:
    stored = codec.to_document(version(b"x" * 12_582_912), {}, EXTRACTED)
    assert layout.TREE not in stored
    assert len(stored.raw) <= codec.MAX_DOCUMENT_BYTES


def test_tree_makes_room_for_entries_before_the_document_is_refused() -> None:
    resource = {"text": "x" * 3_900_000}
    many = Extracted(["e" * 1_000_000] * 10, [], {}, [], [])
    text = json_codec.encode(resource)
    assert layout.TREE not in codec.to_document(version(text), resource, many)
    with pytest.raises(PayloadTooLarge, match="Patient/1"):
        codec.to_document(version(text), resource, Extracted(["e" * 1_000_000] * 14, [], {}, [], []))


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**63 - 1)
            | st.text()
            | st.decimals(allow_nan=False, allow_infinity=False),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=12,
        ),
    )
)
def test_whatever_json_holds_is_stored_and_its_text_comes_back(resource: dict[str, Any]) -> None:
    text = json_codec.encode(resource)
    assert codec.to_version(codec.to_document(version(text), resource, EXTRACTED)).text == text
