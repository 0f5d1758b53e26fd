"""Relief maps in a file beside the database; memory holds those that searches read last.

The map of view n is row n of the file; rows of views without one are holes, which take no room on the disk. A stamp
beside the file says up to which change of which database it is complete, so a start reads only what came since.
Several processes may use one file: they write the same maps into it.

The file is read, and not mapped into memory: where a mapped page cannot be had, the system ends the process. That
happens when a disk fails, and with holes of a file in a tmpfs that is full.
"""

import json
import logging
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catalog.folder.reliefs.held import HeldReliefs
from catalog.folder.reliefs.store import SHAPE, SIZE
from catalog.folder.sqlite.feed import Feed

_KEEP = 10_000  # maps after which the stamp is written again
_log = logging.getLogger("mintmark.catalog")


@dataclass(frozen=True)
class Stamp:
    """Up to which change a file is complete."""

    file: str
    identity: str  # of the database
    sequence: int
    nonce: int | None  # of that change


def fitting_stamp(folder: Path, fingerprint: str, feed: Feed) -> Stamp | None:
    """The stamp of a model's file; None if there is none, or if it is of another state of the database."""
    try:
        stamp = Stamp(**json.loads(_stamp_path(folder, fingerprint).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    same = stamp.identity == feed.identity() and stamp.nonce == feed.nonce(stamp.sequence)
    return stamp if same else None


def _stamp_path(folder: Path, fingerprint: str) -> Path:
    return folder / f"relief-{fingerprint}.json"


class FileReliefs:
    """A `ReliefStore` in a file.

    Args:
        folder: of the catalog. Where it cannot be written, the file lies in the folder for temporary files.
        fingerprint: of the model that makes the maps.
        feed: of the database.
    """

    xp: Any = np

    def __init__(self, folder: Path, fingerprint: str, feed: Feed) -> None:
        self._folder = folder
        self._fingerprint = fingerprint
        self._feed = feed
        self._stamp_path = _stamp_path(folder, fingerprint)
        with feed.one_state():
            self._take(feed.identity())

    def _take(self, identity: str) -> None:
        self.identity = ""  # until there is a file
        self.sequence = 0
        self._nonce: int | None = None  # of that change
        self._unstamped = 0
        self._held = HeldReliefs()
        self._descriptor, self._name = self._open(self._folder, self._fingerprint)
        self.identity = identity

    def start_over(self, identity: str) -> None:
        """See `ReliefStore.start_over`. Another process may have made the file of this database already."""
        old = self._descriptor
        self._take(identity)
        os.close(old)

    def _open(self, folder: Path, fingerprint: str) -> tuple[int, str]:
        """The file that the stamp names, if it fits the database, or a new one; its name is '' if it is temporary."""
        if (stamp := fitting_stamp(folder, fingerprint, self._feed)) is not None:
            try:
                descriptor = os.open(folder / stamp.file, os.O_RDWR)
                self.sequence, self._nonce = stamp.sequence, stamp.nonce
                return descriptor, stamp.file
            except OSError as error:
                _log.warning("relief maps are read from the database again: %s", error)
        try:
            name = f"relief-{fingerprint}-{os.urandom(4).hex()}.maps"
            descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            with tempfile.TemporaryFile() as file:
                return os.dup(file.fileno()), ""
        for old in folder.glob(f"relief-{fingerprint}-*.maps"):
            if old.name != name:
                old.unlink(missing_ok=True)
        return descriptor, name

    def put(self, views: np.ndarray, maps: np.ndarray) -> None:
        """See `ReliefStore.put`."""
        self._held.drop(views)
        ends = np.flatnonzero(np.diff(views) != 1) + 1
        for part, data in zip(np.split(views, ends), np.split(maps, ends), strict=True):
            _write(self._descriptor, data.tobytes(), int(part[0]) * SIZE)
        self._unstamped += len(views)

    def reached(self, sequence: int) -> None:
        """See `ReliefStore.reached`. The stamp is written now and then; what it misses is read again at the start."""
        first, self.sequence = self.sequence == 0, sequence
        self._nonce = self._feed.nonce(sequence)
        if self._unstamped >= _KEEP or (first and self._unstamped):
            self._stamp()

    def _stamp(self) -> None:
        if not self._name or not self._unstamped or not self._stamp_path.with_name(self._name).exists():
            return  # another process that started at the same time may have replaced the file by its own
        os.fdatasync(self._descriptor)
        # As they were when the maps were read: the database may have been restored since.
        stamp = Stamp(self._name, self.identity, self.sequence, self._nonce)
        part = self._stamp_path.with_suffix(".part")
        part.write_text(json.dumps(asdict(stamp)) + "\n")
        part.rename(self._stamp_path)
        self._unstamped = 0

    def rows(self, views: np.ndarray) -> np.ndarray:
        """See `ReliefStore.rows`."""
        maps, there = self._held.get(views)
        if not there.all():
            missing = views[~there]
            rows = [os.pread(self._descriptor, SIZE, place) for place in (missing * SIZE).tolist()]
            data = b"".join([row.ljust(SIZE, b"\0") for row in rows])  # nothing comes from behind the end
            maps[~there] = np.frombuffer(data, np.int8).reshape(-1, *SHAPE)
            self._held.put(missing, maps[~there])
        return maps

    def close(self) -> None:
        """See `ReliefStore.close`."""
        try:
            self._stamp()
        except OSError as error:
            _log.warning("relief maps are read from the database at the next start: %s", error)
        os.close(self._descriptor)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
