"""Relief maps in the memory of this process: a thousand reads of a file take longer than the comparison."""

import numpy as np

from catalog.folder.reliefs.store import SHAPE

# Places for maps, 2,400 bytes each; only those in use take memory: 157 MB at most. They hold all maps of a catalog with
# fewer views; of a larger one, what searches read last.
PLACES = 65_536


class HeldReliefs:
    """The maps that were read last: each view has one place, which it shares with others (a direct-mapped cache).

    Args:
        places: how many.
    """

    def __init__(self, places: int = PLACES) -> None:
        self._maps = np.zeros((places, *SHAPE), np.int8)
        self._views = np.full(places, -1, np.int64)

    def get(self, views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The maps of [N] views, [N, *SHAPE] int8, and which of them [N] are those of the view."""
        places = views % len(self._views)
        return self._maps[places], self._views[places] == views

    def put(self, views: np.ndarray, maps: np.ndarray) -> None:
        """Hold the maps [N, *SHAPE] of [N] views; of those that share a place, the last."""
        places = views % len(self._views)
        last = len(views) - 1 - np.unique(places[::-1], return_index=True)[1]
        self._views[places[last]], self._maps[places[last]] = views[last], maps[last]

    def drop(self, views: np.ndarray) -> None:
        """Hold nothing of these views."""
        places = views % len(self._views)
        self._views[places[self._views[places] == views]] = -1
