"""Ids and removal for an index that only grows, such as Faiss's flat GPU index.

Removed rows stay in the index, marked dead. When there are too many, the index is emptied and the live rows are added
again. Until then a search leaves out the dead rows in one of two ways. A test at the start finds out which one works:

- By an ID selector, if the index obeys it. Of Faiss 1.15's GPU builds, the one with cuVS does (`faiss-gpu-cuvs`, Faiss
  pull request 4858).
- By asking for as many more rows as there are dead ones, and dropping the dead from the answer, if the index silently
  ignores the selector, as Faiss's own kernels do (`faiss-gpu`; Faiss issues 3114, 3924). The host searches instead if
  that is more rows than the kernels select, or if only some rows are allowed.
"""

from typing import Any, Protocol

import faiss
import numpy as np

from catalog.folder.index.allowed import are_allowed, only
from catalog.interface import DeviceVectors, Queries
from ensemble.contract import EMBEDDING_SIZE, MAX_K

MOST_ROWS = 2048  # that Faiss's own kernels can select from an index on a GPU
MOST_DEAD = MOST_ROWS - MAX_K  # rows that a search may ask for beyond those of the answer
DEAD_SHARE = 0.5  # of all rows, from which their memory is worth starting over


class AppendOnlyIndex(Protocol):
    """The part of a flat Faiss index that is used, under Faiss's names."""

    def add(self, vectors: np.ndarray) -> None:
        """Append [N, EMBEDDING_SIZE] float32."""

    def reconstruct_n(self, first: int, count: int) -> np.ndarray:
        """Rows as they were added, [count, EMBEDDING_SIZE] float32."""

    def search_c(self, n: int, queries: Any, k: int, scores: Any, rows: Any, params: Any) -> None:
        """Search with plain pointers; those of the queries may point into a GPU's memory."""

    def reset(self) -> None:
        """Drop all rows."""


class TombstoneIndex:
    """A `VectorIndex` over an index that only grows.

    Args:
        index: empty, of inner products; nobody else uses it.
    """

    def __init__(self, index: AppendOnlyIndex) -> None:
        self._index = index
        self._obeys_selector = obeys_selector(index)
        self._forget()

    def _forget(self) -> None:
        self._ids = np.empty(0, np.int64)  # of each row
        self._alive = np.empty(0, bool)
        self._dead = 0
        self._parameters: Any = None  # Faiss's selector of the live rows, until they change

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
        if self._dead > DEAD_SHARE * len(self._alive) or (self._dead > MOST_DEAD and not self._obeys_selector):
            self._compact()

    def _compact(self) -> None:
        """Start over with the live rows. They are read back from the index: the host keeps no copy of the vectors."""
        vectors = self._index.reconstruct_n(0, len(self._ids))[self._alive] if self.ntotal else None
        ids = self._ids[self._alive]
        self.reset()
        if vectors is not None:
            self.add_with_ids(vectors, ids)

    def search(self, queries: Queries, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """See `VectorIndex.search`."""
        alive = self._alive if allowed is None else self._alive & are_allowed(self._ids, allowed)
        if self._obeys_selector:
            parameters = self._selector() if allowed is None else only(alive)
            scores, rows = search_rows(self._index, queries, k, parameters)
        elif allowed is None and k + self._dead <= MOST_ROWS:
            scores, rows = search_rows(self._index, queries, k + self._dead)
        else:
            scores, rows = self._search_apart(queries, k, alive)
        found = (rows >= 0) & alive[rows]
        ids = np.where(found, self._ids[rows], -1)
        # The sort is stable: rows that may be found come first, in the order of their scores.
        best = np.argsort(~found, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, axis=1), np.take_along_axis(ids, best, axis=1)

    def _search_apart(self, queries: Queries, k: int, alive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read some rows back from the index, and search them on the host."""
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

    Faiss asks CUDA where the address points to, so host and device memory take the same path and torch is not needed.

    Args:
        index: where to search.
        queries: [B, EMBEDDING_SIZE] float32.
        k: rows per query.
        parameters: of Faiss's search.

    Returns:
        scores [B, k] float32 and rows [B, k] int64, best first.

    Raises:
        ValueError: the queries have another shape or type, or are not contiguous.
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


def obeys_selector(index: AppendOnlyIndex) -> bool:
    """Whether an empty index obeys a selector. This is tried out, because Faiss's builds do not say."""
    both = np.eye(2, EMBEDDING_SIZE, dtype=np.float32)
    index.add(both)
    _, rows = search_rows(index, both[:1], 1, only(np.array([False, True])))
    index.reset()
    return int(rows[0, 0]) == 1
