"""Which views pass a filter, remembered from search to search."""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from catalog.folder.sqlite.feed import Ranges
from ensemble.parameters import Filters

KEPT = 16  # filters, the ones used last
Matching = Callable[[Filters, int, int], np.ndarray]  # the views that pass, among the numbers from first to last
Key = tuple[tuple[str, str], ...]


class FilterCache:
    """The views that pass each of the filters used last, as [N] bool by number.

    After a change it asks the database about the changed views alone.

    Args:
        matching: asks the database.
    """

    def __init__(self, matching: Matching) -> None:
        self._matching = matching
        self._kept: OrderedDict[Key, np.ndarray] = OrderedDict()

    def passing(self, filters: Filters) -> np.ndarray:
        """The views that pass, [N] bool; views from N on do not. The caller must not change it."""
        key = tuple(sorted(filters.items()))
        if key not in self._kept:
            views = self._matching(filters, 0, 2**63 - 1)
            self._kept[key] = _marked(np.zeros(0, bool), views)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def refresh(self, ranges: Ranges) -> None:
        """Ask again about views that were added, removed or changed."""
        for key, mask in self._kept.items():
            for first, last in ranges:
                mask[first : last + 1] = False
                mask = _marked(mask, self._matching(dict(key), first, last))
            self._kept[key] = mask

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()


def _marked(mask: np.ndarray, views: np.ndarray) -> np.ndarray:
    """The mask with these views True. If it is too short, it grows by half at least."""
    if views.size and (most := int(views.max())) >= len(mask):
        mask = np.concatenate([mask, np.zeros(max(most + 1 - len(mask), len(mask) // 2), bool)])
    mask[views] = True
    return mask
