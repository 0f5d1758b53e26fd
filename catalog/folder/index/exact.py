"""Exact search among vectors with ids: the interface, and the index in a CPU's memory."""

from typing import Protocol

import faiss
import numpy as np

from catalog.folder.index.allowed import only
from catalog.interface import Queries
from ensemble.contract import EMBEDDING_SIZE


class VectorIndex(Protocol):
    """Exact search by inner product among vectors that have ids. Threads must not share it."""

    @property
    def ntotal(self) -> int:
        """How many vectors can be found."""

    def add_with_ids(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        """Add [N, EMBEDDING_SIZE] float32 vectors under [N] int64 ids from 0 on, which must be free."""

    def remove(self, ids: np.ndarray) -> None:
        """Drop the vectors with these ids. Ids that no vector has are ignored."""

    def search(self, queries: Queries, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest vectors of each query, best first.

        Args:
            queries: [B, EMBEDDING_SIZE] float32.
            k: how many, from 1 to `ntotal`.
            allowed: [N] bool by id; the search leaves out the others, and all ids from N on. None allows all.

        Returns:
            scores [B, k] float32 and ids [B, k] int64. An id of -1 is no match: fewer are allowed, or the query is not
            finite.
        """

    def reset(self) -> None:
        """Drop everything."""


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
        parameters = None if allowed is None else only(allowed)
        scores, ids = self._index.search(on_host(queries), k, params=parameters)
        return scores, ids

    def reset(self) -> None:
        """See `VectorIndex.reset`."""
        self._index.reset()


def on_host(queries: Queries) -> np.ndarray:
    """The queries as Faiss takes them on a CPU. Raises TypeError for queries on a GPU."""
    if not isinstance(queries, np.ndarray):
        raise TypeError("the CPU index takes queries in host memory, these lie on a GPU")
    return np.ascontiguousarray(queries, np.float32)
