"""Narrative: well-formed XHTML of the permitted elements and attributes, in which nothing can run.

Rule: txt-1 and txt-2 of https://hl7.org/fhir/R4/narrative.html#invs; URLs are judged when entities are resolved and the
characters that browsers ignore are gone.
"""

from __future__ import annotations

import re
from pyexpat import ExpatError, ParserCreate, XMLParserType
from typing import Never

from resources import narrative
from resources.rules.problem import Problem, quoted

ELEMENTS = frozenset(
    {
        "a", "abbr", "acronym", "b", "big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup",
        "dd", "dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li",
        "ol", "p", "pre", "q", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody", "td",
        "tfoot", "th", "thead", "tr", "tt", "ul", "var",
    }
)  # fmt: skip
ATTRIBUTES = frozenset(
    {
        "abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding",
        "cellspacing", "cellvalign", "char", "charoff", "charset", "cite", "class", "colspan", "compact",
        "coords", "dir", "frame", "headers", "height", "href", "hreflang", "hspace", "id", "lang", "longdesc",
        "name", "nowrap", "rel", "rev", "rowspan", "rules", "scope", "shape", "span", "src", "start", "style",
        "summary", "tabindex", "title", "type", "valign", "value", "vspace", "width",
    }
)  # fmt: skip
_MAXIMUM_DEPTH = 200  # parsers of XML refuse more, and it has to go through FHIR XML too
_MAXIMUM_SAID = 20
_XML_ATTRIBUTES = frozenset({"http://www.w3.org/XML/1998/namespace lang", "http://www.w3.org/XML/1998/namespace space"})
_URL_ATTRIBUTES = frozenset({"cite", "href", "longdesc", "src"})
_SCHEME = re.compile(r"([^/?#:]*):")
_HARMLESS = frozenset({"cid", "ftp", "http", "https", "mailto", "sms", "tel", "urn"})
_IMAGE = r"data:image/(?:png|gif|jpe?g|webp|bmp)[;,]"
_IMAGE_URL = re.compile(_IMAGE, re.IGNORECASE)
_ACTIVE_STYLE = re.compile(
    rf"expression\(|javascript:|vbscript:|(?<!\w)(?!{_IMAGE})data:|-moz-binding|behaviou?r:|@import", re.IGNORECASE
)
_IGNORED = re.compile(r"[\x00-\x20\x7f-\xa0]")


class _StopError(Exception):
    """Enough was seen of the narrative; what was found stands in the reader's words."""


class _Reader:
    """Reads one narrative and gathers what is wrong with it, each kind of thing once."""

    def __init__(self) -> None:
        self.words: dict[str, None] = {}
        self.depth = 0
        self.has_content = False

    def read(self, div: str) -> tuple[str, ...]:
        text = narrative.in_xml(div)
        parser = self._parser()
        try:
            parser.Parse(text, True)
        except _StopError:
            return tuple(self.words)
        except ExpatError as error:
            return (f"not well-formed XHTML: {error}",)
        if not narrative.is_bare(text):
            self._say("must begin with <div: no prefix, comment or declaration before it")
        if not self.has_content:
            self._say("must have some text or an image (txt-2)")
        return tuple(self.words)

    def _parser(self) -> XMLParserType:
        parser = ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.ProcessingInstructionHandler = self._instruction
        parser.StartDoctypeDeclHandler = self._doctype
        return parser

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition(" ")
        if self.depth == 0 and (namespace, name) != (narrative.XHTML, "div"):
            self._say(f'must be one <div xmlns="{narrative.XHTML}">')
        elif namespace != narrative.XHTML or name not in ELEMENTS:
            self._say(f"the element {quoted(name)} is not allowed (txt-1)")
        self.depth += 1
        if self.depth > _MAXIMUM_DEPTH:
            self._stop("elements are nested too deeply")
        self.has_content = self.has_content or (name == "img" and "src" in attributes)
        for attribute, value in attributes.items():
            if reason := _attribute_words(name, attribute, value):
                self._say(reason)

    def _end(self, _tag: str) -> None:
        self.depth -= 1

    def _text(self, text: str) -> None:
        self.has_content = self.has_content or bool(text.strip(" \t\r\n"))

    def _instruction(self, target: str, _data: str) -> None:
        self._say(f"the processing instruction {quoted(target)} is not allowed (txt-1)")

    def _doctype(self, *_: object) -> None:
        self._stop("a DOCTYPE is not allowed")

    def _say(self, words: str) -> None:
        if len(self.words) == _MAXIMUM_SAID:
            self._stop("and more of the kind")
        self.words[words] = None

    def _stop(self, words: str) -> Never:
        self.words[words] = None
        raise _StopError


def problems(div: str) -> tuple[Problem, ...]:
    """The problems of the text of a `Narrative.div`; where there are none, FHIR XML can carry it."""
    return tuple(Problem(words) for words in _Reader().read(div))


def _attribute_words(element: str, attribute: str, value: str) -> str | None:
    if attribute not in ATTRIBUTES and attribute not in _XML_ATTRIBUTES:
        return f"the attribute {quoted(attribute.rpartition(' ')[2])} is not allowed (txt-1)"
    if attribute in _URL_ATTRIBUTES and not _is_harmless(element, _IGNORED.sub("", value)):
        return f"the URL {quoted(value)} in {attribute} is not allowed: its scheme could run code (txt-1)"
    if attribute == "style" and _is_active(value):
        return f"the style {quoted(value)} is not allowed: it could run code or load something (txt-1)"
    return None


def _is_harmless(element: str, url: str) -> bool:
    scheme = _SCHEME.match(url)
    if scheme is None or scheme[1].lower() in _HARMLESS:
        return True
    return element == "img" and _IMAGE_URL.match(url) is not None


def _is_active(style: str) -> bool:
    """A backslash escapes characters in CSS: no honest inline style of a narrative has one."""
    return "\\" in style or _ACTIVE_STYLE.search(_IGNORED.sub("", _uncommented(style))) is not None


def _uncommented(style: str) -> str:
    """The style without its comments. NOTE: not by a regular expression: that looks for the end of each one anew."""
    kept = []
    at = 0
    while (start := style.find("/*", at)) >= 0 and (end := style.find("*/", start + 2)) >= 0:
        kept.append(style[at:start])
        at = end + 2
    return "".join((*kept, style[at:]))
