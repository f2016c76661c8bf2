import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from fhir_server.interactions import bundle_entries
from fhir_server.interactions.bundle_entries import Entry, Refused
from fhir_server.model import FhirRequest, Interaction, Preconditions, Prefer
from fhir_server.threads import Threads
from resources.outcome import Issue

BASE = "http://here.example/fhir"
PATIENT = {"resourceType": "Patient"}
JSON_PATCH = {"resourceType": "Binary", "contentType": "application/json-patch+json"}


async def parsed(raw: Any, prefer: Prefer = Prefer()) -> Entry | Refused:  # noqa: B008 - frozen
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [raw]}
    request = FhirRequest(Interaction.BUNDLE, "POST", BASE, "1", body=bundle, prefer=prefer)
    [found] = await bundle_entries.parse(request, Threads())
    return found


async def understood(method: str, url: str, resource: Any = None, **request: str) -> FhirRequest:
    raw: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        raw["resource"] = resource
    found = await parsed(raw)
    assert isinstance(found, Entry), found
    return found.request


@pytest.mark.parametrize(
    ("method", "url", "interaction", "named"),
    [
        ("GET", "Patient/1", Interaction.READ, ("Patient", "1")),
        ("GET", "/Patient/1", Interaction.READ, ("Patient", "1")),
        ("GET", f"{BASE}/Patient/1", Interaction.READ, ("Patient", "1")),
        ("HEAD", "Patient/1", Interaction.READ, ("Patient", "1")),
        ("GET", "Patient/1/_history/2", Interaction.VREAD, ("Patient", "1")),
        ("GET", "Patient/1/_history", Interaction.HISTORY_INSTANCE, ("Patient", "1")),
        ("GET", "Patient?name=x", Interaction.SEARCH_TYPE, ("Patient", None)),
        ("GET", "?_id=x", Interaction.SEARCH_SYSTEM, (None, None)),
        ("GET", f"{BASE}?_id=x", Interaction.SEARCH_SYSTEM, (None, None)),
        ("GET", "metadata", Interaction.CAPABILITIES, (None, None)),
        ("DELETE", "Patient/1", Interaction.DELETE, ("Patient", "1")),
        ("DELETE", "Patient?identifier=1", Interaction.DELETE, ("Patient", None)),
        ("GET", "Patient/1/$meta", Interaction.OPERATION, ("Patient", "1")),
    ],
)
async def test_targets(method: str, url: str, interaction: Interaction, named: tuple[str | None, str | None]) -> None:
    found = await understood(method, url)
    assert (found.interaction, (found.type, found.id), found.method) == (interaction, named, method)


@pytest.mark.parametrize(
    ("method", "url", "resource"),
    [
        ("GET", "http://elsewhere.example/fhir/Patient/1", None),
        ("GET", "//elsewhere.example/Patient/1", None),
        ("GET", f"{BASE}x/Patient/1", None),
        ("GET", "Patient/1#x", None),
        ("GET", "Nonsense/1", None),
        ("GET", "Patient/$$$", None),
        ("GET", "Patient?a=%ff", None),
        ("GET", "Patient/1", PATIENT),
        ("POST", "/", PATIENT),
        ("POST", "Patient/_search", None),
        ("POST", "Patient", None),
        ("POST", "Patient/1", PATIENT),
        ("POST", "Patient", {"resourceType": "Observation"}),
        ("POST", "Patient", {}),
        ("POST", "Patient", []),
        ("PUT", "Patient", PATIENT),
        ("PATCH", "Patient/1", {"resourceType": "Binary", "contentType": "text/plain", "data": "W10="}),
        ("PATCH", "Patient/1", JSON_PATCH),
        ("PATCH", "Patient/1", JSON_PATCH | {"data": "="}),
        ("PATCH", "Patient/1", JSON_PATCH | {"data": "ew=="}),
        ("DELETE", "Patient", None),
    ],
)
async def test_what_is_refused(method: str, url: str, resource: Any) -> None:
    raw: dict[str, Any] = {"request": {"method": method, "url": url}}
    if resource is not None:
        raw["resource"] = resource
    found = await parsed(raw)
    assert isinstance(found, Refused)
    assert 400 <= found.error.status < 500
    assert all((issue.expression or "").startswith("Bundle.entry[0].") for issue in found.error.issues)


async def test_preconditions() -> None:
    found = await understood("GET", "Patient/1", ifNoneMatch='W/"3"', ifModifiedSince="2026-01-31T12:00:00+01:00")
    moment = datetime(2026, 1, 31, 11, tzinfo=UTC)
    assert found.when == Preconditions(if_none_match=("3",), if_modified_since=moment)
    found = await understood("PUT", "Patient/1", PATIENT, ifMatch='W/"3"')
    assert found.when == Preconditions(if_match=("3",))
    found = await understood("POST", "Patient", PATIENT, ifNoneExist="Patient?identifier=a%7Cb&active=true")
    assert found.when == Preconditions(if_none_exist=(("identifier", "a|b"), ("active", "true")))


async def test_a_json_patch_in_a_binary() -> None:
    data = base64.b64encode(b'[{"op":"remove","path":"/active"}]').decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json; charset=utf-8", "data": data}
    found = await understood("PATCH", "Patient/1", binary)
    assert found.body == [{"op": "remove", "path": "/active"}]


async def test_writes_are_quiet_unless_asked_otherwise() -> None:
    post, get = {"method": "POST", "url": "Patient"}, {"method": "GET", "url": "Patient/1"}
    asked = Prefer("representation", "strict")
    cases = [
        ({"request": post, "resource": PATIENT}, Prefer(handling="strict"), Prefer("minimal", "strict")),
        ({"request": post, "resource": PATIENT}, asked, asked),
        ({"request": get}, Prefer(), Prefer()),
    ]
    for raw, outer, inner in cases:
        found = await parsed(raw, outer)
        assert isinstance(found, Entry)
        assert found.request.prefer == inner


@pytest.mark.parametrize(
    ("expression", "after"),
    [
        ("Patient.name[0]", "Bundle.entry[3].resource.name[0]"),
        ("Patient", "Bundle.entry[3].resource"),
        (None, "Bundle.entry[3]"),
        ("Bundle.entry[3].request.url", "Bundle.entry[3].resource.entry[3].request.url"),
        ("Bundle.type", "Bundle.entry[3].resource.type"),
    ],
)
def test_places(expression: str | None, after: str) -> None:
    assert bundle_entries.located(Issue("error", "invalid", "x", expression), 3).expression == after
