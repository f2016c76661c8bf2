"""`fhirpy` and the SMART Python client (`fhirclient`) read and search."""

import warnings

from fhirpy import AsyncFHIRClient, SyncFHIRClient

from tests.clients.conftest import Hospital


def test_fhirpy_reads_searches_pages_and_writes(hospital: Hospital) -> None:
    client = SyncFHIRClient(hospital.base_url)
    patient = client.reference("Patient", hospital.patient).to_resource()
    assert patient["name"][0]["family"] == "Lovelace"
    found = client.resources("Observation").search(patient=hospital.patient, date__ge="2024-01-03").sort("date")
    assert [each["id"] for each in found.fetch_all()] == ["pulse-2", "pulse-3", "pulse-4"]
    assert len(client.resources("Observation").limit(2).fetch_all()) == 5

    assert client.resources("Observation").search(patient=hospital.patient).count() == 5

    basic = client.resource("Basic", code={"text": "from fhirpy"})
    basic.save()
    basic["code"]["text"] = "changed"
    basic.save()
    assert client.reference("Basic", basic["id"]).to_resource()["code"]["text"] == "changed"
    assert basic["meta"]["versionId"] == "2"
    basic.delete()  # type: ignore[no-untyped-call]
    assert client.resources("Basic").search(_id=basic["id"]).first() is None


async def test_fhirpy_asynchronously(hospital: Hospital) -> None:
    client = AsyncFHIRClient(hospital.base_url)
    found = await client.resources("Patient").search(family="Lovelace").first()
    assert found is not None
    assert found["id"] == hospital.patient


def test_fhirclient_reads_and_searches(hospital: Hospital) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecations
        from fhirclient import client as smart
        from fhirclient.models.observation import Observation
        from fhirclient.models.patient import Patient

        server = smart.FHIRClient(settings={"app_id": "tests", "api_base": hospital.base_url}).server
        patient = Patient.read(hospital.patient, server)
        assert patient.name[0].family == "Lovelace"
        where = {"subject": f"Patient/{hospital.patient}", "_sort": "-date"}
        found = Observation.where(struct=where).perform_resources(server)
        assert [each.id for each in found] == list(reversed(hospital.observations))
        created = Patient({"name": [{"family": "Hopper"}]}).create(server)
        assert created["name"][0]["family"] == "Hopper"
