"""One file per search-parameter type: `value` reads what is asked into tests of entries, `emitter` writes the entries.

Compiling and matching are the same for all types, since tests of entries are few: equal, begins with, contains, within.
`faces` is the table of the types, `asked` a value with its escapes, `sink` where emitters put entries.
See https://hl7.org/fhir/R4/search.html#ptypes.
"""
