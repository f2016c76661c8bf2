"""What has to be remembered of a load, on disk: what fullUrls mean, which entries count, which to try again.

Rule: memory does not grow with what is loaded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

_TABLES = """
CREATE TABLE identity (link TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE latest (key TEXT PRIMARY KEY, source TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE later (number INTEGER PRIMARY KEY, payload BLOB NOT NULL);
"""


class Memory:
    """A private file that SQLite makes and removes by itself."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def remember(self, identities: Iterable[tuple[str, str]]) -> None:
        """Let each link (a fullUrl) mean a resource (`Patient/1`); the last one said counts."""
        self._database.executemany("INSERT OR REPLACE INTO identity VALUES (?, ?)", identities)

    def note(self, entries: Iterable[tuple[str, str]]) -> None:
        """The resource (`Patient/1`) and the place of entries, in the order of the files."""
        self._database.executemany("INSERT OR REPLACE INTO latest VALUES (?, ?)", entries)

    def is_latest(self, key: str, source: str) -> bool:
        """Whether no later place has the same resource."""
        row = self._database.execute("SELECT source FROM latest WHERE key = ?", (key,)).fetchone()
        return row is None or row[0] == source

    def meaning(self, link: str) -> str | None:
        """`Patient/1`, or None for a link that no entry has as its fullUrl."""
        row = self._database.execute("SELECT key FROM identity WHERE link = ?", (link,)).fetchone()
        return None if row is None else str(row[0])

    def put_off(self, payload: bytes) -> None:
        """Keep something to be tried again."""
        self._database.execute("INSERT INTO later (payload) VALUES (?)", (payload,))

    def take_again(self) -> Iterator[bytes]:
        """What was put off until now, each once; what is put off meanwhile waits for the next time."""
        last = self._database.execute("SELECT max(number) FROM later").fetchone()[0] or 0
        while row := self._database.execute(
            "SELECT number, payload FROM later WHERE number <= ? ORDER BY number LIMIT 1", (last,)
        ).fetchone():
            self._database.execute("DELETE FROM later WHERE number = ?", (row[0],))
            yield row[1]


@contextmanager
def memory() -> Iterator[Memory]:
    """A `Memory` as long as the context lasts."""
    # An empty name is a temporary database of its own: kept in a small cache and spilled to a file without a name.
    with closing(sqlite3.connect("", isolation_level=None)) as database:
        database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_TABLES}")
        yield Memory(database)
