"""The one door: `dispatch(server, request)` finds the interaction in the registry, runs it, and renders errors.

Every caller comes through here: HTTP, each entry of a Bundle, operations, the loader, hospital workflows; so none can
be laxer than another. One file per FHIR verb; `conditional` and `links` serve several of them; `capabilities` derives
the CapabilityStatement from the registry. Writes only make `Change`s; `store.committer` commits them.
See https://hl7.org/fhir/R4/http.html.
"""
