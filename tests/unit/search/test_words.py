"""Words of narratives and of all texts, counted by hand; what is asked for them is one small language."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.search import grammar
from fhir_server.search.extract import extract
from fhir_server.search.match import matches
from fhir_server.search.tree import All, Any_, Equals, Expr, StartsWith
from fhir_server.search.types.sounds import sounds
from fhir_server.search.types.words import LONGEST_WORD, MOST_WORDS, words
from resources.outcome import BadRequest
from resources.parameters import BASE, with_content

BASE_URL = "http://here.example/fhir"


def tree(name: str, text: str, type_: str | None = "Condition") -> Expr:
    return grammar.parse(
        type_, ((name, text),), parameters=with_content(), base_url=BASE_URL, strict=True, default_count=20,
        max_count=100, now_ms=0,
    ).tree  # fmt: skip


def finds(name: str, text: str, resource: dict[str, Any]) -> bool:
    extracted = extract({"resourceType": "Condition", "id": "1", **resource}, BASE_URL, with_content())
    return matches(tree(name, text), extracted, type_="Condition", id_="1", updated=0)


CONDITION = {
    "text": {
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p class="hidden">Bone <b>meta</b>stases, '
        "R&eacute;sum&eacute;</p><p>O’Brien&#39;s 3.5&nbsp;cm</p></div>",
    },
    "code": {"coding": [{"system": "http://s.example", "code": "secret", "display": "Liver, left lobe"}]},
    "bodySite": [{"text": "Ulcus"}],
    "subject": {"reference": "Patient/unseen", "display": "Ann Smith"},
    "note": [{"text": "sleeps **well** in Łódź"}],
    "extension": [{"url": "http://e.example", "valueString": "Extended"}],
    "contained": [{"resourceType": "Practitioner", "id": "inner", "name": [{"family": "Contained"}]}],
    "identifier": [{"value": "X9", "type": {"text": "Ward number"}}],
}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("bone", True),
        ("BONE", True),
        ("bon", False),
        ("bon*", True),
        ("resume", True),
        ("obriens", True),
        ("cm 3", True),
        ("meta stases", True),  # markup divides words
        ("hidden", False),  # an attribute
        ("xhtml", False),
        ("liver", False),  # not in the narrative
        ("bone liver", False),
        ("bone OR liver", True),
        ("bone,liver", True),
        ("(bone OR liver) and stases", True),  # the specification's own example
        ("(bone OR liver) and ulcus", False),
        ("bone stases OR liver", True),
        ("bone liver OR ulcus", False),
        ("(bone) ((cm OR x))", True),
        ("bone-stases", True),
    ],
)
def test_narratives(asked: str, found: bool) -> None:
    assert finds("_text", asked, CONDITION) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("bone liver", True),  # the narrative counts too
        ("ulcus left lobe", True),
        ("smith well", True),
        ("lodz", True),
        ("extended contained ward", True),
        ("secret", False),
        ("unseen", False),
        ("x9", False),
        ("http", False),
        ("generated", False),
        ("liv*", True),
    ],
)
def test_all_texts(asked: str, found: bool) -> None:
    assert finds("_content", asked, CONDITION) == found


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("(bone", "parentheses"),
        ("bone)", "parentheses"),
        ("()", "a word was expected"),
        ("OR bone", "a word was expected"),
        ("bone OR", "a word was expected instead of 'the end'"),
        ("bone AND AND liver", "a word was expected"),
        ("NOT bone", "NOT and phrases"),
        ('"bone liver"', "NOT and phrases"),
        ("bone -liver", "NOT and phrases"),
        ("...", "no letter or digit"),
        ("*", "no letter or digit"),
        ("a " * 21, "at most 20 words"),
        ("(" * 1990 + "a" + ")" * 1990, "a few parentheses"),
    ],
)
def test_what_is_not_understood_is_refused(asked: str, said: str) -> None:
    with pytest.raises(BadRequest, match=r"Search parameter _text=") as raised:
        tree("_text", asked)
    assert said in str(raised.value)


def test_modifiers_are_refused() -> None:
    with pytest.raises(BadRequest, match="it takes none"):
        tree("_text:contains", "a")


def test_the_tree_narrows_by_an_index_in_every_form() -> None:
    bone, liver, brain = (Equals(f"Condition._text:word|{word}") for word in ("bone", "liver", "brain"))
    assert tree("_text", "bone liver") == All((bone, liver))
    assert tree("_text", "bone OR liver") == Any_((bone, liver))
    assert tree("_text", "bone liver OR brain") == All((Any_((bone, brain)), Any_((All((bone, liver)), brain))))
    assert tree("_text", "bone liver,brain") == tree("_text", "bone liver OR brain")
    assert tree("_text", "li*") == StartsWith("Condition._text:word|li")


def test_over_all_types_each_word_is_one_choice() -> None:
    found = tree("_text", "bone liver", None)
    assert isinstance(found, All)
    assert [len(part.parts) for part in found.parts if isinstance(part, Any_)] == [143, 143]


def test_content_is_off_unless_switched_on() -> None:
    with pytest.raises(BadRequest, match="FHIR_SEARCH_CONTENT=true"):
        grammar.parse(
            "Condition", (("_content", "a"),), parameters=BASE, base_url=BASE_URL, strict=False, default_count=20,
            max_count=100, now_ms=0,
        )  # fmt: skip
    entries = extract({"resourceType": "Condition", "id": "1", **CONDITION}, BASE_URL).rare
    assert not any("_content" in held for held in entries)
    assert "Condition._text:word|bone" in entries


def test_words_are_bounded() -> None:
    div = "<div>" + " ".join(f"w{number}" for number in range(2 * MOST_WORDS)) + "</div>"
    entries = extract({"resourceType": "Condition", "id": "1", "text": {"div": div}}, BASE_URL).rare
    assert len(entries) == MOST_WORDS
    assert words("a" * 100) == ("a" * LONGEST_WORD,)


@given(st.text(max_size=200))
def test_every_text_has_words_and_sounds_that_are_found_again(text: str) -> None:
    found = words(text)
    assert words(" ".join(found)) == found
    assert all("|" not in word and not word.isspace() and word for word in found)
    assert len(sounds(text)) == len(found)
    assert all(sounds(text))
