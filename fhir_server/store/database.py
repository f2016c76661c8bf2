"""The connection to MongoDB: opened lazily, healed by the driver, its errors put into words in one place.

Rule: whatever awaits MongoDB does so inside `translated()`; nothing above the store sees a driver's error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fhir_server.document import layout
from resources.outcome import FhirError, InsufficientStorage, PayloadTooLarge, Unavailable, Unprocessable

Document = dict[str, Any]


class KnownSystems(dict[str, tuple[str, ...]]):
    """Prefix of a token (`Observation.code|8480-6|`) → the entries that were seen with it; what is stored may have more
    (see `store.systems`)."""


class KnownFrequent(dict[str, float]):
    """Criteria that many resources satisfied → until when that is taken for granted, in monotonic seconds
    (see `store.frequent`)."""


APPLICATION: Final = "fhir-server"
"""How MongoDB knows our connections."""
POOL_SIZE: Final = 12
"""Few connections: more only queue inside mongod and cost CPU."""
SELECTION_TIMEOUT_MS: Final = 2_000
HEARTBEAT_MS: Final = 2_000
HEARTBEAT_TIMEOUT_MS: Final = 3_000
"""A server that does not answer a heartbeat is left: operations on it are interrupted, whatever they wait for."""

DURABLE: Final = WriteConcern("majority", j=True)
"""Acknowledged means: on disk, on a majority."""
MAJORITY: Final = ReadConcern("majority")
"""What is read cannot be rolled back."""

_NOT_LET_IN: Final = frozenset({13, 18})  # Unauthorized, AuthenticationFailed
_FULL: Final = frozenset({14031})  # OutOfDiskSpace
_TOO_LARGE_FOR_CACHE: Final = frozenset({313, 388})  # TransactionTooLargeForCache, by MongoDB's version
_FULL_TEXT: Final = "No space left on device"
_TRANSIENT_LABELS: Final = ("TransientTransactionError", "RetryableWriteError")


@dataclass(frozen=True, slots=True)
class Database:
    """Handles of one database; made by `connect`, ended by `close`."""

    client: AsyncMongoClient[Document]
    database: AsyncDatabase[Document]
    resources: AsyncCollection[Document]
    versions: AsyncCollection[Document]
    claims: AsyncCollection[Document]
    meta: AsyncCollection[Document]
    blob_files: AsyncCollection[Document]
    blob_chunks: AsyncCollection[Document]
    parameters: AsyncCollection[Document]
    workers: AsyncCollection[Document]
    systems: KnownSystems
    frequent: KnownFrequent

    async def ping(self) -> None:
        """Return when a server that takes writes answers. Raises Unavailable."""
        with translated():
            await self.client.admin.command("ping")

    async def close(self) -> None:
        """End all connections."""
        await self.client.close()


async def connect(uri: str, name: str) -> Database:
    """Handles for the database `name` of the MongoDB at `uri`; needs no server yet, the first operation does.

    Raises `pymongo.errors.ConfigurationError` for a connection string that is not one.
    """
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        uri,
        appname=APPLICATION,
        maxPoolSize=POOL_SIZE,
        serverSelectionTimeoutMS=SELECTION_TIMEOUT_MS,
        heartbeatFrequencyMS=HEARTBEAT_MS,
        connectTimeoutMS=HEARTBEAT_TIMEOUT_MS,
    )
    database = client.get_database(name, write_concern=DURABLE, read_concern=MAJORITY)
    return Database(
        client=client,
        database=database,
        resources=database[layout.RESOURCES],
        versions=database[layout.VERSIONS],
        claims=database[layout.CLAIMS],
        meta=database[layout.META],
        blob_files=database[layout.BLOB_FILES],
        blob_chunks=database[layout.BLOB_CHUNKS],
        parameters=database[layout.PARAMETERS],
        workers=database[layout.WORKERS],
        systems=KnownSystems(),
        frequent=KnownFrequent(),
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into answers: Unavailable, InsufficientStorage, Unprocessable (too costly)."""
    try:
        yield
    except PyMongoError as error:
        answer = translation(error)
        if answer is None:
            raise
        raise answer from error


def translation(error: PyMongoError) -> FhirError | None:
    """The answer that a driver's error means; None for a fault of ours."""
    if code_of(error) in _TOO_LARGE_FOR_CACHE:
        return PayloadTooLarge(
            "MongoDB's cache cannot take these changes in one transaction. Nothing was written. Divide the Bundle, or "
            "give mongod a larger cache (--wiredTigerCacheSizeGB).",
            code="too-costly",
        )
    if is_disk_full(error):
        return InsufficientStorage("The database has no space left. Nothing was written.")
    if isinstance(error, ExecutionTimeout):
        return Unprocessable("This takes the database too long. Ask for less at once.", code="too-costly")
    away = _away(error)
    return None if away is None else Unavailable(away)


def _away(error: PyMongoError) -> str | None:
    """What keeps the database from answering now; None where it is not that."""
    if isinstance(error, ConnectionFailure | ConfigurationError):  # the latter when DNS knows nothing of a seed list
        return "The database cannot be reached. Try again."
    if code_of(error) in _NOT_LET_IN:
        return "The database does not let the server in, or not do what it needs."
    if any(error.has_error_label(label) for label in _TRANSIENT_LABELS):
        return "The database is busy. Nothing was written. Try again."
    return None


def is_disk_full(error: PyMongoError) -> bool:
    """Whether MongoDB refused for want of space."""
    return code_of(error) in _FULL or (isinstance(error, OperationFailure) and _FULL_TEXT in str(error))


def code_of(error: PyMongoError) -> int | None:
    """MongoDB's code of an error, of the first one in a bulk; None for an error of the connection."""
    if isinstance(error, BulkWriteError) and error.details.get("writeErrors"):
        return int(error.details["writeErrors"][0]["code"])
    return error.code if isinstance(error, OperationFailure) else None
