"""Relief maps in the memory of this process: searches compare the same views again and again."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping

# A map takes 2,400 bytes and its key and place some 200, so these are 260 MB of each process that searches. They hold
# all maps of a catalog of that size; of a larger one, those that searches used last.
MOST_MAPS = 100_000


class ReliefCache:
    """The maps of views that were used last. A view's map never changes, and ids of views never come again.

    Args:
        most: how many maps it holds.
    """

    def __init__(self, most: int = MOST_MAPS) -> None:
        self._most = most
        self._maps: OrderedDict[str, bytes] = OrderedDict()

    def get(self, views: Iterable[str]) -> dict[str, bytes]:
        """The maps of those views that are here."""
        found = {view: self._maps[view] for view in views if view in self._maps}
        for view in found:
            self._maps.move_to_end(view)
        return found

    def put(self, maps: Mapping[str, bytes]) -> None:
        """Hold these as well, in place of those that were not used for longest."""
        self._maps.update(maps)
        while len(self._maps) > self._most:
            self._maps.popitem(last=False)

    def __len__(self) -> int:
        """How many maps are here."""
        return len(self._maps)
