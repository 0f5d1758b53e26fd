"""How many views wait for `mintmark reembed`, counted again only after a change: every search asks."""

import time
from collections.abc import Callable

from catalog.interface import Waiting

# Counting a large catalog takes some milliseconds. While it changes all the time, that is at most this share of the
# time; a small catalog is counted after each change.
_SHARE = 0.02
_QUICK = 0.005  # s


class WaitingViews:
    """The last count, and when it has to be made again.

    Args:
        version: of the database; differs after every change.
        count: counts.
    """

    def __init__(self, version: Callable[[], tuple[int, int]], count: Callable[[], Waiting]) -> None:
        self._version = version
        self._count = count
        self._counted = Waiting()
        self._seen = (-1, -1)
        self._not_before = float("-inf")  # on the monotonic clock

    def now(self) -> Waiting:
        """How many there are; of a large catalog, a moment ago."""
        version = self._version()
        if version != self._seen and time.monotonic() >= self._not_before:
            began = time.thread_time()
            self._counted, self._seen = self._count(), version
            took = time.thread_time() - began
            self._not_before = time.monotonic() + (took / _SHARE if took > _QUICK else 0.0)
        return self._counted
