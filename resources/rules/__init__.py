"""What FHIR R4 asks of a value beyond its structure; `schemas` and `validation` both apply these very functions.

Pure, may import `registry`, `primitives`, `definitions`. A rule takes a JSON value and gives the `Problem`s in it:
`problem` (the value all rules give) → `objects` (choice types, extensions, empty objects), `bindings` (codes from HL7's
value sets), `references` (form and target types), `contained`, `narrative` (safe XHTML) → `data_types` and one file per
resource type with invariants of its own (`bundle`, `patient`, …) → `catalog` (which rule applies to which structure).

See https://hl7.org/fhir/R4/validation.html.
"""
