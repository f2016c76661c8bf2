"""The only awaits on MongoDB.

Steps: `database` opens the client and translates driver errors; `schema` prepares collections and indexes; `reader`
reads versions and runs plans; `commit` makes one transaction of changes, `committer` groups waiting ones, `guards` are
rules run inside it; `blobs` streams large Binary contents through GridFS.
Every public coroutine takes an `Access` first. May import `access`, `search`, `document`, `model`, `resources`.
"""
