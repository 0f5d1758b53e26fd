"""The CPU cores that all model processes of one server share: each computes with as many threads as are its share.

Every compute library would take all cores, and the threads of several processes that do so at once wait for one another
without working. So a process says while it computes, and asks before every step how many do: a photo alone has all
cores, of two each has half, and where as many are under way as there are cores, each runs on one thread.

Who computes holds a lock on a file, which the system releases with the process, however that ends.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "MINTMARK_CORE_LOCKS"  # folder of the files, the server's own


class Cores:
    """Cores by their files.

    Args:
        folder: where the files are made; all processes of a server name the same.
        count: of cores.
    """

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._files = [os.open(folder / str(number), os.O_CREAT | os.O_RDWR, 0o600) for number in range(count)]

    @contextmanager
    def computing(self) -> Iterator[Callable[[], int]]:
        """Count as one who computes meanwhile; gives what tells how many threads are this one's share, at least one."""
        mine = next((file for file in self._files if _locked(file, fcntl.LOCK_EX)), None)
        others = [file for file in self._files if file != mine]
        try:
            yield lambda: max(1, len(self._files) // (1 + sum(map(_held, others))))
        finally:
            if mine is not None:
                fcntl.flock(mine, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the files, which gives up what is held."""
        for file in self._files:
            os.close(file)


def _held(file: int) -> bool:
    """Whether another process holds a file's lock."""
    if not _locked(file, fcntl.LOCK_SH):
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _locked(file: int, how: int) -> bool:
    """Whether a file's lock could be had at once."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def cores_of(parameters: Mapping[str, str]) -> Cores | None:
    """The cores that a model of this server shares with the others; None where the server does not say.

    Args:
        parameters: of the model's config; `cores` tells how many there are.
    """
    folder = os.environ.get(VARIABLE, "")
    return Cores(Path(folder), int(parameters["cores"])) if folder and "cores" in parameters else None
