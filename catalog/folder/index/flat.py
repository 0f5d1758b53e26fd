"""The vector index of a CPU."""

import faiss
import numpy as np

from catalog.folder.index.selector import selecting
from catalog.interface import Queries
from ensemble.contract import EMBEDDING_SIZE


class FlatIndex:
    """A `VectorIndex` in host memory; Faiss keeps the ids and removes rows in place."""

    def __init__(self) -> None:
        self._index = faiss.IndexIDMap(faiss.IndexFlatIP(EMBEDDING_SIZE))

    @property
    def ntotal(self) -> int:
        """See `VectorIndex.ntotal`."""
        return int(self._index.ntotal)

    def add_with_ids(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        """See `VectorIndex.add_with_ids`."""
        self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), ids)

    def remove(self, ids: np.ndarray) -> None:
        """See `VectorIndex.remove`."""
        self._index.remove_ids(faiss.IDSelectorBatch(ids))

    def search(self, queries: Queries, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """See `VectorIndex.search`. Raises TypeError for queries on a GPU."""
        parameters = None if allowed is None else selecting(allowed)
        scores, ids = self._index.search(on_host(queries), k, params=parameters)
        return scores, ids

    def reset(self) -> None:
        """See `VectorIndex.reset`."""
        self._index.reset()


def on_host(queries: Queries) -> np.ndarray:
    """The queries as Faiss takes them on a CPU. Raises TypeError for those on a GPU."""
    if not isinstance(queries, np.ndarray):
        raise TypeError("the CPU index takes queries in host memory, these lie on a GPU")
    return np.ascontiguousarray(queries, np.float32)
