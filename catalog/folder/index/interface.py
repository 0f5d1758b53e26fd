"""The interface of what searches vectors, on a CPU or on a GPU."""

from typing import Protocol

import numpy as np

from catalog.interface import Queries


class VectorIndex(Protocol):
    """Exact search by inner product among vectors that carry ids of their own. Not to be shared between threads."""

    @property
    def ntotal(self) -> int:
        """How many vectors can be found."""

    def add_with_ids(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        """Add [N, EMBEDDING_SIZE] float32 vectors under [N] int64 ids, from 0, that no vector has at the moment."""

    def remove(self, ids: np.ndarray) -> None:
        """Drop the vectors with these ids; ids that nobody has are passed over."""

    def search(self, queries: Queries, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest vectors of each query, best first.

        Args:
            queries: [B, EMBEDDING_SIZE] float32.
            k: how many, from 1 to `ntotal`.
            allowed: [N] bool by id, ids beyond it are not; None allows all. The others are left out of the search.

        Returns:
            scores [B, k] float32 and ids [B, k] int64; an id of -1 is no match: fewer are allowed, or the query is not
            finite.
        """

    def reset(self) -> None:
        """Drop everything."""
