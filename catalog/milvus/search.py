"""The search: Milvus finds views, which become entries here."""

from collections.abc import Sequence

import numpy as np

from catalog.interface import Match, Queries
from catalog.milvus.connection import Connection
from catalog.milvus.index import MilvusIndex
from catalog.milvus.rows import among, condition, conjunction, entry_of
from ensemble.parameters import Filters

MOST_HITS = 16_384  # of one query; Milvus's limit
_HITS_AT_ONCE = 4_096  # of a request, unless one query needs more; each hit carries its entry, often 300 bytes
_FIELDS = ("entry", "side", "document")
_GROWTH = 4


class Searcher:
    """Finds entries by asking for views until there are enough entries.

    Milvus can group by a field, but not with every index, and answers with too few groups if groups are large;
    milvus-lite groups only the first 10 k views. So a search asks for more views than entries. The queries that found
    too few entries ask again, for views of other entries.

    Args:
        connection: to the collection.
        index: of the collection.
    """

    def __init__(self, connection: Connection, index: MilvusIndex) -> None:
        self._connection = connection
        self._index = index

    def search(self, embeddings: Queries, k: int, searchable: str, filters: Filters) -> list[list[Match]]:
        """The k best entries for each query among the rows that meet an expression; see `Catalog.search`."""
        queries = _on_host(embeddings)
        found: list[dict[str, Match]] = [{} for _ in queries]
        pending = np.flatnonzero(np.isfinite(queries).all(axis=1)).tolist()
        expression, limit = conjunction(searchable, condition(filters)), 2 * k + 8
        while pending:
            limit = min(limit, MOST_HITS)
            pending = [
                row
                for rows, seen in self._requests(pending, found, limit)
                for row in self._collect(queries, rows, conjunction(expression, _without(seen)), k, limit, found)
            ]
            limit *= _GROWTH
        return [list(matches.values()) for matches in found]

    def _requests(
        self, pending: Sequence[int], found: Sequence[dict[str, Match]], limit: int
    ) -> list[tuple[list[int], frozenset[str]]]:
        """Queries that can be asked together, because they have found the same entries; and these entries."""
        alike: dict[frozenset[str], list[int]] = {}
        for row in pending:
            alike.setdefault(frozenset(found[row]), []).append(row)
        most = max(1, _HITS_AT_ONCE // limit)
        return [
            (rows[start : start + most], seen) for seen, rows in alike.items() for start in range(0, len(rows), most)
        ]

    def _collect(
        self,
        queries: np.ndarray,
        rows: Sequence[int],
        expression: str,
        k: int,
        limit: int,
        found: Sequence[dict[str, Match]],
    ) -> list[int]:
        """Ask once and add new entries to `found`; returns the queries that need more and can get it."""
        params = self._index.search_params(limit)
        answers = self._connection.search(queries[list(rows)], expression, limit, params, _FIELDS)
        unsatisfied = []
        for row, hits in zip(rows, answers, strict=True):
            matches = found[row]
            for hit in hits:
                if len(matches) < k and hit["entry"] not in matches:
                    matches[hit["entry"]] = Match(entry_of(hit), hit["side"], float(hit["distance"]))
            if len(matches) < k and len(hits) == limit:
                unsatisfied.append(row)
        return unsatisfied


def _without(entries: frozenset[str]) -> str:
    return f"not ({among('entry', sorted(entries))})" if entries else ""


def _on_host(embeddings: Queries) -> np.ndarray:
    """[B, EMBEDDING_SIZE] float32 in host memory. CuPy's arrays copy themselves."""
    get = getattr(embeddings, "get", None)
    return np.ascontiguousarray(embeddings if get is None else get(), np.float32)
