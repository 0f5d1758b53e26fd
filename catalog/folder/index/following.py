"""The nearest-neighbour search that follows a database.

Two indexes answer together: a built one, which never changes, and an exact one of the views that were added since. The
search in the built one leaves out the views that were removed since.
"""

from collections.abc import Callable, Sequence

import faiss
import numpy as np

from catalog.folder.index.built import BuiltIndex, candidates
from catalog.folder.index.exact import VectorIndex
from catalog.folder.index.filter_cache import FilterCache, Matching
from catalog.folder.index.keeper import IndexKeeper
from catalog.folder.index.saved import Stamp, UnfitIndexError, check
from catalog.folder.sqlite.feed import NOTHING, Changes, Feed
from catalog.interface import Queries
from ensemble.parameters import Filters

Found = tuple[np.ndarray, np.ndarray]  # scores [B, n] and views [B, n], best first; a view of -1 is none


class FollowingIndex:
    """Cosine search over the views of one model. Every search first applies what has changed.

    Args:
        feed: the changes that it follows.
        matching: asks the database for the views that pass filters.
        vectors_of: gives the embeddings of a few views, by number.
        live: an empty index for the views that no built index holds; nobody else uses it.
        keeper: builds and loads indexes; None if `live` holds everything.
    """

    def __init__(
        self,
        feed: Feed,
        matching: Matching,
        vectors_of: Callable[[Sequence[int]], dict[int, np.ndarray]],
        live: VectorIndex,
        keeper: IndexKeeper | None = None,
    ) -> None:
        # A single query gains nothing from threads. While other processes compute, it would wait for them, about 8 ms.
        faiss.omp_set_num_threads(1)
        self._feed = feed
        self._vectors_of = vectors_of
        self._live = live
        self._keeper = keeper
        self._filters = FilterCache(matching)
        self._identity = ""  # of the database that was read
        self._start_over()

    def _start_over(self) -> None:
        self._live.reset()
        self._filters.clear()
        self._built: BuiltIndex | None = None
        self._built_sequence = 0
        self._present = np.empty(0, bool)  # by number of the view: whether the built index may still find it
        self._removed = 0  # views of the built index
        self._sequence, self._generations = NOTHING
        self._seen = (-1, -1)  # the database's version at the last look; none yet

    def load(self) -> None:
        """Start from the saved index, if one fits, and apply what has changed since."""
        if self._keeper is not None:
            with self._feed.since(*NOTHING) as changes:
                opened = self._keeper.open(self._feed, changes.generations)
            if opened is not None:
                self._adopt(*opened)
        self.follow()

    def follow(self) -> None:
        """Apply what has changed in the database since the last call."""
        if self._keeper is not None and (taken := self._keeper.take()) is not None:
            self._adopt(*taken)
        version = self._feed.version()
        if version != self._seen:
            try:
                with self._feed.one_state():
                    if (identity := self._feed.identity()) != self._identity:  # such as after a restore
                        self._start_over()
                        self._identity = identity
                    with self._feed.since(self._sequence, self._generations) as changes:
                        self._apply(changes)
            except Exception:  # such as no memory left on the device: half of the changes may be applied
                self._start_over()
                raise
            self._seen = version
        self._start_due()

    def _adopt(self, stamp: Stamp, built: BuiltIndex) -> None:
        """Use a built index from now on, and read again what came after it."""
        try:
            with self._feed.since(*NOTHING) as changes:
                check(stamp, self._feed, built.spec, changes.generations)
        except UnfitIndexError:
            return
        self._live.reset()
        self._built, self._built_sequence, self._removed = built, stamp.sequence, 0
        self._present = np.zeros(int(built.ids.max(initial=-1)) + 1, bool)
        self._present[built.ids] = True
        self._sequence, self._generations = stamp.sequence, tuple(stamp.generations)
        self._identity = stamp.identity
        self._seen = (-1, -1)

    def _apply(self, changes: Changes) -> None:
        if changes.restart:
            self._start_over()
        for first, last in changes.removed:
            self._live.remove(np.arange(first, last + 1))
            gone = self._present[first : last + 1]
            self._removed += int(np.count_nonzero(gone))
            gone[:] = False
        for views, embeddings in changes.added:
            self._live.add_with_ids(embeddings, views)
        self._filters.refresh(changes.touched)
        self._sequence, self._generations = changes.sequence, changes.generations

    def _start_due(self) -> None:
        if self._keeper is not None:
            built = 0 if self._built is None else len(self._built.ids)
            changed = self._live.ntotal + self._removed
            self._keeper.start_due(self._feed, self._generations, self._built_sequence, built, changed, self.ntotal)

    @property
    def ntotal(self) -> int:
        """How many views can be found without filters."""
        return self._live.ntotal + (0 if self._built is None else len(self._built.ids) - self._removed)

    def search(self, embeddings: Queries, k: int, filters: Filters) -> Found:
        """The k nearest views among those that pass the filters.

        Args:
            embeddings: [B, EMBEDDING_SIZE] float32 unit vectors.
            k: how many, at least 1.
            filters: an empty mapping lets all pass.
        """
        selection = self._filters.passing(filters) if filters else None
        parts = [(np.empty((embeddings.shape[0], 0), np.float32), np.empty((embeddings.shape[0], 0), np.int64))]
        if self._live.ntotal:
            parts.append(self._live.search(embeddings, min(k, self._live.ntotal), selection))
        if self._built is not None:
            parts.append(self._search_built(self._built, embeddings, k, selection))
        scores, views = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
        return best(scores, views, k)

    def _search_built(self, built: BuiltIndex, embeddings: Queries, k: int, selection: np.ndarray | None) -> Found:
        allowed = self._present if self._removed else None
        if selection is not None:
            both = self._present.copy()
            both[len(selection) :] = False
            both[: len(selection)] &= selection[: len(both)]
            allowed = both
        n = min(len(built.ids), candidates(k) if built.lossy else k)
        scores, views = built.search(embeddings, n, allowed)
        return (self._scored(embeddings, views), views) if built.lossy else (scores, views)

    def _scored(self, embeddings: Queries, views: np.ndarray) -> np.ndarray:
        """Exact scores of views [B, n], from the database; -1 for views that it no longer has."""
        vectors = self._vectors_of(np.unique(views[views >= 0]).tolist())
        scores = np.full(views.shape, -1, np.float32)
        for row, column in np.argwhere(views >= 0):
            vector = vectors.get(int(views[row, column]))
            if vector is not None:
                scores[row, column] = np.dot(np.asarray(embeddings)[row], vector)
        return scores


def best(scores: np.ndarray, views: np.ndarray, k: int) -> Found:
    """The k best of each row of [B, n], best first. Of equal scores the earlier view is first; views of -1 are last."""
    ranked = np.where(views >= 0, scores, -np.inf)
    order = np.lexsort((views, -ranked), axis=1)[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(views, order, axis=1)
