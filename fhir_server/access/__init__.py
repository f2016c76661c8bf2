"""Who may ask what: `Access`, a restriction per resource type that is planted into every plan.

Pure: no await, no driver. Until access control exists, `limits.Access` restricts nothing; every coroutine of
`fhir_server.store` takes one all the same, so that no path to the data exists without it.
"""
