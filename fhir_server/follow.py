"""A child process that ends with its parent, also when the parent is killed.

Rule: the standard library only, since mongod is started through this file run as a script:
`python follow.py PARENT_PID COMMAND…` becomes COMMAND. See prctl(2), PR_SET_PDEATHSIG; it survives execve.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def follow(parent: int) -> None:
    """Have SIGTERM sent to this process when the thread that started it ends; exit when `parent` is gone already.

    Linux only; elsewhere nothing happens, and a leftover child is found at the next start.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(f"process {parent}, which started this one, is gone")


if __name__ == "__main__":
    follow(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606
