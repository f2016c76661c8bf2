"""What FHIR R4 is: types, search parameters, compartments, codecs, validation, patches.

Pure: nothing here does I/O after import, awaits, or knows MongoDB or HTTP. The steps, bottom up:
`definitions/` (HL7's data) → `registry` (types and elements), `parameters`, `compartments` → `references`, `instants`
(value kinds everybody needs) → `json_codec`, `xml_codec` (bytes ⇄ dict; beside it `xml_shapes`, `xml_reader`,
`narrative`) → `primitives`, `rules/` (what R4 asks of a value), `schemas` (the quick proof), `validation` (every
problem, in words) → `patch_json`, `patch_fhirpath` and its `places`;
`steps` parses SearchParameter expressions, `expressions` compiles them to Python, `paths` evaluates what is outside;
`positions` says in FHIRPath where a part stands;
`outcome` holds every error that the server can answer with.

A resource is a plain `dict` in the shape of FHIR JSON (https://hl7.org/fhir/R4/json.html), decimals as `Decimal`.
"""
