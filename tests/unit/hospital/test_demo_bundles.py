from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from hospital.demo import bundles
from hospital.demo.values import check_digit
from resources import validation

Json = dict[str, Any]
FOLLOWUP = re.compile(r"(Appointment|Encounter)/\w+-\d{4}-\d{8}$")
FINISHED = ("fulfilled", "cancelled", "noshow", "finished")
TODAY = date(2026, 11, 24)


def _resources(loaded: list[Json]) -> Iterator[Json]:
    return (entry["resource"] for bundle in loaded for entry in bundle["entry"])


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _references(each)


def _digest(found: Iterator[Json]) -> str:
    return hashlib.sha256(json.dumps(list(found), default=str).encode()).hexdigest()


def test_every_resource_is_valid(loaded: list[Json]) -> None:
    problems = {
        f"{each['resourceType']}/{each['id']}": issues
        for each in _resources(loaded)
        if (issues := validation.validate(each))
    }
    assert problems == {}


def test_entries_are_puts_with_ids_of_their_own(loaded: list[Json]) -> None:
    urls = []
    for bundle in loaded:
        assert bundle["resourceType"] == "Bundle"
        assert bundle["type"] == "transaction"
        assert 0 < len(bundle["entry"]) <= 500
        for entry in bundle["entry"]:
            assert entry["request"]["method"] == "PUT"
            assert entry["request"]["url"] == f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
            urls.append(entry["request"]["url"])
    assert len(urls) == len(set(urls))


def test_references_point_to_the_same_bundle_or_earlier_ones(loaded: list[Json]) -> None:
    known: set[str] = set()
    for bundle in loaded:
        known |= {entry["request"]["url"] for entry in bundle["entry"]}
        assert set(_references(bundle)) <= known


def test_every_type_of_the_hospital_is_there(hospital: dict[str, dict[str, Json]]) -> None:
    assert set(hospital) == {
        *("Account", "AllergyIntolerance", "Appointment", "CarePlan", "ChargeItem", "Communication"),
        *("Condition", "Consent", "Coverage", "DiagnosticReport", "Encounter", "HealthcareService"),
        *("Immunization", "Invoice", "Location"),
        *("MedicationRequest", "Observation", "Organization", "Patient", "PaymentNotice", "PaymentReconciliation"),
        *("Practitioner", "PractitionerRole", "Procedure", "RelatedPerson", "Schedule", "Slot"),
    }


def test_the_same_arguments_give_the_same_bytes(loaded: list[Json]) -> None:
    program = (
        "import hashlib, json; from datetime import date; from hospital.demo import bundles;"
        "found = list(bundles(seed=3, patients=40, today=date(2026, 11, 24)));"
        "print(hashlib.sha256(json.dumps(found, default=str).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == _digest(iter(loaded))


def test_another_seed_gives_another_hospital(loaded: list[Json]) -> None:
    assert _digest(bundles(seed=4, patients=40, today=TODAY)) != _digest(iter(loaded))


def test_a_later_day_continues_the_same_story(hospital: dict[str, dict[str, Json]]) -> None:
    later = {
        f"{each['resourceType']}/{each['id']}": each
        for each in _resources(list(bundles(seed=3, patients=40, today=TODAY + timedelta(days=7))))
    }
    before = {
        f"{each['resourceType']}/{each['id']}": each for of_type in hospital.values() for each in of_type.values()
    }
    followups = {url for url in before if FOLLOWUP.search(url)}
    lasting = {url for url in before if not url.startswith("Slot/")} - followups
    assert lasting <= set(later)
    changed = {url for url in lasting if before[url] != later[url]}
    assert 0 < len(changed) < len(lasting) / 20
    assert all(before[url]["status"] in FINISHED for url in followups - set(later))
    assert not [url for url in changed if url.startswith(("Observation/", "Encounter/encounter-0001", "Immunization/"))]


def test_identifiers_are_well_formed_and_never_given_out(hospital: dict[str, dict[str, Json]]) -> None:
    for practitioner in hospital["Practitioner"].values():
        npi = practitioner["identifier"][0]["value"]
        assert len(npi) == 10
        assert npi[0] == "9"  # real ones begin with 1 or 2
        assert check_digit(npi[:9]) == npi[9]
    values = [each["value"] for patient in hospital["Patient"].values() for each in patient["identifier"]]
    assert len(values) == len(set(values))
    assert sum(value.startswith("000-") for value in values) == len(hospital["Patient"])


def test_check_digit_of_the_published_example() -> None:
    assert check_digit("123456789") == "3"


@pytest.mark.parametrize("type_", ["Patient", "Practitioner", "Appointment", "MedicationRequest", "Invoice"])
def test_the_main_types_have_a_narrative(hospital: dict[str, dict[str, Json]], type_: str) -> None:
    for resource in hospital[type_].values():
        assert resource["text"]["status"] == "generated"
        assert resource["text"]["div"].startswith('<div xmlns="http://www.w3.org/1999/xhtml">')


def test_models_of_fhir_resources_take_a_sample_of_every_type(hospital: dict[str, dict[str, Json]]) -> None:
    for type_, of_type in hospital.items():
        model = get_fhir_model_class(type_)
        for resource in list(of_type.values())[:5]:
            model.model_validate(resource)


def test_loading_the_package_does_not_load_the_models() -> None:
    program = "import sys, hospital.demo; sys.exit('fhir.resources' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.long
def test_the_documentation_tells_the_truth() -> None:
    text = (Path(__file__).parents[3] / "docs" / "demo-hospital.md").read_text(encoding="utf-8")
    loaded = list(bundles(today=TODAY))
    resources = list(_resources(loaded))
    counts = Counter(each["resourceType"] for each in resources)
    table = dict(re.findall(r"^\| ([A-Z]\w+) \| ([\d,]+) \|", text, re.MULTILINE))
    assert {type_: int(count.replace(",", "")) for type_, count in table.items()} == counts
    assert f"{len(resources):,} resources in {len(loaded)} Bundles" in text
    known = {f"{each['resourceType']}/{each['id']}" for each in resources}
    named = set(re.findall(r"\b[A-Z]\w+/[a-z][\w-]+\d\b|Organization/dept-\w+", text))
    assert len(named) > 15
    assert named <= known
