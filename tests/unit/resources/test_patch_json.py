import time
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from resources import json_codec, patch_json
from resources.outcome import BadRequest, Unprocessable

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "active": True,
    "name": [{"family": "Chalmers", "given": ["Peter", "James"]}],
    "multipleBirthInteger": 1,
}


def patched(*operations: Any, document: Any = PATIENT) -> Any:
    before = deepcopy(document)
    try:
        return patch_json.apply(document, list(operations))
    finally:
        assert document == before, "the argument was changed"


def op(name: str, path: str, **members: Any) -> dict[str, Any]:
    return {"op": name, "path": path, **members}


def test_add_sets_a_member() -> None:
    assert patched(op("add", "/gender", value="male"))["gender"] == "male"


def test_add_replaces_a_member_that_is_there() -> None:
    assert patched(op("add", "/active", value=False))["active"] is False


@pytest.mark.parametrize(
    ("token", "given"),
    [("0", ["X", "Peter", "James"]), ("1", ["Peter", "X", "James"]), ("2", ["Peter", "James", "X"]),
     ("-", ["Peter", "James", "X"])],
)  # fmt: skip
def test_add_inserts_into_an_array(token: str, given: list[str]) -> None:
    assert patched(op("add", f"/name/0/given/{token}", value="X"))["name"][0]["given"] == given


def test_add_at_the_root_replaces_the_document() -> None:
    assert patched(op("add", "", value={"resourceType": "Basic"})) == {"resourceType": "Basic"}


def test_remove() -> None:
    assert patched(op("remove", "/name/0/given/0"))["name"] == [{"family": "Chalmers", "given": ["James"]}]


def test_replace_keeps_the_place_of_the_member() -> None:
    assert list(patched(op("replace", "/active", value=False))) == list(PATIENT)


def test_replace_needs_something_to_replace() -> None:
    with pytest.raises(Unprocessable, match=r"Operation 0 .*replace '/gender'.*no 'gender'"):
        patched(op("replace", "/gender", value="male"))


def test_move_within_an_array() -> None:
    moved = patched(op("move", "/name/0/given/0", **{"from": "/name/0/given/1"}))
    assert moved["name"][0]["given"] == ["James", "Peter"]


def test_move_onto_itself_changes_nothing() -> None:
    assert patched(op("move", "/name", **{"from": "/name"})) == PATIENT


def test_move_into_itself_is_refused() -> None:
    with pytest.raises(Unprocessable, match="into itself"):
        patched(op("move", "/name/0/given", **{"from": "/name"}))


def test_copy_is_independent_of_its_source() -> None:
    copied = patched(op("copy", "/other", **{"from": "/name"}), op("add", "/other/0/family", value="X"))
    assert copied["name"] == PATIENT["name"]


def test_copies_cannot_grow_without_bound() -> None:
    with pytest.raises(Unprocessable, match="copies more than"):
        patched(*[op("copy", "/a/-", **{"from": "/a"})] * 60, document={"a": [1]})


def test_nesting_stays_within_the_limit_of_json() -> None:
    deep = json_codec.decode(b"[" * 99 + b"]" * 99)
    assert patched(op("add", "/a", value=deep), document={}) == {"a": deep}
    with pytest.raises(Unprocessable, match="levels deep"):
        patched(op("add", "/a", value=[deep]), document={})
    with pytest.raises(Unprocessable, match="levels deep"):
        patched(op("replace", "/a", value=[deep]), document={"a": 1})


@pytest.mark.parametrize(
    ("there", "asked", "equal"),
    [
        (Decimal("1.50"), Decimal("1.5"), True),
        (1, Decimal("1.0"), True),
        (1, True, False),
        (0, False, False),
        ("1", 1, False),
        (None, False, False),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, True),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
    ],
)
def test_test(there: Any, asked: Any, equal: bool) -> None:
    document = {"a": there}
    if equal:
        assert patched(op("test", "/a", value=asked), document=document) == document
    else:
        with pytest.raises(Unprocessable, match="another one"):
            patched(op("test", "/a", value=asked), document=document)


def test_pointers_escape_tilde_and_slash() -> None:
    assert patched(op("remove", "/a~1b"), op("remove", "/~01"), document={"a/b": 1, "~1": 2, "/": 3}) == {"/": 3}


def test_an_empty_token_is_a_member_name() -> None:
    assert patched(op("remove", "/"), document={"": 1, "a": 2}) == {"a": 2}


@pytest.mark.parametrize("token", ["01", "-1", "+1", "1.0", "3", "x", "9" * 5000, "\u0661"])
def test_what_is_no_index_is_refused(token: str) -> None:
    with pytest.raises(Unprocessable, match="not an index"):
        patched(op("add", f"/name/0/given/{token}", value="X"))


@pytest.mark.parametrize("operation", [op("remove", "/name/-"), op("test", "/name/-", value=1), op("remove", "")])
def test_what_is_not_there_cannot_be_removed_or_tested(operation: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable):
        patched(operation)


def test_nothing_is_below_a_single_value() -> None:
    with pytest.raises(Unprocessable, match="single value"):
        patched(op("remove", "/active/x"))
    with pytest.raises(Unprocessable, match="neither an array nor an object"):
        patched(op("add", "/active/x", value=1))


def test_null_is_a_value() -> None:
    assert patched(op("add", "/a", value=None), document={}) == {"a": None}


def test_all_faults_of_a_malformed_patch_are_named() -> None:
    with pytest.raises(BadRequest) as caught:
        patched(
            5, op("merge", "/a"), {"op": "add"}, op("move", "/a"),
            op("remove", "a"), op("remove", "/~2"), op("add", "/a"),
        )  # fmt: skip
    words = [issue.diagnostics for issue in caught.value.issues]
    assert [text.split()[1] for text in words] == ["0", "1", "2", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("patch", [{}, "add", None, 1])
def test_a_patch_is_an_array(patch: Any) -> None:
    with pytest.raises(BadRequest, match="array of operations"):
        patch_json.apply(PATIENT, patch)


def test_nothing_of_a_patch_stays_when_one_operation_fails() -> None:
    with pytest.raises(Unprocessable, match="Operation 1 "):
        patched(op("add", "/active", value=False), op("test", "/active", value=True))


def test_digits_survive() -> None:
    document = json_codec.decode(b'{"a":1E3,"b":1.50}')
    result = patched(op("copy", "/c", **{"from": "/a"}), document=document)
    assert json_codec.encode(result) == b'{"a":1E3,"b":1.50,"c":1E3}'


def test_moves_of_a_long_list_do_not_walk_it_each_time() -> None:
    document = {"a": {"b": [{"c": str(number)} for number in range(20_000)]}}
    there, back = op("move", "/a/x", **{"from": "/a/b"}), op("move", "/a/b", **{"from": "/a/x"})
    start = time.process_time()
    assert patched(*[there, back] * 4_000, document=document) == document
    assert time.process_time() - start < 2


def test_moves_cannot_nest_without_bound() -> None:
    document = {"a": {"b": {}}, "c": json_codec.decode(b"[" * 98 + b"]" * 98)}
    moved = patched(op("move", "/a/c", **{"from": "/c"}), document=document)
    assert moved == {"a": {"b": {}, "c": document["c"]}}
    with pytest.raises(Unprocessable, match="levels deep"):
        patched(op("move", "/a/b/c", **{"from": "/c"}), document=document)
    deeper = [op("add", "/a", value={}), *[op("move", "/b/a", **{"from": "/a"}), op("move", "/a", **{"from": "/b"}),
              op("add", "/b", value={})] * 2_000]  # fmt: skip
    with pytest.raises(Unprocessable, match="levels deep"):
        patched(*deeper, document={"b": {}})
    with pytest.raises(Unprocessable, match="levels deep"):
        patched(*deeper, op("copy", "/c", **{"from": "/a"}), document={"b": {}})


def test_long_texts_are_not_copied_without_bound() -> None:
    with pytest.raises(Unprocessable, match="copies more than"):
        patched(*[op("copy", "/a/-", **{"from": "/a/0"})] * 100, document={"a": ["x" * 1_000_000]})
