"""How many photos a CPU server computes at a time, and on how many threads each: its processes agree by file locks.

Left alone, every compute library uses all cores. When several processes do so at once, their threads mostly wait for
each other. So a process takes one of the server's slots before it computes and waits if none is free. Before every step
it asks how many slots are taken: a photo alone has all cores, each of two has half of them, and when as many photos are
in work as there are cores, each runs on one thread.

A slot is a lock on one byte of a file. The system releases the lock when the process ends, however it ends. A pipe
wakes the process that waits when a slot becomes free.
"""

import fcntl
import os
import select
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ensemble import variables
from ensemble.cpu import Cpu

_LOCK = struct.Struct("@hhqqi0q")  # struct flock: type, whence, start, length, pid
_RETRY = 0.1  # s until a waiting process looks again: a process that was killed wakes nobody


class Slots:
    """The slots of one server.

    Args:
        folder: of the lock file and the pipe, made where it is missing; all processes of a server name the same one.
        cores: that the slots divide.
        slots: how many there are.
    """

    def __init__(self, folder: Path, cores: int, slots: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._cores, self._slots, self._turn = cores, range(slots), slots  # byte of each slot, and of the next in line
        self._file = os.open(folder / "slots", os.O_CREAT | os.O_RDWR, 0o600)
        freed = folder / "freed"
        with suppress(FileExistsError):
            os.mkfifo(freed, 0o600)
        self._freed = os.open(freed, os.O_RDWR | os.O_NONBLOCK)

    @contextmanager
    def hold(self) -> Iterator[Callable[[], int]]:
        """Hold a slot inside the `with` block, after waiting for one if need be.

        Yields:
            A function that returns how many threads the holder may use at the moment.
        """
        mine = self._take()
        others = [byte for byte in (*self._slots, self._turn) if byte != mine]

        def threads() -> int:
            # The process next in line counts too: it takes the next free slot, and needs that slot's cores at once.
            taken = 1 + sum(map(self._held, others))
            return max(1, self._cores // min(taken, len(self._slots)))

        try:
            yield threads
        finally:
            self._unlock(mine)
            self._wake()

    def close(self) -> None:
        """Close the files, which frees what is held."""
        os.close(self._file)
        os.close(self._freed)

    def _take(self) -> int:
        self._lock(self._turn, wait=True)  # one process waits for a slot, the others for this lock
        try:
            while True:
                _drain(self._freed)  # before looking: a slot that becomes free from now on writes to the pipe again
                for slot in self._slots:
                    if self._lock(slot):
                        return slot
                select.select([self._freed], [], [], _RETRY)
        finally:
            self._unlock(self._turn)

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # the pipe is full, as nobody has waited for long
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
        """Whether another process has locked this byte."""
        wanted = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
        kind, *_ = _LOCK.unpack(fcntl.fcntl(self._file, fcntl.F_OFD_GETLK, wanted))
        return bool(kind != fcntl.F_UNLCK)


def _drain(pipe: int) -> None:
    with suppress(BlockingIOError):  # empty
        os.read(pipe, 1 << 16)


def slots_of(parameters: Mapping[str, str]) -> Slots | None:
    """The slots of the server that a model runs in; None where neither the server nor the config names any.

    Args:
        parameters: of the model's config, as `Cpu.parameters` gives them.
    """
    folder = os.environ.get(variables.CORE_LOCKS, "")
    if not folder or "cores" not in parameters:
        return None
    cpu = Cpu.of(parameters)
    return Slots(Path(folder), cpu.cores, cpu.slots)
