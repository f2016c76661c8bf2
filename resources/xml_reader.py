"""Reads a FHIR XML document into the dict of FHIR JSON, event by event.

Rule: what the definitions do not know is a problem with a path, never dropped. See https://hl7.org/fhir/R4/xml.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from resources import json_codec, narrative
from resources.outcome import BadRequest, Issue, PayloadTooLarge
from resources.registry import RESOURCE_TYPES
from resources.xml_shapes import FHIR, Field, Shape, shape

Json = dict[str, Any]
_SCHEMA_LOCATION = "http://www.w3.org/2001/XMLSchema-instance schemaLocation"
_MAX_PROBLEMS = 50
_MAX_PREFIXES = 50
"""Namespace prefixes of one document: each that a div leans on is written into it."""
_FEW_ELEMENTS = 100_000
_MOST_ELEMENTS = 2_000_000
_LEAST_BYTES = 16
"""Bytes for each further element, outside of narrative, that a document must have: one with a value has more."""


class _Frame:
    """An element that is open: `field` is what it is in its parent, None for a resource; `shape` what it may hold."""

    __slots__ = ("depth", "field", "flawed", "shape", "sparse", "text", "type", "value")

    def __init__(self, field: Field | None, type_: str, depth: int) -> None:
        self.field = field
        self.type = type_
        self.depth = depth
        self.value: Json = {}
        self.text: str | None = None
        self.sparse: set[str] | None = None
        self.flawed = False
        self.shape: Shape | None = None
        if field is None or not field.primitive:
            self.shape = shape(type_) if type_ != "Resource" else None
        else:
            self.shape = shape("Element")


class Reader:
    """Builds the resource from the events of one parser; `result` is whole when all is parsed without `problems`."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.result: Json = {}
        self.problems: list[tuple[str | None, str]] = []
        self.parser = expat.ParserCreate("UTF-8", " ")
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartNamespaceDeclHandler = self._namespace
        self._stack: list[_Frame] = []
        self._prefixes: dict[str, str] = {}
        self._skipped = 0
        self._left = min(_FEW_ELEMENTS + len(raw) // _LEAST_BYTES, _MOST_ELEMENTS)
        self._div_start = 0
        self._listen()

    def _listen(self) -> None:
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _doctype(self, *_: object) -> None:
        raise BadRequest("The body has a document type declaration (DOCTYPE), which FHIR XML does not allow.")

    def _namespace(self, prefix: str | None, uri: str) -> None:
        if prefix is not None:
            self._prefixes[prefix] = uri
        if len(self._prefixes) > _MAX_PREFIXES:
            raise BadRequest(f"The body declares more than {_MAX_PREFIXES} namespace prefixes.", code="too-costly")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._left -= 1
        if self._left < 0:
            words = f"The body has too many elements for {len(self.raw):,} bytes, or for one body. Divide it."
            raise PayloadTooLarge(words, code="too-costly")
        if self._skipped:
            self._skipped += 1
        elif not self._stack:
            self._open_root(tag, attributes)
        elif self._stack[-1].shape is None:
            self._open_resource(self._stack[-1], tag, attributes)
        else:
            field = self._stack[-1].shape.tags.get(tag)
            if field is None:
                self._skip(f"the element {_named(tag)} is not known here")
            elif field.type == "xhtml":
                self._open_div()
            else:
                self._open(_Frame(field, field.type, self._stack[-1].depth + 1 + field.many), attributes)

    def _open_root(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, type_ = tag.rpartition(" ")
        if namespace != FHIR:
            raise BadRequest(f"The root element {type_[:60]} is not in the namespace {FHIR}.")
        if type_ not in RESOURCE_TYPES:
            raise BadRequest(f"The root element {type_[:60]} is not a resource type of FHIR R4.")
        attributes.pop(_SCHEMA_LOCATION, None)
        self._open(_Frame(None, type_, 1), attributes)

    def _open_resource(self, holder: _Frame, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, type_ = tag.rpartition(" ")
        if namespace != FHIR or type_ not in RESOURCE_TYPES:
            self._skip(f"the element {_named(tag)} is not a resource type of FHIR R4")
        elif holder.value:
            self._skip("an element of type Resource holds one resource only")
        else:
            self._open(_Frame(None, type_, holder.depth), attributes)

    def _open(self, frame: _Frame, attributes: dict[str, str]) -> None:
        self._stack.append(frame)
        is_text = frame.field is not None and frame.field.primitive and attributes.keys() <= {"value"}
        if frame.depth - is_text > json_codec.MAX_DEPTH:
            raise BadRequest(f"The body is nested more than {json_codec.MAX_DEPTH} levels deep.")
        if frame.field is None:
            frame.value["resourceType"] = frame.type
        if not attributes:
            return
        for name, value in attributes.items():
            if name == "value" and frame.field is not None and frame.field.primitive:
                frame.text = value
            elif frame.shape is not None and name in frame.shape.attributes:
                frame.value[name] = value
            else:
                self._problem(f"the attribute {_named(name)} is not known here")

    def _skip(self, words: str) -> None:
        self._skipped = 1
        self._problem(words)

    def _end(self, _: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        frame = self._stack.pop()
        for member in frame.sparse or ():
            if all(item is None for item in frame.value[member]):
                del frame.value[member]
        if not self._stack:
            self.result = frame.value
        elif frame.field is None:
            self._stack[-1].value = frame.value
        else:
            self._assign(self._stack[-1], frame, frame.field)

    def _assign(self, parent: _Frame, frame: _Frame, field: Field) -> None:
        value: Any = frame.value or None
        if not field.primitive:
            if value is None and not frame.flawed:
                self._problem("the element is empty", field)
            self._put(parent, field, value, None)
        elif frame.text is None and value is None:
            if not frame.flawed:
                self._problem("the element has neither a value nor an extension", field)
        else:
            try:
                text = field.convert(frame.text) if field.convert and frame.text is not None else frame.text
            except ValueError:
                self._problem(f"the number {str(frame.text)[:40]} has too many digits or too large an exponent", field)
            else:
                self._put(parent, field, text, value)

    def _put(self, parent: _Frame, field: Field, value: Any, extra: Json | None) -> None:
        """`value` into the parent's member, `extra` (id and extensions of a primitive) into `_member` beside it."""
        into, member = parent.value, field.member
        if not field.many:
            if member in into or f"_{member}" in into:
                self._problem("the element occurs more than once", field)
            if value is not None:
                into[member] = value
            if extra is not None:
                into[f"_{member}"] = extra
            return
        values = into.setdefault(member, [])
        values.append(value)
        if value is None:
            parent.sparse = (parent.sparse or set()) | {member}
        if extra is not None:
            into.setdefault(f"_{member}", [None] * (len(values) - 1)).append(extra)
        elif f"_{member}" in into:
            into[f"_{member}"].append(None)

    def _text(self, text: str) -> None:
        if not self._skipped and not text.isspace():
            self._problem(f"there is text where none may be: {text.strip()[:40]!r}")

    def _open_div(self) -> None:
        start = self._div_start = self.parser.CurrentByteIndex
        empty = narrative.start_tag(self.raw, start).endswith(b"/>")
        depth = 1

        def opened(_: str, __: object) -> None:
            nonlocal depth
            depth += 1

        def closed(_: str) -> None:
            nonlocal depth
            depth -= 1
            if depth == 0:
                end = self.parser.CurrentByteIndex
                self._close_div(self.raw[start:end] if empty else self.raw[start : self.raw.index(b">", end) + 1])

        self.parser.StartElementHandler, self.parser.EndElementHandler = opened, closed
        self.parser.CharacterDataHandler = None
        self.parser.StartNamespaceDeclHandler = None

    def _close_div(self, element: bytes) -> None:
        self._listen()
        self.parser.StartNamespaceDeclHandler = self._namespace
        div = self._stack[-1].value
        if "div" in div:
            self._problem("the element div occurs more than once")
        div["div"] = narrative.taken_out(element, self._prefixes)

    def _problem(self, words: str, field: Field | None = None) -> None:
        """Note a problem at the element that is open, or at its child `field` that was just closed."""
        path = "".join(self._steps(field))
        self.problems.append((path, f"{path}: {words}."))
        if self._stack:
            self._stack[-1].flawed = True
        if len(self.problems) >= _MAX_PROBLEMS:
            raise BadRequest(issues=[Issue("error", "invalid", text, where) for where, text in self.problems])

    def _steps(self, field: Field | None) -> Iterator[str]:
        """The FHIRPath of the element that is open."""
        fields = [frame.field for frame in self._stack[1:]] + [field]
        yield self._stack[0].type if self._stack else ""
        for frame, below in zip(self._stack, fields, strict=True):
            if below is not None:
                yield f".{below.name}[{len(frame.value.get(below.member, ()))}]" if below.many else f".{below.name}"


def _named(tag: str) -> str:
    namespace, _, local = tag.rpartition(" ")
    return local[:60] if namespace in ("", FHIR) else f"{local[:60]} of the namespace {namespace[:100]}"
