"""What is made of texts is made once, and cannot be made to grow."""

from __future__ import annotations

from fhir_server.search.types.remembered import Remembered


def test_it_is_made_once() -> None:
    made = iter(["first", "second"])
    remembered = Remembered(lambda *_: next(made), most=2, longest=4)
    assert [remembered["a", "b"], remembered["a", "b"], remembered["b", "a"]] == ["first", "first", "second"]


def test_what_is_long_is_not_kept() -> None:
    remembered = Remembered(str.upper, most=2, longest=4)
    assert remembered["abcde",] == "ABCDE"
    assert not remembered


def test_it_is_emptied_when_it_is_full() -> None:
    remembered = Remembered(str.upper, most=2, longest=4)
    assert [remembered[text,] for text in ("a", "b", "c")] == ["A", "B", "C"]
    assert list(remembered) == [("c",)]
