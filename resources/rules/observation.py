"""Observation: https://hl7.org/fhir/R4/observation.html#invs."""

from __future__ import annotations

from collections.abc import Iterator

from resources.rules.problem import Json, Problem

_RANGE_DETAILS = frozenset({"low", "high", "text"})


def no_reason_beside_value(observation: Json) -> Iterator[Problem]:
    """obs-6, for observations and their components."""
    if "dataAbsentReason" in observation and any(member.startswith(("value", "_value")) for member in observation):
        yield Problem("a reason why there is no value stands beside a value (obs-6)", at=".dataAbsentReason")


def component_does_not_repeat(observation: Json) -> Iterator[Problem]:
    """obs-7: where the observation has a value, no component has the observation's code."""
    if "component" not in observation or not any(member.startswith("value") for member in observation):
        return
    own = {_key(coding) for coding in observation["code"].get("coding", ())}
    for place, component in enumerate(observation["component"]):
        if any(_key(coding) in own for coding in component["code"].get("coding", ())):
            words = "a component must not have the observation's own code where that has a value (obs-7)"
            yield Problem(words, at=f".component[{place}].code")


def reference_range_has_content(reference_range: Json) -> Iterator[Problem]:
    """obs-3."""
    if _RANGE_DETAILS.isdisjoint(reference_range) and "_text" not in reference_range:
        yield Problem("a reference range has at least one of low, high and text (obs-3)")


def _key(coding: Json) -> tuple[str | None, str | None]:
    return coding.get("system"), coding.get("code")
