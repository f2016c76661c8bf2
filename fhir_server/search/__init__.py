"""Search: query → tree → plan; resource → entries; tree × entries → bool.

Pure: no await, no driver. Steps of a query: `grammar` parses the pairs into a `Query` with a `tree`, which `criteria`
makes, also for `filters` (`_filter`); `rewrite` plants the access restriction, `compile` makes a `Plan` for MongoDB,
and `cursor` says where the next page begins. Steps of a write: `extract` makes a resource's entries, through the
function that `resources.expressions` makes for its type. `match` reads the same tree in memory.
Each search-parameter type is one file in `types/`, which parses a value into tests of entries and writes those entries;
`document.entry` gives both the same form. `results` reads how the answer is to look: `includes` what comes along,
`sorting` its order, for which `sort` says what is stored and `ordering` what MongoDB computes; `periods` bounds
principal dates. `contained` is about contained resources, `inside` about the first one of a document, `canonicals`
about references by url, `record` about a patient's whole.
SearchParameters defined here: `declarations` reads them, `life` says what state follows which, `further` extracts them;
`upgrade` refuses searches while entries are made anew.
See https://hl7.org/fhir/R4/search.html.
"""
