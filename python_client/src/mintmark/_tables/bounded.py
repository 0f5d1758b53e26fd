"""Tables in a process of bounded memory and time: a spreadsheet of a few kB may unfold to more than a machine has."""

import json
import os
import subprocess
import sys
from contextlib import suppress

from mintmark._errors import InvalidRequest
from mintmark._tables.base import Grid
from mintmark._tables.sheet import calamine, grid_of

MEMORY = 1 << 30  # bytes that reading takes
SECONDS = 20  # of a core
_WAIT = 30  # s for the process, its start included
_KEPT = ("PATH", "SYSTEMROOT")  # of the environment, which may hold tokens


class TooLargeError(Exception):
    """The process was ended, most likely by its own limits."""


def bound() -> None:
    """Bound the memory and the time of this process from here on, where the system can."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        with open("/proc/self/statm") as file:
            there = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (there + MEMORY, there + MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(module: str, data: bytes) -> tuple[int, bytes]:
    """Run a module that bounds itself, with data as its stdin; returns its exit status and its stdout, which is JSON.

    TooLargeError if it was ended before it could say anything.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            env={**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            input=data,
            capture_output=True,
            timeout=_WAIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TooLargeError from None
    if not done.stdout:
        raise TooLargeError
    return done.returncode, done.stdout


def read_bounded(path: str, data: bytes) -> Grid:
    """As `sheet.read_sheet`. InvalidRequest, too, where that takes too much memory or time."""
    calamine()
    try:
        status, said = run("mintmark._tables.sheet_process", data)
    except TooLargeError:
        limits = f"{MEMORY >> 20} MB of memory or {SECONDS} s"
        raise InvalidRequest(f"{path} takes more than {limits} to read: save the rows alone, or as CSV") from None
    answer = json.loads(said)
    if status:
        raise InvalidRequest(f"{path} {answer['problem']}")
    return grid_of(path, answer["sheets"], answer["cells"])
