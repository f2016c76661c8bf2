"""The only awaits on MongoDB.

Steps: `database` opens the client and translates driver errors; `schema` prepares collections and indexes; `reader`
reads versions and runs plans. A write: `committer` queues and groups, `commit` makes documents and writes them,
`transaction` carries that through retries, `admission` weighs what is large, `abandoned` ends what killed processes
left open, `guards` are rules run inside. `blobs` streams large Binary contents.
Every public coroutine takes an `Access` first, but for those that run inside a transaction of these modules.
May import `access`, `search`, `document`, `model`, `resources`.
"""
