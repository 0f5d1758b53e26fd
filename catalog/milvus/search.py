"""The search: Milvus finds views, which become entries here."""

from collections.abc import Sequence

import numpy as np

from catalog.grouping import GROWTH, expected_views
from catalog.interface import Match, Queries, Verification
from catalog.milvus.candidates import Candidates, on_host
from catalog.milvus.connection import Connection, Row
from catalog.milvus.index import MilvusIndex
from catalog.milvus.reliefs import Reliefs
from catalog.milvus.rows import among, condition, conjunction, entry_of
from ensemble.parameters import Filters

MOST_HITS = 16_384  # of one query; Milvus's limit
_HITS_AT_ONCE = 4_096  # of a request, unless one query needs more; each hit carries its entry, often 300 bytes
_FIELDS = ("view", "entry", "side", "document")


class Searcher:
    """Finds entries by asking for views until there are enough entries.

    Milvus can group by a field, but not with every index, and answers with too few groups if groups are large;
    milvus-lite groups only the first 10 k views. So a search asks for more views than entries. The queries that found
    too few entries ask again, for views of other entries.

    With verification, a further view of an entry may be its best one. So the queries ask again for more views of all
    entries, and leave out entries only when they cannot get more views at once.

    Args:
        connection: to the collection.
        index: of the collection.
        reliefs: maps of the views.
    """

    def __init__(self, connection: Connection, index: MilvusIndex, reliefs: Reliefs) -> None:
        self._connection = connection
        self._index = index
        self._reliefs = reliefs

    def search(
        self, embeddings: Queries, k: int, searchable: str, filters: Filters, verification: Verification | None = None
    ) -> list[list[Match]]:
        """The k best entries for each query among the rows that meet an expression; see `Catalog.search`."""
        queries = on_host(embeddings)
        found: list[dict[str, Match]] = [{} for _ in queries]
        pending = np.flatnonzero(np.isfinite(queries).all(axis=1)).tolist()
        expression, limit = conjunction(searchable, condition(filters)), 2 * k + 8
        candidates = None
        if verification is not None and self._reliefs.kept:
            candidates = Candidates(self._reliefs, verification)
            limit = max(verification.candidates, expected_views(k))
        deep: set[int] = set()  # queries that were asked several times, each time without the entries found before
        while pending:
            limit = min(limit, MOST_HITS)
            pending = [
                row
                for rows, seen in self._requests(pending, found, limit)
                for row in self._collect(
                    queries, rows, conjunction(expression, _without(seen)), k, limit, found, candidates
                )
            ]
            if candidates is not None and limit < MOST_HITS:
                for row in pending:
                    found[row].clear()
            elif candidates is not None:
                deep.update(pending)
            limit *= GROWTH
        matches = [list(each.values()) for each in found]
        if candidates is not None:
            for row in deep:
                matches[row] = candidates.best_first(matches[row])
        return matches

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
        candidates: Candidates | None,
    ) -> list[int]:
        """Ask once and add new entries to `found`; returns the queries that need more and can get it."""
        params = self._index.search_params(limit)
        answers = self._connection.search(queries[list(rows)], expression, limit, params, _FIELDS)
        unsatisfied = []
        if candidates is not None:
            answers = candidates.ordered(rows, answers)
        for row, hits in zip(rows, answers, strict=True):
            matches = found[row]
            for hit in hits:
                if len(matches) < k and hit["entry"] not in matches:
                    matches[hit["entry"]] = _match(hit)
            if len(matches) < k and len(hits) == limit:
                unsatisfied.append(row)
        return unsatisfied


def _without(entries: frozenset[str]) -> str:
    return f"not ({among('entry', sorted(entries))})" if entries else ""


def _match(hit: Row) -> Match:
    found = entry_of(hit), hit["side"], hit["view"], float(hit["distance"])
    if "log_odds" not in hit:  # not verified
        return Match(*found)
    return Match(*found, hit["log_odds"], hit["correlation"], hit["angle"])
