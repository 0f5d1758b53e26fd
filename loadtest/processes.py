"""CPU time, memory and shared memory of a server's processes."""

import contextlib
import ctypes
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import psutil

SHARED = Path("/dev/shm")
BLOCK = 512  # bytes that `st_blocks` counts in
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError)


class ProcessTree:
    """Processes and all their descendants at the moment of the question."""

    def __init__(self, *pids: int) -> None:
        self._roots = [psutil.Process(pid) for pid in pids]

    def _processes(self) -> Iterator[psutil.Process]:
        for root in self._roots:
            with contextlib.suppress(*_GONE):
                yield root
                yield from root.children(recursive=True)

    def cpu_seconds(self) -> float:
        """CPU time of the processes that live, s."""
        total = 0.0
        for process in self._processes():
            with contextlib.suppress(*_GONE):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def memory(self) -> int:
        """Memory, bytes; pages of several processes count once (Linux's proportional set size)."""
        total = 0
        for process in self._processes():
            with contextlib.suppress(*_GONE):
                total += process.memory_full_info().pss
        return total

    def shared_memory(self) -> int:
        """Bytes in /dev/shm of all regions whose family a process has mapped, left-over regions included."""
        families = set()
        for process in self._processes():
            with contextlib.suppress(*_GONE):
                mapped = [Path(region.path) for region in process.memory_maps()]
                families |= {_family(path.name) for path in mapped if path.parent == SHARED}
        return sum(_size(path) for path in SHARED.iterdir() if _family(path.name) in families)


def _family(region: str) -> str:
    """The name of a shared memory region without the number at its end, which differs between siblings."""
    return re.sub(r"[_\W]?\d+$", "", region)


def _size(path: Path) -> int:
    try:
        return path.stat().st_blocks * BLOCK
    except FileNotFoundError:
        return 0


class PeakMemory:
    """Watches the memory of a process tree; a context manager.

    Args:
        tree: to watch; None watches nothing.
        interval: between looks, s; a look takes some milliseconds of CPU time.
    """

    def __init__(self, tree: ProcessTree | None, interval: float = 1.0) -> None:
        self._tree = tree
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.bytes = 0

    def _watch(self) -> None:
        while self._tree is not None:
            self.bytes = max(self.bytes, self._tree.memory())
            if self._stop.wait(self._interval):
                return

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()


def end_with_parent() -> None:
    """End this process when its parent ends; a child process calls this first."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)
