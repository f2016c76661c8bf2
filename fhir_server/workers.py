"""The server processes: N of them on one listening socket, sharing nothing but MongoDB.

Rule: each is started anew, never forked, reads its settings from the environment, and is replaced when it ends.
"""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Final

SHORT_LIFE_SECONDS: Final = 10.0
MOST_SHORT_LIVES: Final = 3


class WorkersError(Exception):
    """The server processes end as soon as they are started; their own messages, printed before, say why."""


def listen(host: str, port: int) -> socket.socket:
    """A TCP socket bound to the address, for all workers; port 0 means any free one. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    started: float  # monotonic seconds


@dataclass(slots=True)
class Workers:
    """N server processes. `environment` is what they get; `listener` the socket they accept from."""

    listener: socket.socket
    count: int
    environment: dict[str, str]
    running: list[_Worker] = field(default_factory=list)
    short_lives: int = 0

    def start(self) -> None:
        """Start what is missing to `count`."""
        command = [sys.executable, "-m", "fhir_server.worker", str(self.listener.fileno()), str(os.getpid())]
        while len(self.running) < self.count:
            process = subprocess.Popen(  # noqa: S603
                command,
                env=self.environment,
                pass_fds=[self.listener.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which stops everything in order
            )
            self.running.append(_Worker(process, time.monotonic()))

    def tend(self) -> int:
        """Replace the processes that ended, and return how many; raises WorkersError when they keep ending at once."""
        ended = [worker for worker in self.running if worker.process.poll() is not None]
        for worker in ended:
            self.running.remove(worker)
            was_killed = worker.process.returncode < 0  # by somebody else: that says nothing of the next one
            is_short = time.monotonic() - worker.started < SHORT_LIFE_SECONDS and not was_killed
            self.short_lives = self.short_lives + 1 if is_short else 0
        if self.short_lives >= MOST_SHORT_LIVES:
            raise WorkersError
        self.start()
        return len(ended)

    def stop(self, timeout_seconds: float) -> None:
        """Let the processes answer what they have begun, then end them; by force after the timeout."""
        for worker in self.running:
            worker.process.terminate()
        deadline = time.monotonic() + timeout_seconds
        for worker in self.running:
            try:
                worker.process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self.running.clear()
        self.listener.close()
