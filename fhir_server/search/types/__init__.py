"""One file per search-parameter type, each with four faces: parse a value, extract entries, compile, match.

See https://hl7.org/fhir/R4/search.html#ptypes.
"""
