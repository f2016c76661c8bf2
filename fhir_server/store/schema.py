"""Collections, indexes, views and the facts of the whole database, before anything is written.

Rule: nothing is ever created inside a transaction. Idempotent: any number of workers may start at once.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from pymongo import IndexModel
from pymongo.errors import CollectionInvalid, DuplicateKeyError, OperationFailure

from fhir_server.access.limits import Access
from fhir_server.document import layout
from fhir_server.store.database import Database, Document, translated
from resources import registry

SECRET_BYTES: Final = 32
_EXISTS: Final = 48  # NamespaceExists
_SCHEMA: Final = "schema"
_SECRET: Final = "secret"  # noqa: S105 - the name of the document that holds it


class SchemaTooNew(Exception):
    """The database was written by a newer release of this server."""


async def prepare(access: Access, db: Database) -> None:
    """Create what is missing of the collections, indexes and views; return at once when all is there.

    Raises Unavailable, and SchemaTooNew for the database of a newer release.
    """
    with translated():
        schema = await db.meta.find_one({layout.ID: _SCHEMA})
        if schema is not None and schema["version"] > layout.SCHEMA_VERSION:
            raise SchemaTooNew(
                f"The database has schema {schema['version']}, this release knows {layout.SCHEMA_VERSION}. "
                "Start the newer release."
            )
        present = {entry["name"] async for entry in await db.database.list_collections()}
        for name, indexes in layout.COLLECTIONS.items():
            await _prepare_collection(db, name, indexes, exists=name in present)
        for type_ in registry.RESOURCE_TYPES:
            if type_ not in present:
                await _create(db, type_, **_view(type_))
        await _keep(db, _SCHEMA, {"version": layout.SCHEMA_VERSION})
    await secret(access, db)


async def secret(access: Access, db: Database) -> bytes:
    """The key that all workers of this database share for signing cursors; made at the first call."""
    with translated():
        kept = await _keep(db, _SECRET, {"value": secrets.token_bytes(SECRET_BYTES)})
    return bytes(kept["value"])


async def _prepare_collection(db: Database, name: str, indexes: tuple[layout.Index, ...], *, exists: bool) -> None:
    if not exists:
        await _create(db, name)
    known = await db.database[name].index_information() if exists else {}
    keys = {index.name: list(index.keys) for index in indexes}
    for old in sorted(known.keys() - {layout.BY_ID}):  # of an earlier release
        if [(field, int(direction)) for field, direction in known[old]["key"]] != keys.get(old):
            await db.database[name].drop_index(old)
            del known[old]
    missing = [_index_model(index) for index in indexes if index.name not in known]
    if missing:
        await db.database[name].create_indexes(missing)


def _index_model(index: layout.Index) -> IndexModel:
    options: dict[str, Any] = {"name": index.name}
    if index.partial is not None:
        options["partialFilterExpression"] = index.partial
    if index.expire_after_seconds is not None:
        options["expireAfterSeconds"] = index.expire_after_seconds
    return IndexModel(index.keys, **options)


async def _create(db: Database, name: str, **options: Any) -> None:
    """Create a collection or view; another worker may be first."""
    try:
        await db.database.create_collection(name, check_exists=False, **options)
    except CollectionInvalid:
        return
    except OperationFailure as failure:
        if failure.code != _EXISTS:
            raise


def _view(type_: str) -> dict[str, Any]:
    """For people: `db.Patient.find({"resource.birthDate": …})`. Current resources of one type, without tombstones."""
    return {
        "viewOn": layout.RESOURCES,
        "pipeline": [{"$match": {layout.TYPE: type_, layout.DELETED: {"$exists": False}}}],
    }


async def _keep(db: Database, name: str, facts: Document) -> Document:
    """The kept document of this name; `facts` when there is none yet. The first of many workers wins."""
    kept = await db.meta.find_one({layout.ID: name})
    if kept is not None:
        return kept
    try:
        await db.meta.insert_one({layout.ID: name, **facts})
    except DuplicateKeyError:
        pass
    else:
        return facts
    return await _keep(db, name, facts)
