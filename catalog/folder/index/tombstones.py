"""Ids and removal for an index that can only be added to, as Faiss's flat GPU index is.

Removed rows stay where they are, marked dead, until too many have gathered; then the live ones are added again to the
emptied index. Until then a search leaves the dead out in one of two ways, and asks the index at the start which one:

- By an ID selector, where the index minds it. Of Faiss 1.15's GPU builds that is the one with cuVS (`faiss-gpu-cuvs`,
  Faiss pull request 4858).
- By asking for so many more rows than there are dead ones, and leaving the dead out of the answer, where the index
  passes over the selector without a word, as Faiss's own kernels do (`faiss-gpu`; Faiss issues 3114, 3924). Where these
  are more rows than its kernels select, and where only some rows are allowed, the host searches instead.
"""

from typing import Any, Protocol

import faiss
import numpy as np

from catalog.folder.index.allowed import are_allowed, only
from catalog.interface import DeviceVectors, Queries
from ensemble.contract import EMBEDDING_SIZE, MAX_K

MOST_ROWS = 2048  # that Faiss's own kernels select from an index on a GPU
MOST_DEAD = MOST_ROWS - MAX_K  # rows that may be asked for beside those of the answer
DEAD_SHARE = 0.5  # of all rows, from which the memory is worth a new start


class AppendOnlyIndex(Protocol):
    """What is needed of a flat Faiss index, under Faiss's names."""

    ntotal: int

    def add(self, vectors: np.ndarray) -> None:
        """Append [N, EMBEDDING_SIZE] float32."""

    def reconstruct_n(self, first: int, count: int) -> np.ndarray:
        """Rows as they were added, [count, EMBEDDING_SIZE] float32."""

    def search_c(self, n: int, queries: Any, k: int, scores: Any, rows: Any, params: Any) -> None:
        """Search with plain pointers; those of the queries may point into a GPU's memory."""

    def reset(self) -> None:
        """Drop all rows."""


class TombstoneIndex:
    """A `VectorIndex` over an index that can only be added to.

    Args:
        index: empty, of inner products; used by nobody else.
    """

    def __init__(self, index: AppendOnlyIndex) -> None:
        self._index = index
        self._selects = minds_selector(index)
        self._forget()

    def _forget(self) -> None:
        self._ids = np.empty(0, np.int64)  # of each row
        self._alive = np.empty(0, bool)
        self._dead = 0
        self._parameters: Any = None  # for Faiss: the selector of live rows, until they change

    @property
    def ntotal(self) -> int:
        """See `VectorIndex.ntotal`."""
        return len(self._ids) - self._dead

    def add_with_ids(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        """See `VectorIndex.add_with_ids`."""
        self._index.add(np.ascontiguousarray(vectors, np.float32))
        self._ids = np.concatenate([self._ids, ids])
        self._alive = np.concatenate([self._alive, np.ones(len(ids), bool)])
        self._parameters = None

    def remove(self, ids: np.ndarray) -> None:
        """See `VectorIndex.remove`."""
        self._alive &= ~np.isin(self._ids, ids)
        self._dead = len(self._alive) - int(np.count_nonzero(self._alive))
        self._parameters = None
        if self._dead > DEAD_SHARE * len(self._alive) or (self._dead > MOST_DEAD and not self._selects):
            self._compact()

    def _compact(self) -> None:
        """Start over with the live rows. What they are is asked of the index: the host keeps no copy of the vectors."""
        vectors = self._index.reconstruct_n(0, len(self._ids))[self._alive] if self.ntotal else None
        ids = self._ids[self._alive]
        self.reset()
        if vectors is not None:
            self.add_with_ids(vectors, ids)

    def search(self, queries: Queries, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """See `VectorIndex.search`."""
        alive = self._alive if allowed is None else self._alive & are_allowed(self._ids, allowed)
        if self._selects:
            parameters = self._selector() if allowed is None else only(alive)
            scores, rows = search_rows(self._index, queries, k, parameters)
        elif allowed is None and k + self._dead <= MOST_ROWS:
            scores, rows = search_rows(self._index, queries, k + self._dead)
        else:
            scores, rows = self._search_apart(queries, k, alive)
        found = (rows >= 0) & alive[rows]
        ids = np.where(found, self._ids[rows], -1)
        # The sort is stable: what may be found comes first, best first among itself.
        best = np.argsort(~found, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, axis=1), np.take_along_axis(ids, best, axis=1)

    def _search_apart(self, queries: Queries, k: int, alive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Search some rows, or for too many: fetched from the index, in one of their own on the host."""
        rows = np.flatnonzero(alive)
        apart = faiss.IndexFlatIP(EMBEDDING_SIZE)
        if rows.size:
            apart.add(self._index.reconstruct_n(0, len(self._ids))[rows])
        host = queries if isinstance(queries, np.ndarray) else queries.get()  # type: ignore[attr-defined]
        scores, places = apart.search(np.ascontiguousarray(host, np.float32), k)
        return scores, np.where(places >= 0, rows[places] if rows.size else -1, -1)

    def _selector(self) -> Any:
        if self._dead and self._parameters is None:
            self._parameters = only(self._alive)
        return self._parameters

    def reset(self) -> None:
        """See `VectorIndex.reset`."""
        self._index.reset()
        self._forget()


def search_rows(
    index: AppendOnlyIndex, queries: Queries, k: int, parameters: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Search with queries that may lie on a GPU; the answer comes to the host.

    Faiss asks CUDA where the address points to, so host and device memory take the same way and torch is not needed.

    Args:
        index: where to search.
        queries: [B, EMBEDDING_SIZE] float32.
        k: rows per query.
        parameters: of Faiss's search.

    Returns:
        scores [B, k] float32 and rows [B, k] int64, best first.

    Raises:
        ValueError: the queries have another shape or type, or gaps.
    """
    if len(queries.shape) != 2 or queries.shape[1] != EMBEDDING_SIZE:
        raise ValueError(f"queries have the shape {queries.shape}; [B, {EMBEDDING_SIZE}] is needed")
    if isinstance(queries, np.ndarray):
        queries = np.ascontiguousarray(queries, np.float32)  # keeps what the address below points to
        address = queries.ctypes.data
    else:
        address = _address(queries)
    scores = np.empty((queries.shape[0], k), np.float32)
    rows = np.empty((queries.shape[0], k), np.int64)
    pointers = faiss.cast_integer_to_float_ptr(address), faiss.swig_ptr(scores), faiss.swig_ptr(rows)
    index.search_c(len(scores), pointers[0], k, *pointers[1:], parameters)
    return scores, rows


def _address(queries: DeviceVectors) -> int:
    interface = queries.__cuda_array_interface__
    if interface["typestr"] != "<f4" or interface.get("strides") is not None:
        raise ValueError(f"queries on a device have to be float32 without gaps, these are {interface}")
    return int(interface["data"][0])


def minds_selector(index: AppendOnlyIndex) -> bool:
    """Whether an empty index leaves out what a selector leaves out. It is tried: the builds do not tell."""
    both = np.eye(2, EMBEDDING_SIZE, dtype=np.float32)
    index.add(both)
    _, rows = search_rows(index, both[:1], 1, only(np.array([False, True])))
    index.reset()
    return int(rows[0, 0]) == 1
