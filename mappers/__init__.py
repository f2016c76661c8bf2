"""What comes into the server from outside, and in which shape: files today, messages and old systems later.

`loading` sends files of resources to a running server, over HTTP like anybody else: it may be on another machine, and
is held to the same rules. `sources` reads files into entries, `identities` remembers which resource a link means
across files, on disk, so that memory does not grow with the data. The order of a load: read everything once for the
identities; then read again, replace the links that lead out of a Bundle, send transactions, a few at a time; at last
try again what was refused for what was not there yet. May import all of `fhir_server` but `app` and `cli`; knows
neither `hospital` nor MongoDB. See docs/loading.md.
"""
