"""The XHTML `div` of a narrative as text: taken out of an XML document, and put into one.

Rule: the text is copied as it stands, byte for byte, whenever it means the same alone; it is written anew only where
it leans on namespace prefixes declared outside of it. See https://hl7.org/fhir/R4/narrative.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.entities import html5
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

XHTML = "http://www.w3.org/1999/xhtml"
_XML = "http://www.w3.org/XML/1998/namespace"
_TAG = re.compile(rb"<(?:[^\"'>]|\"[^\"]*\"|'[^']*')*>")
_PLAIN_TAG = re.compile(rb"<div[\s/>]")
_DECLARATION = re.compile(rb"\sxmlns\s*=")
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*;)")
_XML_ENTITIES = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})


def start_tag(raw: bytes, start: int) -> bytes:
    """The tag of well-formed XML that begins at `start`."""
    match = _TAG.match(raw, start)
    return match[0] if match else raw[start:]


def taken_out(element: bytes, prefixes: Mapping[str, str]) -> str:
    """The text of a div in FHIR JSON: `element` is the source of it, `prefixes` are those in scope around it."""
    tag = start_tag(element, 0)
    leaning = any(f"{name}:".encode() in element and f"xmlns:{name}".encode() not in tag for name in prefixes)
    if _PLAIN_TAG.match(tag) and _DECLARATION.search(tag) and not leaning:
        return element.decode()
    return _written_anew(element, prefixes)


def in_xml(div: str) -> str:
    """The text of a div as a parser of XML understands it: HTML's named entities as characters, no white space around.

    What validation judges is this text too, so that it accepts nothing which `put_in` could not write.
    """
    text = _ENTITY.sub(_character, div) if "&" in div else div
    return text.strip(" \t\r\n")


def is_bare(text: str) -> bool:
    """Whether a text of `in_xml` begins with `<div` and ends with a tag. A prefix, a comment or a declaration before
    it would not mean the same, or may not stand, in the midst of a document."""
    return text.startswith("<div") and text.endswith(">")


def put_in(div: str) -> str:
    """The text of a div as it may stand in an XML document.

    HTML's named entities become characters, and the namespace is declared where it is missing; nothing else changes.
    Raises ValueError, with words, for a text that is not one well-formed XHTML element.
    """
    text = in_xml(div)
    if text.startswith("<div") and not _DECLARATION.search(start_tag(text.encode(), 0)):
        text = f'<div xmlns="{XHTML}"{text[4:]}'
    parser = _parser()
    roots: list[str] = []

    def root(name: str, _: dict[str, str]) -> None:
        roots.append(name)
        parser.StartElementHandler = None

    parser.StartElementHandler = root
    _parse(parser, text.encode())
    if roots != [f"{XHTML} div"] or not is_bare(text):
        raise ValueError("the narrative is not a div in the namespace of XHTML")
    return text


def _character(match: re.Match[str]) -> str:
    """A named character of HTML, as a number where it is ASCII and could be markup; unknown ones are left."""
    if match[1] in _XML_ENTITIES or match[1] not in html5:
        return match[0]
    return "".join(each if each > "\x7f" else f"&#{ord(each)};" for each in html5[match[1]])


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate("UTF-8", " ")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def _refuse_doctype(*_: object) -> None:
    raise ValueError("the narrative has a document type declaration")


def _parse(parser: expat.XMLParserType, raw: bytes) -> None:
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise ValueError(f"the narrative is not well-formed: {error}") from None


def _written_anew(element: bytes, prefixes: Mapping[str, str]) -> str:
    """The same element with its namespaces declared inside, in the way of a parser: comments are lost."""
    declarations = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in prefixes.items())
    parser = _parser()
    written: list[str] = []
    scope = [""]

    def start(name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        declared = f" xmlns={quoteattr(namespace)}" if namespace != scope[-1] else ""
        scope.append(namespace)
        rest = "".join(f" {_attribute(key)}={quoteattr(value)}" for key, value in attributes.items())
        written.append(f"<{local}{declared}{rest}>")

    def end(name: str) -> None:
        scope.pop()
        written.append(f"</{name.rpartition(' ')[2]}>")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = lambda text: written.append(escape(text))
    _parse(parser, f'<around xmlns="{XHTML}"{declarations}>'.encode() + element + b"</around>")
    return "".join(written[1:-1]).replace("<div", f'<div xmlns="{XHTML}"', 1)


def _attribute(key: str) -> str:
    namespace, _, local = key.rpartition(" ")
    return f"xml:{local}" if namespace == _XML else local
