"""FHIR operations (`$name`), one file each, registered with `@operation`; the registry feeds the router, the
CapabilityStatement and OpenAPI. See https://hl7.org/fhir/R4/operations.html.
"""
