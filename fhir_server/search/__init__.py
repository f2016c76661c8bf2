"""Search: query → tree → plan; resource → entries; tree × entries → bool.

Pure: no await, no driver. Steps of a query: `grammar` parses the pairs into a `Query` with a `tree`, `rewrite` plants
the access restriction, `compile` makes a `Plan` for MongoDB. Steps of a write: `extract` makes a resource's entries.
`match` reads the same tree in memory. Each search-parameter type is one file in `types/` with four faces: parse,
extract, compile, match. See https://hl7.org/fhir/R4/search.html.
"""
