"""One server process, started by `workers`: `python -m fhir_server.worker DESCRIPTOR PARENT_PID`.

Rule: its settings come from the environment. uvicorn's access log stays off: urls of searches hold patients' names.
"""

import contextlib
import logging
import resource
import socket
import sys
from typing import Final

import uvicorn
from pydantic import ValidationError

from fhir_server import logs
from fhir_server.follow import follow
from fhir_server.http.connection import Connection
from fhir_server.settings import Settings, problems

APPLICATION: Final = "fhir_server.app:create"
BACKLOG: Final = 2048
OPEN_FILES: Final = 65_536
IDLE_SECONDS: Final = 75
"""A connection between two requests is kept so long: longer than clients and proxies keep theirs (60 s at most by
default), so that no request is sent on one that is being closed."""

logger = logging.getLogger("fhir_server.worker")  # also where its __name__ is __main__


def serve(descriptor: int, settings: Settings) -> None:
    """Serve from the socket with this file descriptor until SIGTERM."""
    with socket.socket(fileno=descriptor) as listener:
        config = uvicorn.Config(
            APPLICATION,
            factory=True,
            loop="uvloop",
            http=Connection,
            backlog=BACKLOG,
            timeout_keep_alive=IDLE_SECONDS,
            access_log=False,
            log_config=None,
            log_level="warning",
            lifespan="on",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=settings.shutdown_timeout_seconds,
        )
        uvicorn.Server(config).run(sockets=[listener])


def allow_open_files() -> None:
    """Take as many connections as the system lets us: the usual soft limit of 1,024 is one crowd of idle clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    with contextlib.suppress(ValueError):  # systems may say a limit and mean a lower one
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def settings() -> Settings:
    """The settings of the environment; ends the process with a line for each that cannot be used."""
    try:
        return Settings()
    except ValidationError as error:
        for problem in problems(error):
            logger.critical("setting that cannot be used: %s", problem)
        sys.exit(2)


if __name__ == "__main__":
    follow(int(sys.argv[2]))
    logs.configure()
    allow_open_files()
    serve(int(sys.argv[1]), settings())
