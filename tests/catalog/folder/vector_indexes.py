"""Vector indexes of every kind, fakes of what a GPU has, and brute force, for the tests of vector indexes."""

from collections.abc import Callable
from typing import Any

import faiss
import numpy as np

from catalog.folder.index.exact import FlatIndex, VectorIndex
from catalog.folder.index.gpu import GpuFlatIndex
from catalog.folder.index.tombstones import MOST_ROWS, TombstoneIndex
from ensemble.contract import EMBEDDING_SIZE
from tests.catalog.samples import ATOL

NO_GPU = not hasattr(faiss, "GpuIndexFlatIP") or not faiss.get_num_gpus()


class OnDevice:
    """The part of a CuPy array that is used. Faiss finds out by itself that the address is the host's."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape = array, array.shape
        gaps = None if array.flags.c_contiguous else array.strides
        self.__cuda_array_interface__ = array.__array_interface__ | {"strides": gaps}


class OwnKernels:
    """A flat index that behaves as Faiss's on a GPU: it adds, searches, ignores selectors, and has a largest k."""

    def __init__(self) -> None:
        self._flat: Any = faiss.IndexFlatIP(EMBEDDING_SIZE)
        self.searches: list[int] = []  # k of each
        self.restarts = 0

    @property
    def ntotal(self) -> int:
        return int(self._flat.ntotal)

    def add(self, vectors: np.ndarray) -> None:
        self._flat.add(vectors)

    def reconstruct_n(self, first: int, count: int) -> np.ndarray:
        return self._flat.reconstruct_n(first, count)

    def search_c(self, n: int, queries: Any, k: int, scores: Any, rows: Any, params: Any) -> None:
        assert 1 <= k <= MOST_ROWS
        self.searches.append(k)
        self._flat.search_c(n, queries, k, scores, rows, None)

    def reset(self) -> None:
        self.restarts += 1
        self._flat.reset()


def flat_index() -> Any:
    """A flat index of Faiss, whose types lack what SWIG adds."""
    return faiss.IndexFlatIP(EMBEDDING_SIZE)


MAKERS: dict[str, Callable[[], VectorIndex]] = {
    "flat": FlatIndex,
    "tombstones by selector": lambda: TombstoneIndex(flat_index()),
    "tombstones without selector": lambda: TombstoneIndex(OwnKernels()),
    "gpu": lambda: GpuFlatIndex(0),
}
REASON = "no CUDA device, or Faiss without GPU code"


def check(index: VectorIndex, stored: dict[int, np.ndarray], queries: np.ndarray, k: int) -> None:
    """Compare an answer with brute force; equal scores may come in any order."""
    assert index.ntotal == len(stored)
    scores, ids = index.search(queries, k)
    assert (scores.shape, ids.shape, scores.dtype, ids.dtype) == ((len(queries), k),) * 2 + (np.float32, np.int64)
    keys = list(stored)
    cosines = queries.astype(float) @ np.stack([stored[key] for key in keys]).T.astype(float)
    np.testing.assert_allclose(scores, -np.sort(-cosines, axis=1)[:, :k], atol=ATOL)
    for row, found in enumerate(ids.tolist()):
        assert len(set(found)) == k
        np.testing.assert_allclose(scores[row], [cosines[row, keys.index(n)] for n in found], atol=ATOL)
