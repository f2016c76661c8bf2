"""What an address means: method and path → interaction, query string → pairs, entity tag → version id.

Rule: pure, and the same for a request over HTTP and for an entry of a Bundle, so that no url means two things.
See https://hl7.org/fhir/R4/http.html#summary.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from fhir_server.model import Interaction, Pairs
from resources.compartments import COMPARTMENTS, holds
from resources.outcome import BadRequest, FhirError, MethodNotAllowed, NotFound
from resources.registry import RESOURCE_TYPES

MAX_PAIRS = 1000
"""Parameters in one query; far beyond what a person or a client writes."""

_id_form = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch
_operation_form = re.compile(r"\$[A-Za-z0-9][A-Za-z0-9\-]{0,63}").fullmatch
_tag_form = re.compile(r'(?:W/)?"([A-Za-z0-9\-.]{1,64})"|(\*)').fullmatch
_bad_escape = re.compile(rb"%(?![0-9A-Fa-f]{2})").search

_Methods = Mapping[str, Interaction]


def _methods(**table: Interaction) -> _Methods:
    """The interaction of each method; HEAD asks what GET asks."""
    return MappingProxyType(table | ({"HEAD": table["GET"]} if "GET" in table else {}))


_BASE = _methods(GET=Interaction.SEARCH_SYSTEM, POST=Interaction.BUNDLE, OPTIONS=Interaction.CAPABILITIES)
_METADATA = _methods(GET=Interaction.CAPABILITIES, OPTIONS=Interaction.CAPABILITIES)
_SYSTEM_HISTORY = _methods(GET=Interaction.HISTORY_SYSTEM)
_SYSTEM_SEARCH = _methods(POST=Interaction.SEARCH_SYSTEM)
_OPERATION = _methods(GET=Interaction.OPERATION, POST=Interaction.OPERATION)
_TYPE = _methods(
    GET=Interaction.SEARCH_TYPE,
    POST=Interaction.CREATE,
    PUT=Interaction.UPDATE,
    PATCH=Interaction.PATCH,
    DELETE=Interaction.DELETE,
)
_TYPE_HISTORY = _methods(GET=Interaction.HISTORY_TYPE)
_TYPE_SEARCH = _methods(POST=Interaction.SEARCH_TYPE)
_INSTANCE = _methods(GET=Interaction.READ, PUT=Interaction.UPDATE, PATCH=Interaction.PATCH, DELETE=Interaction.DELETE)
_INSTANCE_HISTORY = _methods(GET=Interaction.HISTORY_INSTANCE)
_COMPARTMENT = _methods(GET=Interaction.SEARCH_TYPE)
_COMPARTMENT_FORM = _methods(POST=Interaction.SEARCH_TYPE)
_VERSION = _methods(GET=Interaction.VREAD)


class Address(NamedTuple):
    """What is asked for; `operation` is without `$`. An update, patch or delete without `id` is conditional.
    `compartment` is the one that is searched, as `Patient/1`: for `type`, or, where that is None, for all types."""

    interaction: Interaction
    type: str | None = None
    id: str | None = None
    version_id: str | None = None
    operation: str | None = None
    compartment: str | None = None


def parse(method: str, path: str) -> Address:
    """The address `path` below the service base, percent-encoded, without query: `Patient/1/_history`, `` for the base.

    One slash at either end is tolerated. Raises NotFound (unknown type, no such address, an id of a form that no
    resource has, a compartment that does not exist), BadRequest (escapes, an id that cannot be written),
    MethodNotAllowed (with Allow).
    """
    segments = [path] if path in RESOURCE_TYPES else _segments(path)
    match segments:
        case []:
            return Address(_choose(_BASE, method))
        case ["metadata"]:
            return Address(_choose(_METADATA, method))
        case ["_history"]:
            return Address(_choose(_SYSTEM_HISTORY, method))
        case ["_search"]:
            return Address(_choose(_SYSTEM_SEARCH, method))
        case [operation] if operation[0] == "$":
            return Address(_choose(_OPERATION, method), operation=_operation(operation))
        case [type_, *rest]:
            if type_ not in RESOURCE_TYPES:
                raise _unknown_type(type_)
            return _below_type(method, type_, rest)
    raise _no_address(path)


def _below_type(method: str, type_: str, rest: list[str]) -> Address:
    match rest:
        case []:
            return Address(_choose(_TYPE, method), type_)
        case ["_history"]:
            return Address(_choose(_TYPE_HISTORY, method), type_)
        case ["_search"]:
            return Address(_choose(_TYPE_SEARCH, method), type_)
        case [operation] if operation[0] == "$":
            return Address(_choose(_OPERATION, method), type_, operation=_operation(operation))
        case [id_]:
            return Address(_choose(_INSTANCE, method), type_, _id(id_, method))
        case [id_, *below]:
            return _below_instance(method, type_, _id(id_, method), below)
    raise _no_address(type_)


def _below_instance(method: str, type_: str, id_: str, rest: list[str]) -> Address:
    match rest:
        case ["_history"]:
            return Address(_choose(_INSTANCE_HISTORY, method), type_, id_)
        case ["_history", version]:
            return Address(_choose(_VERSION, method), type_, id_, _id(version, method))
        case [operation] if operation[0] == "$":
            return Address(_choose(_OPERATION, method), type_, id_, operation=_operation(operation))
        case ["_search"]:
            return _in_compartment(method, type_, id_, "*", _COMPARTMENT_FORM)
        case [inner] if inner == "*" or inner in RESOURCE_TYPES:
            return _in_compartment(method, type_, id_, inner, _COMPARTMENT)
        case [inner, "_search"] if inner == "*" or inner in RESOURCE_TYPES:
            return _in_compartment(method, type_, id_, inner, _COMPARTMENT_FORM)
    raise _no_address("/".join((type_, id_, *rest)))


def _in_compartment(method: str, type_: str, id_: str, inner: str, methods: _Methods) -> Address:
    """A search for `inner` in the compartment of a resource: https://hl7.org/fhir/R4/http.html#vsearch."""
    if type_ not in COMPARTMENTS:
        raise NotFound(
            f"A {type_} has no compartment to search in; there are those of a {', '.join(sorted(COMPARTMENTS))}.",
            code="not-supported",
        )
    if inner != "*" and not holds(type_, inner):
        raise NotFound(
            f"A {inner} is never in the compartment of a {type_}; {type_}/{id_}/* finds what is there.",
            code="not-supported",
        )
    interaction, compartment = _choose(methods, method), f"{type_}/{id_}"
    if inner == "*":
        return Address(Interaction.SEARCH_SYSTEM, compartment=compartment)
    return Address(interaction, inner, compartment=compartment)


def _segments(path: str) -> list[str]:
    path = path.removeprefix("/").removesuffix("/")
    if not path:
        return []
    segments = path.split("/")
    if "" in segments:
        raise NotFound("The address contains two slashes in a row.")
    if "%" in path:
        return [_decode(segment.encode(), "The path") for segment in segments]
    return segments


def _choose(methods: _Methods, method: str) -> Interaction:
    try:
        return methods[method]
    except KeyError:
        allowed = ", ".join(sorted(methods))
        raise MethodNotAllowed(
            f"{method} cannot be used on this address; it takes {allowed}.", headers=(("Allow", allowed),)
        ) from None


def _id(text: str, method: str) -> str:
    check_reachable(text)
    if _id_form(text):
        return text
    words = f"'{shown(text)}' is no id: one has 1 to 64 letters, digits, '-' and '.'."
    raise BadRequest(words, code="value") if method in ("PUT", "PATCH", "POST") else NotFound(words)


def check_reachable(id_: str) -> None:
    """Raises BadRequest for `.` and `..`: ids by their form, but clients take them out of a path (RFC 3986 §5.2.4)."""
    if id_ in (".", ".."):
        raise BadRequest(
            f"'{id_}' cannot be an id: in a path it means another place, so nobody could read it.", code="value"
        )


def _operation(text: str) -> str:
    if _operation_form(text):
        return text[1:]
    raise NotFound(f"'{shown(text)}' is no operation's name.", code="not-supported")


def _unknown_type(name: str) -> FhirError:
    near = difflib.get_close_matches(name[:64], RESOURCE_TYPES, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return NotFound(f"'{shown(name)}' is not a resource type of FHIR R4.{hint}", code="not-supported")


def _no_address(path: str) -> FhirError:
    return NotFound(f"'{shown(path)}' is no address of this server; see metadata.", code="not-supported")


def shown(text: str) -> str:
    """A client's text as it may stand in a message: printable and short."""
    text = text if len(text) <= 64 else text[:61] + "…"
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def pairs(query: str) -> Pairs:
    """The parameters of a query string or form (`application/x-www-form-urlencoded`, UTF-8), in order.

    Raises BadRequest for a broken escape, what is not UTF-8, U+0000, a parameter without name, more than `MAX_PAIRS`.
    """
    if not query:
        return ()
    parts = query.split("&")
    if len(parts) > MAX_PAIRS:
        raise BadRequest(f"More than {MAX_PAIRS} parameters.", code="too-costly")
    found = []
    for part in parts:
        if part:
            name, _, value = part.partition("=")
            found.append((_form_decode(name), _form_decode(value)))
            if not found[-1][0]:
                raise BadRequest(f"A parameter has no name: '{shown(part)}'.")
    return tuple(found)


def _form_decode(text: str) -> str:
    if text.isalnum() and text.isascii():
        return text
    return _decode(text.replace("+", " ").encode("utf-8", "surrogateescape"), "A parameter")


def _decode(raw: bytes, what: str) -> str:
    if broken := _bad_escape(raw):
        escape = shown(raw[broken.start() : broken.start() + 3].decode("ascii", "replace"))
        raise BadRequest(f"{what} contains a broken percent escape: '{escape}'.")
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise BadRequest(f"{what} is not UTF-8 when decoded.") from None
    if "\0" in text:
        raise BadRequest(f"{what} contains the character U+0000.")
    return text


def _version(tag: str, name: str) -> str:
    if found := _tag_form(tag.strip()):
        return found[1] or found[2]
    raise BadRequest(f"{name} must be versions like W/\"3\", or *; found '{shown(tag)}'.", code="value")


def versions_of(tags: str, name: str) -> tuple[str, ...]:
    """The version ids of entity tags, `W/"3", W/"4"`, or `*`; `name` is the header or element for the message.

    Raises BadRequest. See https://hl7.org/fhir/R4/http.html#versioning and RFC 9110 §13.1.1.
    """
    versions = tuple(_version(tag, name) for tag in tags.split(","))
    if "*" in versions and len(versions) > 1:
        raise BadRequest(f"{name} must be either * or versions; found '{shown(tags)}'.", code="value")
    return versions


def criteria(text: str, type_: str, name: str) -> Pairs:
    """The search parameters of If-None-Exist: `identifier=…`, also written `?identifier=…` or `Patient?identifier=…`.

    Raises BadRequest when there are none, or another type is named. See https://hl7.org/fhir/R4/http.html#ccreate.
    """
    before, mark, query = text.strip().partition("?")
    if not mark or "=" in before:
        query = text.strip()
    elif before.rpartition("/")[2] not in ("", type_):
        raise BadRequest(f"{name} must search {type_}, not '{shown(before)}'.")
    found = pairs(query)
    if not found:
        raise BadRequest(f"{name} contains no search parameter.")
    return found
