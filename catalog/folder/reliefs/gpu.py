"""Relief maps in the memory of one GPU."""

from typing import Any

import numpy as np

from catalog.folder.reliefs.store import SHAPE

_STEP = 4096  # rows by which the memory grows at least


def module_on(gpu: int) -> Any:
    """CuPy, with this GPU as the one that it computes on."""
    import cupy  # installed on GPU hosts only

    cupy.cuda.Device(gpu).use()
    return cupy


class GpuReliefs:
    """A `ReliefStore` in the memory of one GPU: a map takes 2,400 bytes, and up to twice that while the store grows.

    Args:
        cupy: the module, on the device that holds the maps. Tests give numpy.
    """

    def __init__(self, cupy: Any) -> None:
        self.xp = cupy
        self.start_over("")

    def start_over(self, identity: str) -> None:
        """See `ReliefStore.start_over`."""
        self.identity = identity
        self.sequence = 0
        self._rows = self.xp.zeros((0, *SHAPE), np.int8)

    def put(self, views: np.ndarray, maps: np.ndarray) -> None:
        """See `ReliefStore.put`."""
        most = int(views.max(initial=-1)) + 1
        if most > len(self._rows):
            grown = self.xp.zeros((max(most, len(self._rows) + max(_STEP, len(self._rows) // 4)), *SHAPE), np.int8)
            grown[: len(self._rows)] = self._rows
            self._rows = grown
        self._rows[self.xp.asarray(views)] = self.xp.asarray(maps)

    def reached(self, sequence: int) -> None:
        """See `ReliefStore.reached`."""
        self.sequence = sequence

    def rows(self, views: np.ndarray) -> Any:
        """See `ReliefStore.rows`."""
        there = views < len(self._rows)
        maps = self._rows[self.xp.asarray(np.where(there, views, 0))] if len(self._rows) else None
        if maps is None:
            return self.xp.zeros((len(views), *SHAPE), np.int8)
        return maps if there.all() else maps * self.xp.asarray(there[:, None, None], np.int8)

    def close(self) -> None:
        """See `ReliefStore.close`."""
        self._rows = self.xp.zeros((0, *SHAPE), np.int8)
