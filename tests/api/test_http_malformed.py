"""Requests that are wrong, one a row: each gets its 4xx and an OperationOutcome that says what is wrong."""

from typing import Any

import httpx
import pytest

FHIR = "application/fhir+json"
XML = "application/fhir+xml"
BOMB = (
    '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]>'
    '<Patient xmlns="http://hl7.org/fhir"><id value="&y;"/></Patient>'
)
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir">&x;</Patient>'
DEEP_XML = '<Patient xmlns="http://hl7.org/fhir">' + '<extension url="a">' * 10_000


def post(content: bytes | str, type_: str = FHIR, path: str = "Patient", **headers: str) -> dict[str, Any]:
    return {"method": "POST", "url": path, "content": content, "headers": {"Content-Type": type_, **headers}}


def get(url: str, **headers: str) -> dict[str, Any]:
    return {"method": "GET", "url": url, "headers": headers}


BODIES = [
    ("nothing", post(b""), 400),
    ("not JSON", post("{"), 400),
    ("text behind", post("{} {}"), 400),
    ("a list", post("[]"), 400),
    ("a string", post('"Patient"'), 400),
    ("duplicate keys", post('{"resourceType":"Patient","active":true,"active":false}'), 400),
    ("10,000 deep", post('{"resourceType":"Patient","extension":' + "[" * 10_000 + "]" * 10_000 + "}"), 400),
    ("escaped NUL", post('{"resourceType":"Patient","language":"a\\u0000"}'), 400),
    ("raw NUL", post(b'{"resourceType":"Patient","language":"a\x00"}'), 400),
    ("lone surrogate", post('{"resourceType":"Patient","language":"\\ud800"}'), 400),
    ("not UTF-8", post(b'{"resourceType":"Patient","language":"\xff"}'), 400),
    ("huge number", post('{"resourceType":"Patient","multipleBirthInteger":1e999999999}'), 400),
    ("NaN", post('{"resourceType":"Patient","multipleBirthInteger":NaN}'), 400),
    ("another type", post('{"resourceType":"Observation"}'), 422),
    ("unknown element", post('{"resourceType":"Patient","$where":"1"}'), 422),
    ("dots in names", post('{"resourceType":"Patient","name.family":"x"}'), 422),
    ("impossible date", post('{"resourceType":"Patient","birthDate":"2023-02-30"}'), 422),
    ("not XML", post("<Patient", XML), 400),
    ("entity expansion", post(BOMB, XML), 400),
    ("external entity", post(OUTSIDE, XML), 400),
    ("deep XML", post(DEEP_XML, XML), 400),
    ("JSON called XML", post('{"resourceType":"Patient"}', XML), 400),
    ("text", post("hello", "text/plain"), 415),
    ("no type", post("{}", ""), 415),
    ("form", post("a=b", "application/x-www-form-urlencoded"), 415),
    ("other charset", post("{}", FHIR + "; charset=latin-1"), 415),
    ("other FHIR version", post("{}", FHIR + "; fhirVersion=3.0"), 415),
    ("unknown coding", post("{}", **{"Content-Encoding": "br"}), 415),
    ("broken gzip", post("{}", **{"Content-Encoding": "gzip"}), 400),
    ("search with JSON", post("{}", path="Patient/_search"), 415),
    ("form not UTF-8", post("a=%ff", "application/x-www-form-urlencoded", "Patient/_search"), 400),
    ("base without Bundle", post('{"resourceType":"Patient"}', path=""), 400),
    ("broken condition", post('{"resourceType":"Patient"}', **{"If-None-Exist": "identifier=%"}), 400),
]

ADDRESSES = [
    ("unknown type", get("Patiant"), 404),
    ("unknown type with id", get("Patiant/1"), 404),
    ("id of another form", get("Patient/a_b"), 404),
    ("id too long", get("Patient/" + "a" * 65), 404),
    ("two slashes", get("Patient//1"), 404),
    ("traversal", get("Patient/..%2F..%2Fetc"), 404),
    ("NUL in the path", get("Patient/%00"), 400),
    ("broken escape", get("Patient?family=%zz"), 400),
    ("NUL in a value", get("Patient?family=%00"), 400),
    ("not UTF-8", get("Patient?family=%ff"), 400),
    ("parameter without name", get("Patient?=1"), 400),
    ("too many parameters", get("Patient?" + "&".join(["family=x"] * 1001)), 400),
    ("url too long", get("Patient?family=" + "x" * 40_000), 414),
    ("headers too long", get("Patient/1", **{"X-Much": "x" * 70_000}), 400),
    ("version that is none", get("Patient/1/_history/x"), 404),
    ("unknown operation", get("Patient/$nothing"), 404),
    ("compartment without the type", get("Patient/1/Location"), 404),
    ("unknown format", get("Patient/1?_format=ttl"), 406),
    ("pretty of another form", get("Patient/1?_pretty=maybe"), 400),
    ("broken If-None-Match", get("Patient/1", **{"If-None-Match": "1"}), 400),
    ("unknown parameter, strictly", get("Patient?nothing=1", Prefer="handling=strict"), 400),
    ("bad prefix", get("Patient?birthdate=xx2020"), 400),
    ("impossible date", get("Patient?birthdate=2023-02-30"), 400),
    ("absurd _count", get("Patient?_count=-1"), 400),
    ("_count of words", get("Patient?_count=many"), 400),
    ("_sort by nothing", get("Patient?_sort=$$$"), 400),
]


@pytest.mark.parametrize(("request_", "status"), [pytest.param(*row[1:], id=row[0]) for row in BODIES + ADDRESSES])
async def test_wrong_request(client: httpx.AsyncClient, request_: dict[str, Any], status: int) -> None:
    answer = await client.request(**request_)
    assert answer.status_code == status, answer.text
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    for issue in outcome["issue"]:
        assert issue["severity"] in ("error", "fatal")
        assert issue["code"]
        assert len(issue["diagnostics"]) > 10
        assert "Traceback" not in issue["diagnostics"]


@pytest.mark.parametrize(
    "value", ["M.ller", "^.*ller$", "M(u|v)ller", "M[a-z]ller", "M\\wller", '{"$gt":"a"}', "$ne a"]
)
async def test_characters_of_languages_are_only_characters(client: httpx.AsyncClient, value: str) -> None:
    """Each would find this patient if it ever became a regular expression or an operator."""
    patient = {"resourceType": "Patient", "identifier": [{"value": "Muller"}], "name": [{"family": "Muller"}]}
    assert (await client.put("Patient", params={"identifier": "Muller"}, json=patient)).is_success
    for parameter in ("family", "identifier", "name:exact"):
        assert "entry" in (await client.get("Patient", params={parameter: "Muller"})).json()
        answer = await client.get("Patient", params={parameter: value})
        assert answer.status_code == 200, answer.text
        assert "entry" not in answer.json()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "Patient/1", "DELETE, GET, HEAD, PATCH, PUT"),
        ("DELETE", "metadata", "GET, HEAD, OPTIONS"),
        ("PUT", "", "GET, HEAD, OPTIONS, POST"),
        ("GET", "Patient/_search", "POST"),
    ],
)
async def test_wrong_method_says_what_is_allowed(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["issue"][0]["code"] == "not-supported"
