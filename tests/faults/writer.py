"""A process that writes as fast as it can until it is killed: `python -m tests.faults.writer URI DATABASE LOG SEED`.

Rule: a line is in the log if and only if the committer has acknowledged the write; a `kill -9` loses no line.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import uuid
from collections.abc import Sequence
from typing import Final

from fhir_server.access.limits import Access
from fhir_server.model import Change, Commit, Json, Version
from fhir_server.store import database, reader, schema
from fhir_server.store.committer import Committer, VersionChanged
from fhir_server.store.database import Database
from resources.outcome import Unavailable
from tests.faults.checker import COMMIT_SYSTEM, Acknowledged

BASE_URL: Final = "http://fhir.test/fhir"
WRITERS: Final = 8
KEYS: Final = 40
"""Resources that all writers change; the others are new ones."""
LARGEST_BUNDLE: Final = 200

ACCESS: Final = Access.system("fault tests")


async def main(uri: str, name: str, log: int, seed: int) -> None:
    """Write until killed."""
    db = await database.connect(uri, name)
    await schema.prepare(ACCESS, db)
    committer = Committer(db, base_url=BASE_URL)
    await committer.start()
    async with asyncio.TaskGroup() as tasks:
        for number in range(WRITERS):
            tasks.create_task(write(db, committer, log, random.Random(f"{seed} {number}")))


async def write(db: Database, committer: Committer, log: int, choice: random.Random) -> None:
    while True:
        try:
            changes = await chosen(db, choice)
            versions = await committer.commit(ACCESS, Commit(changes))
        except (VersionChanged, Unavailable):
            await asyncio.sleep(0.01)
        else:
            os.write(log, b"".join(Acknowledged.of(v.key, v.version, v.text).line() for v in versions))


async def chosen(db: Database, choice: random.Random) -> tuple[Change, ...]:
    """A create, an update, a delete, or several of them in one commit."""
    kind = choice.choices(("new", "one", "several", "many"), (4, 4, 2, 0.1))[0]
    if kind == "new":
        return made([None], ["POST"], choice)
    if kind == "many":
        count = choice.randint(20, LARGEST_BUNDLE)
        return made([None] * count, ["POST"] * count, choice)
    count = 1 if kind == "one" else choice.randint(2, 6)
    ids = choice.sample(range(KEYS), count)
    read = [await reader.read(ACCESS, db, "Patient", f"k{number}") for number in ids]
    if count == 1 and read[0] is not None and not read[0].deleted and choice.random() < 0.2:
        return (Change("DELETE", "Patient", read[0].id, read[0], None),)
    return made(read, [f"k{number}" for number in ids], choice)


def made(before: Sequence[Version | None], ids: Sequence[str], choice: random.Random) -> tuple[Change, ...]:
    """Changes of one commit, each saying which it belongs to and how many they are."""
    token = f"{uuid.UUID(int=choice.getrandbits(128))}-{os.getpid()}/{len(ids)}"
    changes = []
    for number, (version, id_) in enumerate(zip(before, ids, strict=True)):
        new = f"{token.partition('/')[0]}-{number}" if id_ == "POST" else id_
        changes.append(Change("PUT", "Patient", new, version, patient(new, token, choice)))
    return tuple(changes)


def patient(id_: str, token: str, choice: random.Random) -> Json:
    return {
        "resourceType": "Patient",
        "id": id_,
        "identifier": [{"system": COMMIT_SYSTEM, "value": token}],
        "name": [{"family": f"Family{choice.randrange(1000)}", "given": ["x" * choice.randrange(400)]}],
        "birthDate": f"19{choice.randrange(10, 99)}-01-01",
    }


if __name__ == "__main__":
    uri, name, path, seed = sys.argv[1:]
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    asyncio.run(main(uri, name, descriptor, int(seed)))
