"""FHIR operations (`$name`), one file each, listed in `catalogue`; it feeds the router, the CapabilityStatement and
OpenAPI. See https://hl7.org/fhir/R4/operations.html.
"""
