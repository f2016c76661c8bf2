"""Entries of an answer that is nearly full."""

import json

from fhir_server.interactions.bundle_answer import Budget, entry_text
from fhir_server.model import FhirRequest, FhirResponse, Interaction, Prefer

TEXT = b'{"resourceType":"Patient","id":"1"}'


def asked(interaction: Interaction, method: str) -> FhirRequest:
    return FhirRequest(interaction, method, "http://a/fhir", "r", type="Patient", prefer=Prefer("representation"))


async def test_a_write_is_told_even_without_room_for_its_resource() -> None:
    response = FhirResponse(201, text=TEXT, version=1, location="http://a/fhir/Patient/1/_history/1")
    entry = json.loads(await entry_text(asked(Interaction.CREATE, "POST"), response, Budget(3)))
    assert entry["response"]["status"] == "201 Created"
    assert entry["response"]["location"] == response.location
    assert "resource" not in entry


async def test_a_read_without_room_is_refused() -> None:
    entry = json.loads(await entry_text(asked(Interaction.READ, "GET"), FhirResponse(200, text=TEXT), Budget(3)))
    assert entry["response"]["status"].startswith("413")
    assert entry["response"]["outcome"]["issue"][0]["code"] == "too-costly"
