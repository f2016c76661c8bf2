"""Which codes a ValueSet has, and which codes are above and below one: what `:in`, `:not-in`, `:above`, `:below` need.

Pure: no I/O. `shapes` is what is read of a ValueSet or CodeSystem, `systems` a CodeSystem with its hierarchy and its
filters, `expansion` evaluates a ValueSet's definition, `subsumption` gives what is above and below a code, `lookups`
says how all of them ask for resources and what they raise, `shipped` finds HL7's own.
What is evaluated asks for one resource at a time (it is a generator, see `lookups`), so that whoever has to await may.
See https://hl7.org/fhir/R4/terminologies.html, https://hl7.org/fhir/R4/valueset.html#compositions and
https://hl7.org/fhir/R4/search.html#token. May import `resources` only.
"""
