"""HL7's own terminology, counted by hand from its definitions, and that it costs nothing before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from resources import definitions
from resources.terminology import expansion, lookups, shapes, shipped
from resources.terminology.lookups import Wanted

FHIR = "http://hl7.org/fhir/ValueSet/"
TERMINOLOGY = "http://terminology.hl7.org/ValueSet/"


@pytest.mark.parametrize(
    ("url", "codes"),
    [
        (FHIR + "administrative-gender", "male female other unknown"),
        (FHIR + "administrative-gender|4.0.1", "male female other unknown"),
        (
            FHIR + "observation-status",
            "registered preliminary final amended corrected cancelled entered-in-error unknown",
        ),
        # It imports one set and lists a code beside it.
        (FHIR + "yesnodontknow", "Y N asked-unknown"),
        # Kinds of a code without the code, a list, and a whole system.
        (
            FHIR + "encounter-participant-type",
            "ADM ATND CALLBCK CON DIS ESC REF SPRF PPRF PART translator emergency",
        ),
        (TERMINOLOGY + "v3-ActEncounterCode", "AMB EMER FLD HH IMP ACUTE NONAC OBSENC PRENC SS VR"),
        # HL7 has no ValueSet of this url: the CodeSystem names it as the set of all its codes.
        (FHIR + "restful-interaction", None),
        # HL7's definition needs a CodeSystem of IHE's; HL7's expansion is whole.
        (FHIR + "formatcodes", None),
        # An older table of v2, whose version is part of the url.
        (TERMINOLOGY + "v2-2.1-0006", None),
    ],
)
def test_value_sets(url: str, codes: str | None) -> None:
    found = lookups.run(expansion.expand(url, 1000), shipped.find)
    assert found
    assert all(system.startswith(("http://", "urn:")) and "|" not in system for system, _ in found)
    if codes is not None:
        assert {code for _, code in found} == set(codes.split())


def test_every_required_binding_has_the_codes_that_validation_allows() -> None:
    for url, bound in definitions.load("codes").items():
        found = set(lookups.run(expansion.expand(url, 10_000), shipped.find))
        allowed = {(system, code) for system, codes in bound.items() for code in codes}
        assert allowed <= found
        assert all(code.startswith("_") or code == "question" for _, code in found - allowed)  # abstract ones


def test_another_version_than_hl7s_is_not_found() -> None:
    assert shipped.find(Wanted("ValueSet", FHIR + "administrative-gender", "5.0.0")) is None
    assert shipped.find(Wanted("CodeSystem", FHIR + "administrative-gender")) is None


def test_nothing_is_read_before_it_is_used() -> None:
    program = (
        "import sys; from resources.terminology import shipped; import fhir_server.store.terminology; "
        "assert shipped._texts.cache_info().currsize == 0"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_versions_are_ordered_as_people_count() -> None:
    ordered = [("", ""), ("", "2020"), ("1.0.0-ballot", ""), ("1.0.0", ""), ("1.0.0", "2020-01"), ("1.0.9", "")]
    ordered += [("1.0.10", ""), ("2", ""), ("2018-08-12", ""), ("2018-11-01", "")]
    assert sorted(ordered, key=lambda pair: shapes.version_order(*pair)) == ordered
