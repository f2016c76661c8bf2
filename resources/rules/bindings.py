"""Required bindings: codes that must come from a value set of HL7's.

Rule: a set that HL7's data can enumerate is enumerated; of the four that it cannot (currencies, media types, UCUM, a
list of LOINC's) the lexical form is checked. See https://hl7.org/fhir/R4/terminologies.html#strength.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache

from pydantic_core import CoreSchema, SchemaValidator, core_schema

from resources import definitions
from resources.primitives import PRIMITIVES
from resources.rules.problem import NONE, Json, Problem, quoted

_SHOWN = 10
_VALUE_SETS: Mapping[str, Mapping[str, list[str]]] = definitions.load("codes")

_MEDIA_WORD = r"[A-Za-z0-9!#$&\-^_.+]+"
_CODE_FORMS = {
    "http://hl7.org/fhir/ValueSet/currencies": (
        "^[A-Z]{3}$",
        "a currency of ISO 4217: three capital letters, such as EUR",
    ),
    "http://hl7.org/fhir/ValueSet/mimetypes": (
        rf"^{_MEDIA_WORD}(?:/{_MEDIA_WORD}(?: ?; ?{_MEDIA_WORD}=[^\x00-\x20;]+(?: [^\x00-\x20;]+)*)*)?$",
        "a media type of BCP 13, such as application/pdf",
    ),
}
_CODING_FORMS = {
    "http://hl7.org/fhir/ValueSet/ucum-units": (
        "http://unitsofmeasure.org",
        re.compile(r"[\x21-\x7e]+"),
        "a unit of UCUM",
    ),
    "http://loinc.org/vs/LL379-9": (
        "http://loinc.org",
        re.compile(r"LA\d{1,6}-\d"),
        "an answer code of LOINC's LL379-9",
    ),
}


@cache
def codes(value_set: str) -> tuple[str, ...]:
    """Every code of a value set, whatever its system; empty where HL7's data cannot enumerate it."""
    return tuple(dict.fromkeys(code for system in _VALUE_SETS.get(value_set, {}).values() for code in system))


@cache
def schema(value_set: str) -> CoreSchema:
    """What accepts exactly the codes that an element bound to `value_set` may have."""
    if allowed := codes(value_set):
        return core_schema.literal_schema(list(allowed))
    if value_set in _CODE_FORMS:
        return core_schema.str_schema(strict=True, pattern=_CODE_FORMS[value_set][0])
    return PRIMITIVES["code"].schema


@cache
def _validator(value_set: str) -> SchemaValidator:
    return SchemaValidator(schema(value_set))


def accepts(value_set: str, value: str) -> bool:
    """Whether the code `value` may stand in an element bound to `value_set`."""
    return _validator(value_set).isinstance_python(value)


def code_problem(value: str, value_set: str) -> Problem:
    """Why the code `value`, which `accepts` refuses, is refused."""
    if value_set in _CODE_FORMS:
        return Problem(f"{quoted(value)} is not {_CODE_FORMS[value_set][1]}", "code-invalid")
    words = f"{quoted(value)} is not one of the allowed codes: {_listed(value, codes(value_set))} ({value_set})"
    return Problem(words, "code-invalid")


def concept_problems(concept: Json, value_set: str) -> tuple[Problem, ...]:
    """The problems of a CodeableConcept whose coding must come from `value_set`: one of its codings has to.

    A concept with neither coding nor text passes when an extension says why (data-absent-reason).
    """
    codings = concept.get("coding", ())
    if any(_is_in(coding, value_set) for coding in codings):
        return NONE
    if not codings and "extension" in concept and "text" not in concept:
        return NONE
    found = ", ".join(quoted(f"{coding.get('system', '')}|{coding.get('code', '')}") for coding in codings[:3])
    said = f"has {found}" if found else "has no coding"
    if value_set in _CODING_FORMS:
        system, _, words = _CODING_FORMS[value_set]
        return (Problem(f"{said}; one coding must be {words} (system {system})", "code-invalid"),)
    allowed = [f"{system}|{code}" for system, of_system in _VALUE_SETS[value_set].items() for code in of_system]
    first = codings[0].get("code", "") if codings else ""
    words = f"{said}; one coding must be among: {_listed(first, allowed)} ({value_set})"
    return (Problem(words, "code-invalid"),)


def _is_in(coding: Json, value_set: str) -> bool:
    system, code = coding.get("system"), coding.get("code")
    if value_set in _CODING_FORMS:
        expected, form, _ = _CODING_FORMS[value_set]
        return system == expected and code is not None and form.fullmatch(code) is not None
    return code in _VALUE_SETS[value_set].get(system or "", ())


def _listed(value: str, allowed: Iterable[str]) -> str:
    """Up to ten allowed codes, the likeliest first."""
    every = list(allowed)
    if len(every) <= _SHOWN:
        return ", ".join(every)
    likely = get_close_matches(value[:64], every, n=3, cutoff=0.5)
    shown = list(dict.fromkeys([*likely, *every]))[:_SHOWN]
    return f"{', '.join(shown)} … and {len(every) - _SHOWN} more"
