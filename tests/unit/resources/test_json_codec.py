import copy
import pickle
import time
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest

from resources import json_codec
from resources.outcome import BadRequest, PayloadTooLarge


@pytest.mark.parametrize(
    "text",
    ["1.50", "1E3", "1e-3", "-0.0", "-0", "0.00000001", "0", "-7", "9223372036854775807", "-9223372036854775808",
     "9223372036854775808", "123456789012345678901234567890123456789.5", "9" * 100, "1e1000", "1e-1000",
     '"\u00e9\U0001f600"', '{"b":1,"a":{"d":2,"c":[]}}', "[null,true,false]", '""'],
)  # fmt: skip
def test_what_comes_in_goes_out(text: str) -> None:
    assert json_codec.encode(json_codec.decode(text.encode())).decode() == text


@pytest.mark.parametrize(
    ("text", "type_"),
    [("1", int), ("9223372036854775807", int), ("1.0", Decimal), ("1e3", Decimal), ("-0", Decimal),
     ("9223372036854775808", Decimal), ("9" * 30, Decimal), ("-" + "9" * 100, Decimal)],
)  # fmt: skip
def test_types_of_numbers(text: str, type_: type) -> None:
    value = json_codec.decode(text.encode())
    assert isinstance(value, type_)
    assert value == Decimal(text)


def test_a_byte_order_mark_is_tolerated() -> None:
    assert json_codec.decode(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


def test_white_space_and_escapes_are_read() -> None:
    assert json_codec.decode(b' {\n"a" :\t"\\u00e9\\n\\ud83d\\ude00\\u003a\\/" }\r\n') == {"a": "\u00e9\n\U0001f600:/"}


def test_numerals_survive_copies() -> None:
    value = json_codec.decode(b"1E3")
    assert str(value) == "1E3"
    assert [str(copy.copy(value)), str(copy.deepcopy(value))] == ["1E3", "1E3"]
    assert str(pickle.loads(pickle.dumps(value))) == "1E3"  # our own pickle
    assert hash(value) == hash(Decimal(1000))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b'{"a":1', "line 1, column 7"),
        (b'{"a":1,}', "line 1, column 8"),
        (b'{\n"a" 1}', "line 2, column 5"),
        (b"{} {}", "line 1, column 4"),
        (b"[01]", "line 1"),
        (b"[1.]", "line 1"),
        (b"[.5]", "line 1"),
        (b"[+1]", "line 1"),
        (b"{'a':1}", "line 1, column 2"),
        (b"nul", "line 1, column 1"),
        (b'["\t"]', "Invalid control character at line 1, column 3"),
        (b'["\x00"]', "Invalid control character at line 1, column 3"),
        (b'["\xff"]', "not UTF-8: byte 2 is 0xff"),
        (b'["\xed\xa0\x80"]', "not UTF-8: byte 2"),
        (b'["\xc0\x80"]', "not UTF-8: byte 2"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8: byte 0"),
        (b'{"a":[NaN]}', r"a\[0\]: the number NaN is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b'{"a":{"b":1,"b":2}}', "a: the member b occurs more than once"),
        (b'{"a":1, "\\u0061":1}', "The body: the member a occurs more than once"),
        (b'{"a":":","a":"\\u003a"}', "the member a occurs more than once"),
        (b'{"resourceType":"Patient","name":[{"text":"a\\u0000"}]}', r"Patient\.name\[0\]\.text contains .* U\+0000"),
        (b'{"\\u0000":1}', r"U\+0000"),
        (b'"\\ud800"', "surrogate"),
        (b'{"a":"\\udc00\\ud800"}', "a contains half of a surrogate pair"),
        (b'{"a":1e1001}', "a: the number 1e1001 has"),
        (b"1e99999999999999999999", "too large an exponent"),
        (b"0e5000", "too large an exponent"),
        (b"1" * 101, "over 100 digits"),
        (b"1" * 5000, "over 100 digits"),
        (b"0." + b"1" * 100, "over 100 digits"),
        (b"[" * 101 + b"]" * 101, "more than 100 levels deep"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "more than 100 levels deep"),
        (b"[" * 100_000, "more than 100 levels deep"),
        (b"[" * 10_000 + b"]" * 10_000, "more than 100 levels deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "more than 100 levels deep"),
    ],
)  # fmt: skip
def test_what_is_refused_and_with_which_words(raw: bytes, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        json_codec.decode(raw)


def test_a_hundred_levels_are_allowed() -> None:
    raw = b"[" * 100 + b"]" * 100
    assert json_codec.encode(json_codec.decode(raw)) == raw


@pytest.mark.parametrize("text", ["-0", "-0.0", "1E3", "123456789012345678901234567890", '"-0"', '"x\\u0001é"', "1.50"])
def test_what_is_stored_is_read_whatever_stands_around_it(text: str) -> None:
    raw = ("[" * 120 + text + "]" * 120).encode()
    assert json_codec.encode(json_codec.decode_own(raw)) == raw
    dense = b"[" + b",".join([b"1"] * 300_000) + b"]"
    assert json_codec.encode(json_codec.decode_own(dense)) == dense


def test_all_problems_are_named_at_once() -> None:
    names = b'[{"text":"\\u0000"},{"text":"\\ud800"}]'
    with pytest.raises(BadRequest) as caught:
        json_codec.decode(b'{"resourceType":"Patient","id":"\\u0000","id":"a","name":' + names + b"}")
    expressions = [issue.expression for issue in caught.value.issues]
    assert expressions == ["Patient", "Patient.name[0].text", "Patient.name[1].text"]


def test_colons_and_brackets_in_strings_are_text() -> None:
    value: dict[str, Any] = {"a:": "x:y" * 50, "b": "[{" * 200, "c": '":'}
    assert json_codec.decode(json_codec.encode(value)) == value


def test_sorted_bytes_are_equal_for_the_same_content() -> None:
    one, other = json_codec.decode(b'{"a":{"c":1.50,"b":2},"d":3}'), json_codec.decode(b'{"d":3,"a":{"b":2,"c":1.50}}')
    assert json_codec.encode_sorted(one) == json_codec.encode_sorted(other) == b'{"a":{"b":2,"c":1.50},"d":3}'


def test_pretty_changes_white_space_only() -> None:
    raw = b'{"a":[1.50,1E3,{}],"b":"\\u00e9:{"}'
    pretty = json_codec.pretty(raw)
    assert b"\n  " in pretty
    assert b"1.50" in pretty
    assert b"1E3" in pretty
    assert json_codec.decode(pretty) == json_codec.decode(raw)


def test_what_is_not_json_is_not_encoded() -> None:
    with pytest.raises(TypeError, match="object is not JSON"):
        json_codec.encode({"a": object()})


def test_many_repeated_members_are_told_quickly_and_not_all() -> None:
    names = ",".join(f'"k{number}":1' for number in range(20_000))
    started = time.process_time()
    with pytest.raises(BadRequest) as refused:
        json_codec.decode(f"{{{names},{names}}}".encode())
    assert len(refused.value.issues) == json_codec.MAX_PROBLEMS
    assert time.process_time() - started < 2


def test_a_large_deep_text_is_decoded_without_a_copy_many_times_its_size() -> None:
    text = b"[" * 99 + b",".join([b'"abcdefg"'] * 700_000) + b"]" * 99
    tracemalloc.start()
    json_codec.decode(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * len(text)
    with pytest.raises(BadRequest, match="nested"):
        json_codec.decode(b"[" + b"[" + text + b"]" + b"]")


def test_a_large_body_of_nothing_is_refused_before_it_takes_memory() -> None:
    for piece, count in ((b"{}", 700_000), (b"1e1", 700_000), (b'"abcdefghijkl"', 4_000_001)):
        text = b"[" + b",".join([piece] * count) + b"]"
        tracemalloc.start()
        with pytest.raises(PayloadTooLarge, match="values"):
            json_codec.decode(text)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1_000_000


@pytest.mark.parametrize("repeated", [b"", b'"a":1,"a":2,'])
def test_numbers_of_one_body_are_bounded(repeated: bytes) -> None:
    allowed, more = b"1.5," * json_codec.MAX_NUMBERS, b'"' + b"x" * 5_000_000 + b'"'
    assert len(json_codec.decode(b'{"b":[' + allowed + more + b"]}")["b"]) == json_codec.MAX_NUMBERS + 1
    with pytest.raises(PayloadTooLarge, match="numbers"):
        json_codec.decode(b"{" + repeated + b'"b":[' + allowed + b"1e1," + more + b"]}")


def test_honest_bodies_are_far_from_the_bounds() -> None:
    entry = b'{"a":{"value":1.5,"unit":"mg","code":"mg"},"b":"text"}'
    assert len(json_codec.decode(b"[" + b",".join([entry] * 100_000) + b"]")) == 100_000
