"""Preconditions, Prefer and the request's id."""

from datetime import UTC, datetime

import pytest

from fhir_server.http import headers
from fhir_server.model import Interaction, Preconditions, Prefer
from resources.outcome import BadRequest


def test_lists_in_several_lines_are_joined() -> None:
    raw = [(b"prefer", b"return=minimal"), (b"prefer", b"handling=strict"), (b"x-a", b"1"), (b"x-a", b"2")]
    collected = headers.collect(raw)
    assert headers.prefer(collected) == Prefer("minimal", "strict")
    assert collected[b"x-a"] == b"2"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("return=minimal", Prefer("minimal")),
        ("return=OperationOutcome", Prefer("OperationOutcome")),
        ('return="representation"', Prefer("representation")),
        ("respond-async, HANDLING=Lenient, return=minimal", Prefer("minimal", "lenient")),
        ("return=minimal, return=representation", Prefer("minimal")),
        ("return=everything; handling=loose", Prefer()),
        ("", Prefer()),
    ],
)
def test_prefer(value: str, expected: Prefer) -> None:
    assert headers.prefer({b"prefer": value.encode()}) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("if-match", 'W/"3"', Preconditions(if_match=("3",))),
        ("if-match", '"3"', Preconditions(if_match=("3",))),
        ("if-match", 'W/"1", W/"2"', Preconditions(if_match=("1", "2"))),
        ("if-match", "*", Preconditions(if_match=("*",))),
        ("if-none-match", "*", Preconditions(if_none_match=("*",))),
        ("if-none-match", 'W/"12"', Preconditions(if_none_match=("12",))),
        (
            "if-modified-since",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            Preconditions(if_modified_since=datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ),
        (
            "if-unmodified-since",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            Preconditions(if_unmodified_since=datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ),
        ("if-modified-since", "yesterday", Preconditions()),
        ("if-modified-since", "Sun, 99 Nov 1994 08:49:37 GMT", Preconditions()),
        ("if-none-exist", "identifier=a%7Cb", Preconditions(if_none_exist=(("identifier", "a|b"),))),
        ("if-none-exist", "?a=1&b=2", Preconditions(if_none_exist=(("a", "1"), ("b", "2")))),
        ("if-none-exist", "Patient?identifier=1", Preconditions(if_none_exist=(("identifier", "1"),))),
        ("if-none-exist", "identifier=http://a?b|1", Preconditions(if_none_exist=(("identifier", "http://a?b|1"),))),
        ("accept", "*/*", Preconditions()),
    ],
)
def test_preconditions(name: str, value: str, expected: Preconditions) -> None:
    interaction = Interaction.CREATE if name == "if-none-exist" else Interaction.UPDATE
    assert headers.preconditions({name.encode(): value.encode()}, "Patient", interaction) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("if-match", "3"),
        ("if-match", 'W/"3'),
        ("if-match", 'W/"1", *'),
        ("if-match", 'W/"1",'),
        ("if-match", ""),
        ("if-none-match", ""),
        ("if-unmodified-since", ""),
        ("if-unmodified-since", "yesterday"),
        ("if-none-match", '""'),
        ("if-none-exist", "?"),
        ("if-none-exist", "Observation?code=1"),
        ("if-none-exist", "identifier=%00"),
    ],
)
def test_malformed_preconditions(name: str, value: str) -> None:
    interaction = Interaction.CREATE if name == "if-none-exist" else Interaction.UPDATE
    with pytest.raises(BadRequest, match=r"must|contains|no search"):
        headers.preconditions({name.encode(): value.encode()}, "Patient", interaction)


@pytest.mark.parametrize("name", [b"if-unmodified-since", b"if-none-exist"])
def test_of_two_conditions_none_is_dropped(name: bytes) -> None:
    value = b"Sun, 06 Nov 1994 08:49:37 GMT" if name == b"if-unmodified-since" else b"identifier=1"
    interaction = Interaction.CREATE if name == b"if-none-exist" else Interaction.UPDATE
    with pytest.raises(BadRequest, match="given twice"):
        headers.preconditions(headers.collect([(name, value), (name, value)]), "Patient", interaction)


@pytest.mark.parametrize(
    ("name", "value", "interaction"),
    [
        ("if-match", 'W/"1"', Interaction.CREATE),
        ("if-match", 'W/"1"', Interaction.BUNDLE),
        ("if-match", 'W/"1"', Interaction.SEARCH_TYPE),
        ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT", Interaction.CREATE),
        ("if-none-exist", "identifier=1", Interaction.UPDATE),
        ("if-none-exist", "identifier=1", Interaction.BUNDLE),
    ],
)
def test_a_header_that_would_not_be_kept_to_is_refused(name: str, value: str, interaction: Interaction) -> None:
    with pytest.raises(BadRequest, match="means nothing for a"):
        headers.preconditions({name.encode(): value.encode()}, "Patient", interaction)


def test_sane_request_id_is_kept() -> None:
    assert headers.request_id({b"x-request-id": b"a-1:b.c_d"}) == "a-1:b.c_d"


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 65, b"a\r\nb", "ä".encode()])
def test_other_request_ids_are_replaced(given: bytes) -> None:
    made = headers.request_id({b"x-request-id": given})
    assert made != given.decode()
    assert len(made) == 16
    assert made != headers.request_id({})
