"""A command whose process ends with the one that started it.

Run as a program, this file asks the kernel for that and becomes the command. Python's own way, `preexec_fn`, runs
Python in a fork of a process with threads, where it can wait for ever on a lock that another thread held.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG; what a program becomes keeps it


def tied(command: Sequence[str]) -> list[str]:
    """Command line that runs `command` so that it gets SIGTERM when the thread that starts it ends."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def main(parent: str, *command: str) -> None:
    """Become the command, unless the parent has ended already."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)
    if os.getppid() == int(parent):
        try:
            os.execvp(command[0], command)
        except OSError as error:
            sys.exit(f"{command[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
