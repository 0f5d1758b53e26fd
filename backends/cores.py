"""The CPU cores that all model processes of one server share: how many compute at a time, and on how many threads each.

Every compute library would take all cores, and the threads of several processes that do so at once wait for one another
without working. So a process takes one of the server's places before it computes, waits where there is none, and asks
before every step how many are at work: a photo alone has all cores, of two each has half, and where as many are under
way as there are cores, each runs on one thread.

A place is a lock on one byte of a file, which the system releases with the process, however that ends. A pipe tells
those who wait that a place is free.
"""

import fcntl
import os
import select
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ensemble.cpu import Cpu

VARIABLE = "MINTMARK_CORE_LOCKS"  # folder of the files, the server's own

_LOCK = struct.Struct("@hhqqi0q")  # struct flock: type, whence, start, length, pid
_FREED_UNSEEN = 0.1  # s, after which one who waits looks again: a process that was killed tells nobody


class Cores:
    """Cores and places by their files.

    Args:
        folder: where the files are made; all processes of a server name the same.
        count: of cores.
        places: how many may compute at a time.
    """

    def __init__(self, folder: Path, count: int, places: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._count, self._places, self._turn = count, range(places), places
        self._file = os.open(folder / "places", os.O_CREAT | os.O_RDWR, 0o600)
        freed = folder / "freed"
        with suppress(FileExistsError):
            os.mkfifo(freed, 0o600)
        self._freed = os.open(freed, os.O_RDWR | os.O_NONBLOCK)

    @contextmanager
    def computing(self) -> Iterator[Callable[[], int]]:
        """Hold a place meanwhile, for which to wait first if need be; gives what tells one's share, in threads."""
        mine = self._take()
        others = [place for place in (*self._places, self._turn) if place != mine]

        def share() -> int:
            # Whoever waits takes the next free place, and would wait for threads that have spread over its cores.
            at_work = 1 + sum(map(self._held, others))
            return max(1, self._count // min(at_work, len(self._places)))

        try:
            yield share
        finally:
            self._unlock(mine)
            self._tell()

    def close(self) -> None:
        """Close the files, which gives up what is held."""
        os.close(self._file)
        os.close(self._freed)

    def _take(self) -> int:
        self._lock(self._turn, wait=True)  # one waits for a place, the others for their turn
        try:
            while True:
                _drain(self._freed)  # first: a place that becomes free from now on is told again
                for place in self._places:
                    if self._lock(place):
                        return place
                select.select([self._freed], [], [], _FREED_UNSEEN)
        finally:
            self._unlock(self._turn)

    def _tell(self) -> None:
        with suppress(BlockingIOError):  # full of what nobody has waited for
            os.write(self._freed, b"\0")

    def _lock(self, byte: int, wait: bool = False) -> bool:
        command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
        try:
            fcntl.fcntl(self._file, command, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
        except BlockingIOError:
            return False
        return True

    def _unlock(self, byte: int) -> None:
        fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, _LOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, byte, 1, 0))

    def _held(self, byte: int) -> bool:
        """Whether another process holds a lock."""
        wanted = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
        kind, *_ = _LOCK.unpack(fcntl.fcntl(self._file, fcntl.F_OFD_GETLK, wanted))
        return bool(kind != fcntl.F_UNLCK)


def _drain(pipe: int) -> None:
    with suppress(BlockingIOError):  # empty
        os.read(pipe, 1 << 16)


def cores_of(parameters: Mapping[str, str]) -> Cores | None:
    """The cores that a model of this server shares with the others; None where the server does not say.

    Args:
        parameters: of the model's config, with what `Cpu` says there.
    """
    folder = os.environ.get(VARIABLE, "")
    if not folder or "cores" not in parameters:
        return None
    cpu = Cpu.of(parameters)
    return Cores(Path(folder), cpu.cores, cpu.chains)
