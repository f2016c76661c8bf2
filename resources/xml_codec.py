"""FHIR XML bytes ⇄ the dicts of FHIR JSON, typed and ordered by HL7's definitions.

Rule: what the definitions do not know is refused with its path, never dropped; text, digits and narrative pass
unchanged. Document types, and with them all entities but XML's own, are refused.
See https://hl7.org/fhir/R4/xml.html.

What FHIR XML cannot carry, and so is lost on the way from JSON: the order of members (it is the definition's), a null
in an array without `_member` beside it, an array or object that is empty, white space around a div, and in a div that
is not canonical HTML's named entities (they become characters) and a missing declaration of its namespace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from resources import json_codec, narrative
from resources.outcome import BadRequest, Issue, NotAcceptable
from resources.registry import RESOURCE_TYPES
from resources.xml_reader import Reader
from resources.xml_shapes import FHIR, Field, Shape, shape

Json = dict[str, Any]
_SPECIAL = re.compile('[&<>"\t\n\r\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


_DECLARED_ENCODING = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml\s[^>]*?encoding\s*=\s*["']([^"']*)["']""")


def decode(raw: bytes) -> Json:
    """The resource of an XML document in UTF-8, in the shape of FHIR JSON.

    Elements may come in any order. A value that does not fit its type, such as `<active value="perhaps"/>`, stays text
    for the validation to name. Raises BadRequest (all problems at once, each with its path; syntax errors with line
    and column).
    """
    declared = _DECLARED_ENCODING.match(raw)
    if raw.startswith((b"\xfe\xff", b"\xff\xfe")) or (declared and declared[1].lower() not in (b"utf-8", b"utf8")):
        raise BadRequest("The body must be in UTF-8, and an encoding that it declares must be UTF-8 too.")
    reader = Reader(raw)
    try:
        reader.parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise BadRequest(_syntax(error)) from None
    except ValueError as error:
        raise BadRequest(f"The body cannot be read: {error}.") from None
    if reader.problems:
        raise BadRequest(issues=[Issue("error", "invalid", words, path) for path, words in reader.problems])
    return reader.result


def weight(raw: bytes) -> int:
    """About how many bytes of memory an XML document takes as resource and text, told by its tags: never much less."""
    return 250 * raw.count(b"<") + (len(raw) if raw.isascii() else 4 * len(raw))


def _syntax(error: expat.ExpatError) -> str:
    words = expat.ErrorString(error.code)
    if error.code == expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]:
        words += " (only &amp; &lt; &gt; &quot; &apos; are defined; write others as characters or numbers, like &#160;)"
    return f"The body is not XML: {words} at line {error.lineno}, column {error.offset + 1}."


def encode(resource: Json, *, pretty: bool = False) -> bytes:
    """The XML document, in UTF-8, of a resource in the shape of FHIR JSON; elements in the order of the definition.

    `pretty` puts each element on a line of its own, indented; narrative stays as it is.

    Raises NotAcceptable, naming the element, for what FHIR XML cannot express: members that the definitions do not
    know, narrative that is not well-formed, control characters.
    """
    out = ['<?xml version="1.0" encoding="UTF-8"?>']
    _write_resource(resource, out, f' xmlns="{FHIR}"')
    return "\n".join(_indented(out)).encode() if pretty else "".join(out).encode()


def _indented(tags: list[str]) -> Iterator[str]:
    depth = 0
    for tag in tags:
        depth -= tag.startswith("</")
        yield "  " * depth + tag
        depth += not (tag.startswith(("</", "<?", "<div")) or tag.endswith("/>"))


def _unfit(words: str) -> NotAcceptable:
    return NotAcceptable(f"This cannot be written as FHIR XML: {words}. Ask for application/fhir+json.")


def _write_resource(resource: Any, out: list[str], declaration: str = "") -> None:
    type_ = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(type_, str) or type_ not in RESOURCE_TYPES:
        raise _unfit("a resource has no known resourceType")
    _write_object(type_, declaration, resource, shape(type_), out)


def _write_object(tag: str, attributes: str, node: Json, within: Shape, out: list[str]) -> None:
    start = len(out)
    out.append(f"<{tag}{attributes}>")
    _write_members(node, within, out)
    if len(out) > start + 1:
        out.append(f"</{tag}>")
    else:
        out[start] = f"<{tag}{attributes}/>"


def _write_members(node: Json, within: Shape, out: list[str]) -> None:
    try:
        names = sorted(node, key=within.ranks.__getitem__)
    except KeyError as unknown:
        raise _unfit(f"{within.path} has no element {str(unknown.args[0])[:60]}") from None
    for name in names:
        field = within.members.get(name)
        if field is None or field.attribute or (name[0] == "_" and field.member in node):
            continue
        value = None if name[0] == "_" else node[name]
        extra = node.get(f"_{field.member}") if field.primitive else None
        if not field.many:
            _write_element(field, value, extra, within, out)
            continue
        values, extras = _array(value, field, within), _array(extra, field, within)
        for index in range(max(len(values), len(extras))):
            item = values[index] if index < len(values) else None
            _write_element(field, item, extras[index] if index < len(extras) else None, within, out)


def _array(value: Any, field: Field, within: Shape) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise _unfit(f"{within.path}.{field.name} is not an array")
    return value or []


def _write_element(field: Field, value: Any, extra: Any, within: Shape, out: list[str]) -> None:
    if field.primitive:
        _write_primitive(field, value, extra, within, out)
    elif field.type == "xhtml":
        out.append(_div(value))
    elif field.type == "Resource":
        out.append(f"<{field.member}>")
        _write_resource(value, out)
        out.append(f"</{field.member}>")
    elif not isinstance(value, dict):
        raise _unfit(f"{within.path}.{field.name} is not an object")
    else:
        inner = shape(field.type)
        _write_object(field.member, _attributes(value, inner), value, inner, out)


def _write_primitive(field: Field, value: Any, extra: Any, within: Shape, out: list[str]) -> None:
    if isinstance(value, dict | list) or not isinstance(extra, dict | None):
        raise _unfit(f"{within.path}.{field.name} is not a value")
    text = f' value="{_attribute(value)}"' if value is not None else ""
    if extra:
        inner = shape("Element")
        _write_object(field.member, _attributes(extra, inner) + text, extra, inner, out)
    elif text:
        out.append(f"<{field.member}{text}/>")


def _attributes(node: Json, within: Shape) -> str:
    if not within.attributes or not node:
        return ""
    names = [name for name in ("id", "url") if name in within.attributes and name in node]
    return "".join(f' {name}="{_attribute(node[name])}"' for name in names)


def _attribute(value: Any) -> str:
    """The text of an attribute for a value of a primitive type."""
    if isinstance(value, dict | list):
        raise _unfit("an attribute or value is not a primitive")
    if not isinstance(value, str):
        return json_codec.encode(value).decode()
    return _SPECIAL.sub(_escape, value) if _SPECIAL.search(value) else value


def _escape(match: re.Match[str]) -> str:
    try:
        return _ESCAPES[match[0]]
    except KeyError:
        raise _unfit(f"the character U+{ord(match[0]):04X} does not exist in XML") from None


def _div(value: Any) -> str:
    try:
        return narrative.put_in(value if isinstance(value, str) else "")
    except ValueError as error:
        raise _unfit(str(error)) from None
