"""Relief maps that follow the database: the maps of views are there as soon as the views are."""

import logging
from typing import Any

import numpy as np

from catalog.folder.reliefs.store import ReliefStore
from catalog.folder.sqlite.feed import Feed
from catalog.folder.sqlite.reliefs import Reliefs
from catalog.interface import Verification
from ensemble.errors import CatalogError
from ensemble.verification import Verdict, verify

_log = logging.getLogger("mintmark.catalog")


class FollowingReliefs:
    """Compares queries with the maps of one model, once they are read from the database.

    Args:
        feed: of the database.
        reliefs: the model's maps in it.
        store: empty, or as an earlier process left it.
    """

    def __init__(self, feed: Feed, reliefs: Reliefs, store: ReliefStore) -> None:
        self._feed = feed
        self._reliefs = reliefs
        self._store = store
        self._seen = (-1, -1)  # the database's version at the last look

    def follow(self) -> None:
        """Read what has changed in the database since the last call."""
        version = self._feed.version()
        if version == self._seen:
            return
        try:
            with self._feed.one_state():
                if (identity := self._feed.identity()) != self._store.identity:  # such as after a restore
                    self._store.start_over(identity)
                last, touched = self._feed.touched(self._store.sequence)
                for first, final in touched:
                    for views, maps in self._reliefs.among(first, final):
                        self._store.put(views, maps)
                self._store.reached(last)
            self._seen = version
        except OSError as error:  # such as a full disk: searches go on with the maps that are there
            _log.error("relief maps cannot be kept, views without one are judged by their embedding alone: %s", error)

    def compare(self, verification: Verification, row: int, views: np.ndarray, cosines: np.ndarray) -> Verdict:
        """Compare one query with its candidates.

        Args:
            verification: see there.
            row: of the query.
            views: [N] numbers.
            cosines: [N] float32.

        Returns:
            The verdict, in host memory.

        Raises:
            CatalogError: the maps cannot be read.
        """
        xp = self._store.xp
        trials = xp.asarray(verification.reliefs[row])  # type: ignore[index]
        try:
            maps = self._store.rows(views)
        except OSError as error:
            raise CatalogError(f"relief maps cannot be read: {error}; the disk fails") from error
        found = verify(trials, xp.asarray(cosines), maps, verification.judge, xp)
        return Verdict(_on_host(found.log_odds), _on_host(found.correlation), _on_host(found.angle))

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def _on_host(array: Any) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else array.get()
