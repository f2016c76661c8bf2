"""The only awaits on MongoDB.

Steps: `database` opens the client and translates driver errors; `schema` prepares collections and indexes; `reader`
reads versions and runs plans, `lookup` shares reads among writes, `terminology` tells the codes of value sets. A write:
`committer` queues and groups, `encoding` stamps and makes documents, `commit` writes them, `transaction` carries that
through retries, `admission` weighs what is large, `abandoned` ends what killed processes left open, `guards` are rules
run inside. `blobs` streams large Binaries, `marks` keeps small facts for commands.
A search: `planning` makes its plan (by what is `frequent`, the `systems` of codes), `ordered` walks an order that is
computed, `totals` counts and estimates, `contained` finds resources inside of others.
Search parameters defined here: `declaring` lets them in, `lives` keeps how far they are, `indexing` leads them (one
process, by `leases`) and `reindex` does its work; each process is `following`, holds what is in force in `current`, and
tells its `presence`.
Every public coroutine takes an `Access` first, but for those that run inside a transaction of these modules.
May import `access`, `search`, `document`, `model`, `resources`.
"""
