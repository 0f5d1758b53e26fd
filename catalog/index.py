"""The nearest-neighbour index that follows a database."""

import numpy as np

from catalog.database import Changes, Database
from catalog.vectors import Queries, VectorIndex


class FollowingIndex:
    """Exact cosine search over the views of one model, brought up to date before every search.

    Args:
        database: what it follows.
        fingerprint: of the model whose views it holds; others are never mixed in.
        vectors: what searches; empty, used by nobody else.
    """

    def __init__(self, database: Database, fingerprint: str, vectors: VectorIndex) -> None:
        self._database = database
        self._fingerprint = fingerprint
        self._vectors = vectors
        self._start_over()

    def _start_over(self) -> None:
        self._vectors.reset()
        self._sequence = 0
        self._seen = (-1, -1)  # version at the last look; none at first

    def follow(self) -> None:
        """Apply what has changed in the database since the last call."""
        version = self._database.version()
        if version == self._seen:
            return
        changes = self._database.changes_since(self._sequence, self._fingerprint)
        try:
            self._apply(changes)
        except Exception:  # no memory left on the device, say: half of the changes may be in
            self._start_over()
            raise
        self._seen = version

    def _apply(self, changes: Changes) -> None:
        if changes.removed.size:
            self._vectors.remove(changes.removed)
        if changes.added.size:
            self._vectors.add_with_ids(changes.embeddings, changes.added)
        self._sequence = changes.sequence

    def search(self, embeddings: Queries, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest views.

        Args:
            embeddings: [B, 64] float32 unit vectors.
            k: how many, at least 1.

        Returns:
            scores [B, n] and views [B, n], best first; n is k or the number of views, whichever is smaller.
        """
        n = min(k, self._vectors.ntotal)
        if n == 0:
            return np.empty((embeddings.shape[0], 0), np.float32), np.empty((embeddings.shape[0], 0), np.int64)
        return self._vectors.search(embeddings, n)
