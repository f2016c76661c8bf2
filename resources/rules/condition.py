"""Condition: https://hl7.org/fhir/R4/condition.html#invs."""

from __future__ import annotations

from collections.abc import Iterator

from resources.rules.problem import Json, Problem

_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_OVER = frozenset({"resolved", "remission", "inactive"})
_STAGE_DETAILS = frozenset({"summary", "assessment"})


def abated_is_over(condition: Json) -> Iterator[Problem]:
    """con-4."""
    abated = any(member.startswith(("abatement", "_abatement")) for member in condition)
    status = _codes(condition.get("clinicalStatus", {}), _CLINICAL)
    if abated and status and status.isdisjoint(_OVER):
        found = ", ".join(sorted(status))
        words = f"a condition that has abated is inactive, resolved or in remission, not {found} (con-4)"
        yield Problem(words, at=".clinicalStatus")


def error_has_no_clinical_status(condition: Json) -> Iterator[Problem]:
    """con-5."""
    verification = _codes(condition.get("verificationStatus", {}), _VERIFICATION)
    if "clinicalStatus" in condition and "entered-in-error" in verification:
        yield Problem("no clinicalStatus where verificationStatus is entered-in-error (con-5)", at=".clinicalStatus")


def stage_has_details(stage: Json) -> Iterator[Problem]:
    """con-1."""
    if _STAGE_DETAILS.isdisjoint(stage):
        yield Problem("a stage has a summary or an assessment (con-1)")


def _codes(concept: Json, system: str) -> set[str]:
    return {coding.get("code", "") for coding in concept.get("coding", ()) if coding.get("system") == system}
