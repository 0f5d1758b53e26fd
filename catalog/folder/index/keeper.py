"""Has another process build the index when the catalog has outgrown it, and loads the result."""

import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from catalog.folder.index.builder import BUSY
from catalog.folder.index.built import BuiltIndex
from catalog.folder.index.saved import Stamp, UnfitIndexError, check, load, read_stamp, stamp_path
from catalog.folder.index.spec import IndexSpec
from catalog.folder.sqlite.feed import Feed

ROOT = Path(__file__).resolve().parents[3]
_PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}  # threads that wait for one another leave the cores to the server
PAUSE = 30.0  # s, until the next try, after a failed build or while another process builds
MOST_DOUBLINGS = 7  # of the pause, while builds keep failing: to about an hour
_log = logging.getLogger("mintmark.catalog")


@dataclass(frozen=True)
class Growth:
    """When a catalog has outgrown its index. Exact search of the views that came since takes time with their number.

    Attributes:
        first: views from which the first index is built, and the fewest changes that outgrow one.
        share: changes that outgrow an index, views added or removed since, as a share of its views.
    """

    first: int = 50_000
    share: float = 0.25

    def outgrown(self, built: int, changed: int) -> bool:
        """Whether an index of `built` views, 0 for none, is outgrown after so many changes."""
        return changed >= max(self.first, self.share * built)


GROWTH = Growth()


class IndexKeeper:
    """Builds and loads the index of one catalog and model.

    Args:
        folder: of the catalog.
        fingerprint: of the model.
        spec: the setting.
        growth: when to build.
    """

    def __init__(self, folder: Path, fingerprint: str, spec: IndexSpec, growth: Growth) -> None:
        self._folder = folder
        self._fingerprint = fingerprint
        self._spec = spec
        self._growth = growth
        self._builder: subprocess.Popen[bytes] | None = None
        self._loader: threading.Thread | None = None
        self._loaded: tuple[Stamp, BuiltIndex] | None = None
        self._unfit = ""  # name of an index that could not be loaded
        self._failures = 0  # of builds in a row
        self._not_before = 0.0  # on the monotonic clock

    def open(self, feed: Feed, generations: tuple[int, ...]) -> tuple[Stamp, BuiltIndex] | None:
        """The saved index, if one fits."""
        if not stamp_path(self._folder, self._fingerprint).exists():
            return None
        try:
            stamp = read_stamp(self._folder, self._fingerprint)
            check(stamp, feed, self._spec, generations)
            self._unfit = stamp.file  # unless the next line loads it
            built = load(self._folder, stamp, self._spec)
            self._unfit = ""
            return stamp, built
        except UnfitIndexError as error:
            _log.warning("%s; views are read from the database", error)
            return None

    def start_due(
        self, feed: Feed, generations: tuple[int, ...], sequence: int, built: int, changed: int, views: int
    ) -> None:
        """Start what is due: a build, or loading an index that this or another server has built.

        Call it often: a build ends, and may be tried again, without any change of the database.

        Args:
            feed: of the database.
            generations: that count.
            sequence: last change in the index in use; 0 for none.
            built: views in it.
            changed: views that were added or removed since.
            views: that can be searched.
        """
        if self._loader is not None or self._still_building():
            return
        enough = views >= self._spec.least_views() and self._growth.outgrown(built, changed)
        if not enough or time.monotonic() < self._not_before:
            return
        try:
            stamp = read_stamp(self._folder, self._fingerprint)
            check(stamp, feed, self._spec, generations)
            newer = stamp.sequence > sequence and stamp.file != self._unfit
        except UnfitIndexError:
            newer = False
        if newer:
            self._loader = threading.Thread(target=self._load, args=(stamp,), daemon=True)
            self._loader.start()
        else:
            self._build()

    def _still_building(self) -> bool:
        if self._builder is None:
            return False
        status = self._builder.poll()
        if status is None:
            return True
        self._builder = None
        if status in (0, BUSY):
            self._failures = 0
            self._not_before = time.monotonic() + PAUSE if status else 0.0
        else:
            self._put_off()
            _log.error("building the index %s failed with status %s", self._spec.text, status)
        return False

    def _put_off(self) -> None:
        self._not_before = time.monotonic() + PAUSE * 2 ** min(self._failures, MOST_DOUBLINGS)
        self._failures += 1

    def _build(self) -> None:
        python = sys.executable or "python3"  # Triton's stub finds its Python first on the PATH
        command = [python, "-m", "catalog", "build", str(self._folder.resolve()), self._fingerprint, self._spec.text]
        _log.warning("building the index %s in the background", self._spec.text)
        try:
            self._builder = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, env=os.environ | _PASSIVE)
        except OSError as error:
            self._put_off()
            _log.error("the index cannot be built: %s", error)

    def _load(self, stamp: Stamp) -> None:
        try:
            self._loaded = stamp, load(self._folder, stamp, self._spec)
        except UnfitIndexError as error:
            _log.error("%s; it is built again", error)
            self._unfit = stamp.file

    def take(self) -> tuple[Stamp, BuiltIndex] | None:
        """What was loaded since the last call; None if nothing was."""
        if self._loader is None or self._loader.is_alive():
            return None
        self._loader, loaded, self._loaded = None, self._loaded, None
        return loaded

    def close(self) -> None:
        """End a running build. The next server starts it again."""
        if self._builder is not None:
            self._builder.terminate()
            self._builder.wait()
        if self._loader is not None:
            self._loader.join()
