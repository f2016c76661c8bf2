"""Narrative is shown to people in browsers: nothing in it may run, and it must be XHTML of the permitted kind."""

from __future__ import annotations

import time

import pytest

from resources import validation, xml_codec
from resources.outcome import Issue


def issues(
    inner: str, *, opening: str = '<div xmlns="http://www.w3.org/1999/xhtml">', closing: str = "</div>"
) -> list[Issue]:
    text = {"status": "generated", "div": opening + inner + closing}
    return validation.validate({"resourceType": "Patient", "text": text})


@pytest.mark.parametrize(
    "inner",
    [
        "Text",
        "a &amp; b &lt; c &#160; &nbsp;&auml;",
        '<p class="x" style="color: red">a<br/>b</p>',
        '<table border="1"><tbody><tr><td colspan="2">x</td></tr></tbody></table>',
        '<a href="#part">x</a><a href="https://example.org/a:b">y</a><a name="part">z</a><a href="Patient/1">w</a>',
        '<a href="mailto:a@example.org">x</a><a href="tel:+41310000000">y</a>',
        '<img src="logo.png" alt="logo"/>',
        '<img src="data:image/png;base64,QUJD"/>',
        '<img src="#picture"/>',
        '<td style="background-image: url(data:image/png;base64,QUJD)">x</td>',
        '<td style="color: red /* of data: */; /* javascript: */ top: 0">x</td>',
        '<p xml:lang="de" xml:space="preserve">x</p>',
        "<!-- a comment -->x",
    ],
)
def test_narrative_that_may_stand(inner: str) -> None:
    assert issues(inner) == []


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ("<script>alert(1)</script>", 'the element "script" is not allowed'),
        ("x<form/>", 'the element "form" is not allowed'),
        ("x<iframe src='http://example.org'/>", 'the element "iframe" is not allowed'),
        ("x<SCRIPT/>", 'the element "SCRIPT" is not allowed'),
        ("x<svg xmlns='http://www.w3.org/2000/svg'/>", 'the element "svg" is not allowed'),
        ("x<p xmlns=''>y</p>", 'the element "p" is not allowed'),
        ("x<p xmlns='http://www.w3.org/2000/svg'>y</p>", 'the element "p" is not allowed'),
        ("<p onclick='x()'>x</p>", 'the attribute "onclick" is not allowed'),
        ("<img src='a.png' onerror='x()'/>", 'the attribute "onerror" is not allowed'),
        ("<p xmlns:xlink='http://www.w3.org/1999/xlink' xlink:href='javascript:x'>x</p>", 'attribute "href" is not'),
        ("<a href='javascript:alert(1)'>x</a>", "its scheme could run code"),
        ("<a href='JaVaScRiPt:alert(1)'>x</a>", "its scheme could run code"),
        ("<a href=' java\tscript:alert(1)'>x</a>", "its scheme could run code"),
        ("<a href='java&#9;script:alert(1)'>x</a>", "its scheme could run code"),
        ("<a href='java&#10;script&#58;alert(1)'>x</a>", "its scheme could run code"),
        ("<a href='java&Tab;script&colon;alert(1)'>x</a>", "its scheme could run code"),
        ("<a href='&#x6A;avascript:alert(1)'>x</a>", "its scheme could run code"),
        ("<a href='vbscript:x'>x</a>", "its scheme could run code"),
        ("<a href='data:text/html,x'>x</a>", "its scheme could run code"),
        ("<a href='data:image/png;base64,QUJD'>x</a>", "its scheme could run code"),
        ("<img src='data:image/svg+xml,x'/>", "its scheme could run code"),
        ("<p style='width: expression(x())'>x</p>", "could run code or load something"),
        ("<p style='width: expr/**/ession(x())'>x</p>", "could run code or load something"),
        ("<p style='background: url(java\nscript:x)'>x</p>", "could run code or load something"),
        ("<p style='background: url(data:text/html,x)'>x</p>", "could run code or load something"),
        ("<p style='background: \\75rl(x)'>x</p>", "could run code or load something"),
        ("<p style='/* data: */ a:b; /* x */ expr/* x */ession(x())'>x</p>", "could run code or load something"),
        ("<p style='/* data:text/html,x'>x</p>", "could run code or load something"),
        ("", "must have some text or an image"),
        (" \n\t<p> </p>", "must have some text or an image"),
        ("<p>", "not well-formed XHTML"),
        ("a & b", "not well-formed XHTML"),
        ("&nosuch;", "not well-formed XHTML"),
        ("x<?php y ?>", 'the processing instruction "php" is not allowed'),
        ("x</div><div>", "not well-formed XHTML"),
    ],
)
def test_narrative_that_may_not_stand(inner: str, words: str) -> None:
    found = issues(inner)
    assert [(issue.code, issue.expression) for issue in found] == [("invariant", "Patient.text.div")]
    assert words in found[0].diagnostics


@pytest.mark.parametrize("piece", ["/* ", "/*/", "*/ /", "&", "data:", "(", ":"])
def test_a_long_style_is_judged_in_no_time(piece: str) -> None:
    style = "/" + piece.replace("&", "&amp;") * 100_000
    start = time.process_time()
    issues(f'<p style="{style}">x</p>')
    assert time.process_time() - start < 1


@pytest.mark.parametrize("opening", ["<div>", '<p xmlns="http://www.w3.org/1999/xhtml">', "<div xmlns='urn:x'>"])
def test_the_root_is_a_div_of_xhtml(opening: str) -> None:
    closing = "</p>" if opening.startswith("<p") else "</div>"
    assert 'must be one <div xmlns="http://www.w3.org/1999/xhtml">' in [
        issue.diagnostics for issue in issues("x", opening=opening, closing=closing)
    ]


XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


@pytest.mark.parametrize(
    "div",
    [
        "<h:div xmlns:h='http://www.w3.org/1999/xhtml'>x</h:div>",
        f"<!-- c --><div {XHTML}>x</div>",
        f"<?xml version='1.0'?><div {XHTML}>x</div>",
        f"\ufeff<div {XHTML}>x</div>",
    ],
)
def test_what_xml_cannot_carry_is_refused_when_it_is_written(div: str) -> None:
    (issue,) = issues(div, opening="", closing="")
    assert "must begin with <div" in issue.diagnostics
    assert issue.expression == "Patient.text.div"


@pytest.mark.parametrize(
    "div",
    [
        f"<div {XHTML}>&Tab;&check;&AMP;&LT;b&GT;&nvlt;&nbsp;</div>",
        f"<div {XHTML}><a title='&QUOT;&apos;&NewLine;'>x</a></div>",
        f"  <div {XHTML}>x</div><!-- c -->\n",
        f"<div {XHTML}><h:p xmlns:h='http://www.w3.org/1999/xhtml'>x</h:p></div>",
        f"<div {XHTML}><![CDATA[<z>&nbsp;]]></div>",
    ],
)
def test_what_is_accepted_can_be_written_as_xml(div: str) -> None:
    assert issues(div, opening="", closing="") == []
    written = xml_codec.encode({"resourceType": "Patient", "text": {"status": "generated", "div": div}})
    assert "div" in xml_codec.decode(written)["text"]


def test_entities_are_not_declared() -> None:
    bomb = '<!DOCTYPE div [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><div xmlns="http://www.w3.org/1999/xhtml">'
    assert [issue.diagnostics for issue in issues("&b;", opening=bomb)] == ["a DOCTYPE is not allowed"]


def test_a_flood_of_problems_in_a_narrative_ends_the_search() -> None:
    found = issues("".join(f'<p a{number}="x">y</p>' for number in range(50_000)))
    assert len(found) == 21
    assert found[-1].diagnostics == "and more of the kind"


def test_elements_nest_as_deeply_as_xml_parsers_allow() -> None:
    assert issues("<span>" * 150 + "x" + "</span>" * 150) == []
    (issue,) = issues("<span>" * 100_000 + "x" + "</span>" * 100_000)
    assert issue.diagnostics == "elements are nested too deeply"


def test_all_problems_of_a_narrative_are_told_each_once() -> None:
    found = issues("<script/><script/><p onclick='x'/><a href='javascript:x'/>")
    assert len(found) == 4
