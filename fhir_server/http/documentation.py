"""The CapabilityStatement as a page for people: `/docs`.

Rule: nothing is fetched from elsewhere and no script runs: hospitals' networks are closed, and a page of plain HTML
shows 146 types faster than a script could. What it says it takes from the statement.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from fhir_server.model import Json

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
MAIN_TYPES: Final = {
    "Patient": "who is cared for",
    "Practitioner": "who cares",
    "Appointment": "when they meet",
    "MedicationRequest": "what is prescribed",
    "Invoice": "what is to be paid",
}
"""What a hospital asks for first, in this order."""
_STYLE: Final = files("fhir_server.http").joinpath("documentation.css").read_text("utf-8")
_ICON: Final = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='4' fill='#0b63a5'/>"
    "<path d='M8 3.5v9M3.5 8h9' stroke='#fff' stroke-width='2.6' stroke-linecap='round'/></svg>"
)


def page(statement: Json) -> str:
    """The whole page as HTML."""
    rest = statement["rest"][0]
    base = escape(statement["implementation"]["url"])
    resources = {resource["type"]: resource for resource in rest["resource"]}
    first = "".join(_entry(base, resources[type_], words) for type_, words in MAIN_TYPES.items())
    first = first.replace("<details ", "<details open ", 1)  # shows what there is behind a name
    others = [resource for type_, resource in resources.items() if type_ not in MAIN_TYPES]
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{escape(statement['title'])}</title>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<link rel=icon href='data:image/svg+xml,{quote(_ICON)}'><style>{_STYLE}</style></head><body>"
        f"{_head(statement, base)}<main><h2>Where to begin</h2><div class='grid main'>{first}</div>"
        f"<h2>All other types <small>{len(others)}</small></h2>"
        f"<div class=grid>{''.join(_entry(base, resource) for resource in others)}</div></main></body></html>"
    )


def _head(statement: Json, base: str) -> str:
    rest = statement["rest"][0]
    links = (
        (f"{base}/metadata", "CapabilityStatement"),
        ("/openapi.json", "OpenAPI"),
        ("/health", "Health"),
        ("/ready", "Ready"),
        ("https://hl7.org/fhir/R4/", "FHIR R4 specification"),
    )
    shown = "".join(f"<a href='{address}'>{words}</a>" for address, words in links)
    version = f"FHIR {escape(statement['fhirVersion'])}"
    return (
        f"<header><h1>{escape(statement['title'])}</h1><p>{version} at <code>{base}</code></p>"
        f"<nav class=links>{shown}</nav>"
        f"<pre>curl '{base}/Patient?_count=3&amp;_pretty=true'\ncurl '{base}/Patient?name=smith&amp;birthdate=ge1990'\n"
        f"curl {base}/Patient -H 'Content-Type: application/fhir+json' \\\n"
        '     -d \'{"resourceType":"Patient","name":[{"family":"Curie"}]}\'</pre>'
        f"<h3>For all types together</h3>{_badges(rest)}</header>"
    )


def _entry(base: str, resource: Json, words: str | None = None) -> str:
    """A resource type: its name, and what is shown when it is opened or its address ends in `#Patient`."""
    type_ = escape(resource["type"])
    parameters = "".join(
        f"<li><code>{escape(each['name'])}</code><span>{escape(each['type'])}</span>"
        for each in resource["searchParam"]
    )
    about = f"<small>{words}</small>" if words else ""
    return (
        f"<section class=type><details id={type_}><summary><b>{type_}</b>{about}</summary></details><div class=body>"
        f"<nav class=links><a href='#{type_}'>#{type_}</a><a href='{base}/{type_}?_pretty=true'>Look at some</a>"
        f"<a href='https://hl7.org/fhir/R4/{type_.lower()}.html'>Specification</a></nav>{_badges(resource)}"
        f"<pre>curl '{base}/{type_}?_count=3&amp;_sort=-_lastUpdated&amp;_pretty=true'</pre>"
        f"<h3>{len(resource['searchParam'])} search parameters</h3><ul class=parameters>{parameters}</ul>"
        "</div></section>"
    )


def _badges(described: Json) -> str:
    """Interactions and operations."""
    interactions = "".join(f"<span class=badge>{escape(each['code'])}</span>" for each in described["interaction"])
    operations = "".join(
        f"<span class='badge operation'>${escape(each['name'])}</span>" for each in described.get("operation", [])
    )
    return f"<div class=badges>{interactions}{operations}</div>"
