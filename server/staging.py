"""The folder from which one Triton is started, and what is left of those whose server was killed.

A lock on a file in the folder is held by the server and by all processes that it starts. The system releases it when
the last of them has ended, however they ended. So a folder whose lock is free belongs to nobody.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PREFIX = "mintmark-"  # of the folders' names
LOCK = "alive"
SHARED_MEMORY = Path("/dev/shm")  # holds regions whose names begin with that of the folder


@dataclass(frozen=True)
class Staging:
    """A folder, and the descriptor of its lock, which the processes of the server must inherit."""

    folder: Path
    lock: int


@contextmanager
def staging(within: Path | None = None, shared_memory: Path = SHARED_MEMORY) -> Iterator[Staging]:
    """Make a folder that only this user may read, and remove it in the end, with its regions of shared memory.

    Folders of servers that were killed are removed first.

    Args:
        within: the folder for temporary files; None takes the system's.
        shared_memory: where regions lie.
    """
    parent = Path(within or tempfile.gettempdir())
    remove_abandoned(parent, shared_memory)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    # systemd-tmpfiles removes what is old from folders for temporary files, but nothing from a folder that is locked.
    whole = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(whole, fcntl.LOCK_SH)
    try:
        yield Staging(folder, lock)
    finally:
        os.close(whole)
        os.close(lock)
        _remove(folder, shared_memory)


def remove_abandoned(parent: Path, shared_memory: Path = SHARED_MEMORY) -> list[str]:
    """Remove this user's folders whose lock nobody holds; returns their names."""
    removed = []
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:  # another server is just making it, or has removed it
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            _remove(folder, shared_memory)
            removed.append(folder.name)
        finally:
            os.close(lock)
    return removed


def drop_regions(name: str, shared_memory: Path = SHARED_MEMORY) -> None:
    """Remove the regions of the folder of that name, whose processes have ended."""
    for region in shared_memory.glob(f"{name}_*"):
        region.unlink(missing_ok=True)


def _remove(folder: Path, shared_memory: Path) -> None:
    drop_regions(folder.name, shared_memory)
    shutil.rmtree(folder, ignore_errors=True)
