"""The nearest-neighbour index that follows a database."""

import faiss
import numpy as np

from catalog.database import Database
from ensemble.contract import EMBEDDING_SIZE


class FollowingIndex:
    """Exact cosine search over the views of one model, brought up to date before every search.

    Args:
        database: what it follows.
        fingerprint: of the model whose views it holds; others are never mixed in.
    """

    def __init__(self, database: Database, fingerprint: str) -> None:
        self._database = database
        self._fingerprint = fingerprint
        self._sequence = 0
        self._seen = (-1, -1)  # version at the last look; none at first
        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(EMBEDDING_SIZE))

    def follow(self) -> None:
        """Apply what has changed in the database since the last call."""
        version = self._database.version()
        if version == self._seen:
            return
        changes = self._database.changes_since(self._sequence, self._fingerprint)
        if changes.removed.size:
            self._index.remove_ids(faiss.IDSelectorBatch(changes.removed))
        if changes.added.size:
            self._index.add_with_ids(changes.embeddings, changes.added)
        self._sequence = changes.sequence
        self._seen = version

    def search(self, embeddings: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest views.

        Args:
            embeddings: [B, 64] float32 unit vectors.
            k: how many, at least 1.

        Returns:
            scores [B, n] and views [B, n], best first; n is k or the number of views, whichever is smaller.
        """
        n = min(k, self._index.ntotal)
        if n == 0:
            return np.empty((len(embeddings), 0), np.float32), np.empty((len(embeddings), 0), np.int64)
        scores, views = self._index.search(np.ascontiguousarray(embeddings, np.float32), n)
        return scores, views
