"""Connection strings of MongoDB, looked at without connecting.

Rule: nothing said here shows a user name or a password, nor text of the string that might be part of one.
See https://www.mongodb.com/docs/manual/reference/connection-string/.
"""

import warnings
from typing import Any, Final

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

SCHEME: Final = "mongodb://"
SEED_LIST: Final = "mongodb+srv://"
"""DNS says where the servers are."""
DEFAULT_PORT: Final = 27017


def problem(uri: str) -> str | None:
    """Why this is not a connection string, in words for the person who wrote it; None where it is one."""
    if not uri.startswith((SCHEME, SEED_LIST)):
        return f"it must begin with {SCHEME} or {SEED_LIST}"
    try:
        _parts(uri)
    except (PyMongoError, ValueError):
        return (
            f"it must be like {SCHEME}USER:PASSWORD@HOST:27017/?replicaSet=rs0 (USER:PASSWORD@ where needed), with "
            "characters such as @ : / % in them percent-encoded"
        )
    return None


def hosts(uri: str) -> str:
    """The servers that a connection string names: `db1:27017, db2:27017`."""
    if uri.startswith(SEED_LIST):
        return ", ".join(host for host, _ in _parts(uri)["nodelist"])
    return ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in _parts(uri)["nodelist"])


def _parts(uri: str) -> dict[str, Any]:
    """What the driver reads in it. A seed list is read as hosts, because the driver would ask DNS for it at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # options unknown to it; the client that connects warns of them
        return dict(parse_uri(SCHEME + uri.partition("://")[2], DEFAULT_PORT, warn=True))
