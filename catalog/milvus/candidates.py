"""Candidates of a search: the nearest views by the embedding, compared by their relief, best first."""

from collections.abc import Sequence

import numpy as np

from catalog.interface import Match, Verification
from catalog.milvus.connection import Row
from catalog.milvus.reliefs import SHAPE, SIZE, Reliefs
from ensemble.verification import verify

_WITHOUT = bytes(SIZE)  # in place of the map of a view that has none


class Candidates:
    """Orders the views that queries found by what both similarities say.

    Args:
        reliefs: the maps of views.
        verification: the maps of the queries, and the judge.
    """

    def __init__(self, reliefs: Reliefs, verification: Verification) -> None:
        self._reliefs = reliefs
        self._verification = verification
        self._trials = on_host(verification.reliefs)

    def ordered(self, queries: Sequence[int], answers: Sequence[Sequence[Row]]) -> list[list[Row]]:
        """The views of each query, best first, with what the verdict says. Of equal ones the earlier is first."""
        maps = self._reliefs.remembered(hit["view"] for hits in answers for hit in hits)
        return [self._compared(query, hits, maps) if hits else [] for query, hits in zip(queries, answers, strict=True)]

    def _compared(self, query: int, hits: Sequence[Row], maps: dict[str, bytes]) -> list[Row]:
        data = b"".join(maps.get(hit["view"], _WITHOUT) for hit in hits)
        cosines = np.array([hit["distance"] for hit in hits], np.float32)
        stored = np.frombuffer(data, np.int8).reshape(-1, *SHAPE)
        with self._verification.timed(len(hits)):
            verdict = verify(self._trials[query], cosines, stored, self._verification.judge)
        views = np.array([hit["view"] for hit in hits])
        order = np.lexsort((views, -verdict.log_odds))
        return [{**hits[n], **{name: float(of[n]) for name, of in vars(verdict).items()}} for n in order]

    def best_first(self, matches: Sequence[Match]) -> list[Match]:
        """Matches of several requests, in one order."""
        return sorted(matches, key=lambda match: -(match.log_odds or 0.0))


def on_host(queries: object) -> np.ndarray:
    """float32 in host memory. CuPy's arrays copy themselves."""
    get = getattr(queries, "get", None)
    return np.ascontiguousarray(queries if get is None else get(), np.float32)  # type: ignore[call-overload]
