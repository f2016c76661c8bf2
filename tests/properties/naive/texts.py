"""Strings, tokens, references and URIs: what is asked against what is held.

Rule: the words of https://hl7.org/fhir/R4/search.html, one function a type. Where they leave something open, "Open:"
says what was chosen and why.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Any

from tests.properties.naive.elements import Node

Json = dict[str, Any]

BASE_URL = "http://here.example/fhir"
SEPARATORS = ",|$\\"


def parts(text: str, separator: str) -> list[str]:
    """The parts between separators without a backslash before them; the escapes stay in."""
    found, escaped = [""], False
    for character in text:
        if character == separator and not escaped:
            found.append("")
        else:
            found[-1] += character
        escaped = character == "\\" and not escaped
    return found


def plain(text: str) -> str:
    """The text without the backslashes of its escapes."""
    found, escaped = "", False
    for character in text:
        if escaped:
            found += character if character in SEPARATORS else "\\" + character
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            found += character
    return found + ("\\" if escaped else "")


# Strings: https://hl7.org/fhir/R4/search.html#string


def folded(text: str) -> str:
    """Without case, "accents or other combining characters", "punctuation and non-significant whitespace". Open: a
    letter with a stroke (ø, ł) is that letter, as one types it; `|` counts as punctuation; `$` and other symbols do
    not."""
    text = "".join(map(unstruck, unicodedata.normalize("NFKD", text.casefold()).casefold()))
    kept = [one for one in text if one.isspace() or unicodedata.category(one) not in IGNORED]
    return " ".join("".join(kept).replace("|", "").split())


def unstruck(letter: str) -> str:
    """The letter, by the name that Unicode has for it, without its stroke; a ligature's two."""
    name = unicodedata.name(letter, "")
    named = re.fullmatch("LATIN SMALL (?:LETTER (.) WITH STROKE|LETTER (AE)|LIGATURE (OE))", name)
    return "".join(filter(None, named.groups())).lower() if named else letter


IGNORED = ("Mn", "Cc", "Cf", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po")


NAME = ("family", "given", "text", "prefix", "suffix")
ADDRESS = ("line", "city", "district", "state", "postalCode", "country", "text")


def strings(kind: str, value: Any) -> list[str]:
    """"Any of the string fields in the HumanName" and in the Address."""
    names = {"HumanName": NAME, "Address": ADDRESS}.get(kind)
    if names is None:
        return [value]
    found: list[str] = []
    for name in names:
        held = value.get(name) or []
        found += [held] if isinstance(held, str) else [one for one in held if one is not None]
    return found


def string(modifier: str, asked: str, held: str) -> bool:
    """"Equals or starts with"; the whole with case and accents; anywhere."""
    if modifier == "exact":
        return asked == held
    if modifier == "contains":
        return folded(asked) in folded(held)
    return folded(held).startswith(folded(asked))


# Tokens: https://hl7.org/fhir/R4/search.html#token


@dataclass(frozen=True, slots=True)
class Token:
    """Open: codes are compared without case ("when in doubt"), identifiers with: two of them that differ so may be two
    people's."""

    system: str
    code: str
    case: bool = False


def tokens(kind: str, value: Any, implied: str) -> list[Token]:  # noqa: PLR0911 - one a type
    """The tokens of a value; `implied` is the system of a code, which its binding says."""
    match kind:
        case "CodeableConcept":
            return [Token(one.get("system", ""), one.get("code", "")) for one in value.get("coding", ()) if one]
        case "Coding":
            return [Token(value.get("system", ""), value.get("code", ""))]
        case "Identifier":
            return [Token(value.get("system", ""), value.get("value", ""), case=True)]
        case "ContactPoint":  # its system is no namespace
            return [Token("", value["value"])] if value.get("value") else []
        case "boolean":
            return [Token("", str(value).lower())]
        case "code":
            return [Token(implied, value)]
        case "string":
            return [Token("", value)]
    raise NotImplementedError(kind)


def words(kind: str, value: Any) -> list[str]:
    """"CodeableConcept.text, Coding.display, or Identifier.type.text"."""
    match kind:
        case "CodeableConcept":
            found = [value.get("text"), *(one.get("display") for one in value.get("coding", ()) if one)]
        case "Coding":
            found = [value.get("display")]
        case "Identifier":
            found = [value.get("type", {}).get("text")]
        case _:
            found = []
    return [text for text in found if text]


def token(asked: str, held: Token) -> bool:
    """`code`, `system|code`, `|code` (no system), `system|`."""
    *system, code = [plain(part) for part in parts(asked, "|")]
    if system and system[0] != held.system:
        return False
    if not code:
        return True
    return bool(held.code) and (code == held.code if held.case else code.casefold() == held.code.casefold())


def has_something(kind: str, value: Any) -> bool:
    """Whether there is anything of a token that could be asked for."""
    return any(one.system or one.code for one in tokens(kind, value, "")) or bool(words(kind, value))


def with_codes(node: Node, kind: str) -> list[Node]:
    """The value without the codings that have no code; nothing, if it has none at all."""
    value = node.value
    if kind == "CodeableConcept":
        value = {"coding": [one for one in value.get("coding", ()) if one.get("code")]}
    return [replace(node, value=value)] if any(one.code for one in tokens(kind, value, "")) else []


def of_type(asked: str, identifier: Json) -> bool:
    """`system|code|value`: system and code of the type, and the value."""
    system, code, value = (plain(part) for part in parts(asked, "|"))
    types = [one for one in identifier.get("type", {}).get("coding", ()) if one]
    is_type = any(one.get("system") == system and one.get("code", "").casefold() == code.casefold() for one in types)
    return is_type and identifier.get("value") == value


# References: https://hl7.org/fhir/R4/search.html#reference


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference names: without the version, and with it."""

    whole: str
    version: str = ""

    @classmethod
    def of(cls, text: str) -> Target | None:
        """Absolute and relative are one for this server's own. None for what is contained: nobody else's."""
        if text.startswith("#") or not text:
            return None
        text = text.removeprefix(f"{BASE_URL}/")
        if match := re.fullmatch(r"(.+/.+)/_history/(.+)", text):
            return cls(match[1], match[2])
        return cls(*text.split("|", 1)) if "://" in text and "|" in text else cls(text)


def reference(modifier: str, asked: str, held: str) -> bool:
    """`id`, `Type/id` or a url; with a version only that version, without one any. `:Type` says the type of an id."""
    target = Target.of(held)
    if target is None:
        return False
    is_local = re.fullmatch(r"[A-Z]\w+/[^/]+", target.whole) is not None
    if "/" not in asked and ":" not in asked:
        type_, _, id_ = target.whole.partition("/")
        return is_local and id_ == asked and modifier in ("", type_)
    wanted = Target.of(asked)
    return wanted is not None and wanted.whole == target.whole and wanted.version in ("", target.version)


# URIs: https://hl7.org/fhir/R4/search.html#uri


def uri(modifier: str, asked: str, held: str) -> bool:
    """Equal, with case, "precise"; `:below`: it begins with what is asked, by whole segments; `:above`: the reverse.
    A canonical is also found without its version, and `:below` its version by whole parts of it."""
    whole, _, version = held.partition("|")
    if modifier == "below":
        wanted, _, part = asked.partition("|")
        if part:
            return whole == wanted and (version == part or version.startswith(f"{part}."))
        return _is_under(wanted, whole)
    if modifier == "above":
        return _is_under(whole, asked)
    return asked in (held, whole)


def _is_under(upper: str, lower: str) -> bool:
    """Only URLs have levels, URNs have none."""
    return "://" in upper and (lower == upper or lower.startswith(upper if upper.endswith("/") else f"{upper}/"))
