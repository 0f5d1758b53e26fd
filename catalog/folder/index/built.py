"""The search in a built index. It never changes: later views are searched beside it."""

from typing import Any

import faiss
import numpy as np

from catalog.folder.index.allowed import are_allowed, only, selector
from catalog.folder.index.exact import on_host
from catalog.folder.index.spec import IndexSpec
from catalog.interface import Queries

EF_SEARCH = 256  # of HNSW, if the setting gives none
LIST_SHARE = 32  # one in so many lists is searched, if the setting gives no nprobe
EXHAUSTIVE_SHARE = 0.1  # if filters leave less than this, graph and lists lose more than they save


class BuiltIndex:
    """Searches a Faiss index by the rules of its kind.

    If a filter leaves little, the search compares all that is left: a graph finds no path among few allowed nodes, and
    few lists hold few allowed vectors. It does the same for a query that found fewer than k although there are more.

    Args:
        index: made by `IndexSpec.empty`, trained and filled; its ids are numbers of views.
        spec: that made it.
    """

    def __init__(self, index: Any, spec: IndexSpec) -> None:
        self._index = index
        self.spec = spec
        mapped = isinstance(index, faiss.IndexIDMap)
        self._kind: Any = faiss.downcast_index(index.index) if mapped else index
        self.ids: np.ndarray = faiss.vector_to_array(index.id_map) if mapped else _ids(index)

    @property
    def lossy(self) -> bool:
        """Whether scores are approximate."""
        return self.spec.lossy

    def search(self, queries: Queries, k: int, allowed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """See `VectorIndex.search`; not exact."""
        queries = on_host(queries)
        there = len(self.ids) if allowed is None else np.count_nonzero(allowed)
        exhaustive = there < EXHAUSTIVE_SHARE * len(self.ids)
        scores, ids = self._search(queries, k, allowed, exhaustive)
        short = np.count_nonzero(ids >= 0, axis=1) < min(k, there)
        if short.any() and not exhaustive:  # the graph, or the lists, ended before k
            scores[short], ids[short] = self._search(queries[short], k, allowed, exhaustive=True)
        return scores, ids

    def _search(
        self, queries: np.ndarray, k: int, allowed: np.ndarray | None, exhaustive: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        parameters = self._parameters(allowed, exhaustive)
        if parameters is None:
            return self._search_under_graph(queries, k, allowed)
        scores, ids = self._index.search(queries, k, params=parameters)
        return scores, ids

    def _parameters(self, allowed: np.ndarray | None, exhaustive: bool) -> Any:
        """Faiss's parameters; None to bypass a graph."""
        selected: dict[str, Any] = {} if allowed is None else {"sel": selector(allowed)}
        wrapped: Any = faiss
        if isinstance(self._kind, faiss.IndexIVF):
            lists = self._kind.nlist
            nprobe = lists if exhaustive else min(lists, self.spec.search or max(16, lists // LIST_SHARE))
            kind = wrapped.IVFPQSearchParameters if isinstance(self._kind, faiss.IndexIVFPQ) else None
            return (kind or wrapped.SearchParametersIVF)(nprobe=nprobe, **selected)
        if isinstance(self._kind, faiss.IndexHNSW):
            depth = self.spec.search or EF_SEARCH
            return None if exhaustive else wrapped.SearchParametersHNSW(efSearch=depth, **selected)
        return wrapped.SearchParameters(**selected)

    def _search_under_graph(
        self, queries: np.ndarray, k: int, allowed: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compare the vectors under a graph one by one. Row numbers there are positions in `ids`."""
        parameters = None if allowed is None else only(are_allowed(self.ids, allowed))
        scores, rows = self._kind.storage.search(queries, k, params=parameters)
        return scores, np.where(rows >= 0, self.ids[rows], -1)


def candidates(k: int) -> int:
    """How many views to ask of a lossy index, so that the k best by exact score are among them."""
    return max(100, 10 * k)


def _ids(index: Any) -> np.ndarray:
    """All ids of an inverted file, list by list."""
    lists = index.invlists
    parts = []
    for number in range(index.nlist):
        size = lists.list_size(number)
        if size:
            parts.append(faiss.rev_swig_ptr(lists.get_ids(number), size).copy())
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
