"""What each method and path asks for, and what each query says."""

import pytest

from fhir_server.interactions import address
from fhir_server.interactions.address import Address
from fhir_server.model import Interaction, Pairs
from resources.outcome import BadRequest, FhirError, MethodNotAllowed, NotFound


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "", Address(Interaction.BUNDLE)),
        ("POST", "/", Address(Interaction.BUNDLE)),
        ("GET", "", Address(Interaction.SEARCH_SYSTEM)),
        ("OPTIONS", "/", Address(Interaction.CAPABILITIES)),
        ("GET", "/metadata", Address(Interaction.CAPABILITIES)),
        ("GET", "/_history", Address(Interaction.HISTORY_SYSTEM)),
        ("POST", "/_search", Address(Interaction.SEARCH_SYSTEM)),
        ("POST", "/$validate", Address(Interaction.OPERATION, operation="validate")),
        ("GET", "/Patient", Address(Interaction.SEARCH_TYPE, "Patient")),
        ("GET", "/Patient/", Address(Interaction.SEARCH_TYPE, "Patient")),
        ("POST", "/Patient/_search", Address(Interaction.SEARCH_TYPE, "Patient")),
        ("POST", "/Patient", Address(Interaction.CREATE, "Patient")),
        ("PUT", "/Patient", Address(Interaction.UPDATE, "Patient")),
        ("PATCH", "/Patient", Address(Interaction.PATCH, "Patient")),
        ("DELETE", "/Patient", Address(Interaction.DELETE, "Patient")),
        ("GET", "/Patient/_history", Address(Interaction.HISTORY_TYPE, "Patient")),
        ("GET", "Patient/1", Address(Interaction.READ, "Patient", "1")),
        ("HEAD", "/Patient/1", Address(Interaction.READ, "Patient", "1")),
        ("GET", "/Patient/%61-1.B", Address(Interaction.READ, "Patient", "a-1.B")),
        ("PUT", "/Patient/1", Address(Interaction.UPDATE, "Patient", "1")),
        ("PATCH", "/Patient/1", Address(Interaction.PATCH, "Patient", "1")),
        ("DELETE", "/Patient/1", Address(Interaction.DELETE, "Patient", "1")),
        ("GET", "/Patient/1/_history", Address(Interaction.HISTORY_INSTANCE, "Patient", "1")),
        ("GET", "/Patient/1/_history/2", Address(Interaction.VREAD, "Patient", "1", "2")),
        ("POST", "/Patient/$validate", Address(Interaction.OPERATION, "Patient", operation="validate")),
        ("GET", "/Patient/1/Observation", Address(Interaction.SEARCH_TYPE, "Observation", compartment="Patient/1")),
        ("POST", "/Device/1/Group/_search", Address(Interaction.SEARCH_TYPE, "Group", compartment="Device/1")),
        ("GET", "/Encounter/1/*", Address(Interaction.SEARCH_SYSTEM, compartment="Encounter/1")),
        ("GET", "/Encounter/1/Encounter", Address(Interaction.SEARCH_TYPE, "Encounter", compartment="Encounter/1")),
        ("POST", "/RelatedPerson/1/_search", Address(Interaction.SEARCH_SYSTEM, compartment="RelatedPerson/1")),
        ("POST", "/Practitioner/1/*/_search", Address(Interaction.SEARCH_SYSTEM, compartment="Practitioner/1")),
        ("GET", "/Patient/1/%24meta-add", Address(Interaction.OPERATION, "Patient", "1", operation="meta-add")),
    ],
)
def test_addresses(method: str, path: str, expected: Address) -> None:
    assert address.parse(method, path) == expected


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [
        ("GET", "/Patiant", NotFound),
        ("GET", "/patient", NotFound),
        ("GET", "/Resource", NotFound),
        ("GET", "/HumanName/1", NotFound),
        ("GET", "//Patient", NotFound),
        ("GET", "/Patient//1", NotFound),
        ("GET", "/Patient/a_b", NotFound),
        ("GET", "/Patient/" + "a" * 65, NotFound),
        ("GET", "/Patient/..%2Fetc", NotFound),
        ("PUT", "/Patient/a_b", BadRequest),
        ("GET", "/Patient/%zz", BadRequest),
        ("GET", "/Patient/%ff", BadRequest),
        ("GET", "/Patient/%00", BadRequest),
        ("GET", "/$a.b", NotFound),
        ("GET", "/Patient/1/nothing", NotFound),
        ("GET", "/Patient/1/_history/2/3", NotFound),
        ("GET", "/metadata/1", NotFound),
        ("GET", "/Patient/1/Organization", NotFound),
        ("GET", "/Organization/1/Patient", NotFound),
        ("GET", "/Organization/1/*", NotFound),
        ("GET", "/Patient/1/Observation/1", NotFound),
        ("POST", "/Patient/1/Observation", MethodNotAllowed),
        ("GET", "/Patient/1/Observation/_search", MethodNotAllowed),
        ("DELETE", "/Patient/1/*", MethodNotAllowed),
        ("DELETE", "/", MethodNotAllowed),
        ("PUT", "/metadata", MethodNotAllowed),
        ("POST", "/Patient/1", MethodNotAllowed),
        ("TRACE", "/Patient/1", MethodNotAllowed),
        ("GET", "/Patient/_search", MethodNotAllowed),
    ],
)
def test_what_is_no_address(method: str, path: str, error: type[FhirError]) -> None:
    with pytest.raises(error):
        address.parse(method, path)


def test_wrong_method_says_which_are_allowed() -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        address.parse("POST", "/Patient/1")
    assert caught.value.headers == (("Allow", "DELETE, GET, HEAD, PATCH, PUT"),)


def test_unknown_type_names_the_nearest() -> None:
    with pytest.raises(NotFound, match="Did you mean Patient"):
        address.parse("GET", "/Patiant")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ()),
        ("a=b&c=d", (("a", "b"), ("c", "d"))),
        ("a=b&a=c&&", (("a", "b"), ("a", "c"))),
        ("name%3Aexact=M%C3%BCller+x%2B", (("name:exact", "Müller x+"),)),
        ("a", (("a", ""),)),
        ("a=b=c", (("a", "b=c"),)),
        ("a=Müller", (("a", "Müller"),)),
    ],
)
def test_pairs(query: str, expected: Pairs) -> None:
    assert address.pairs(query) == expected


@pytest.mark.parametrize("query", ["a=%", "a=%2", "a=%zz", "a=%ff", "a=%00", "%00=a", "=a", "&".join(["a=1"] * 1001)])
def test_malformed_pairs(query: str) -> None:
    with pytest.raises(BadRequest):
        address.pairs(query)
