"""Compares photos with catalog pictures as the server does, from what the server makes of them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mintmark._contract import DEFAULT_CANDIDATES
from mintmark._verification import Judge, stored, verify

THREADS = 2  # numpy lets go of Python's lock in its products only
NOT_A_CANDIDATE = -1000.0  # log odds below those of every candidate


@dataclass(frozen=True)
class Coins:
    """What the server makes of [n] photos: unit vectors [n, EMBEDDING_SIZE], and the relief maps of all trials."""

    embeddings: npt.NDArray[np.float32]
    reliefs: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Likeness:
    """How like each query is to each picture, [q, n].

    `scores`: what they are ranked by: log odds, or the cosine where nothing was verified. `angles`: degrees by which
    the picture is turned clockwise to lie as in the query.
    """

    scores: npt.NDArray[np.float32]
    angles: npt.NDArray[np.float32]


class Comparison:
    """Queries and the pictures that they are compared with.

    `judge`: the server's; None compares the embeddings alone. `candidates`: so many pictures, the nearest by their
    embedding, are compared by their relief.
    """

    def __init__(
        self, queries: Coins, pictures: Coins, judge: Judge | None, candidates: int = DEFAULT_CANDIDATES
    ) -> None:
        self._queries = queries
        self._judge = judge
        self._candidates = candidates
        self._cosines = queries.embeddings @ pictures.embeddings.T
        kept = [stored(trials[0]) for trials in pictures.reliefs] if judge else []
        self._maps = np.stack(kept) if kept else np.empty((0,), np.int8)

    def likeness(
        self, pictures: Sequence[int] | npt.NDArray[np.int64] | None = None, advance: Callable[[], None] | None = None
    ) -> Likeness:
        """Compare all queries with some of the pictures, by their numbers, or with all.

        Calls `advance` after each query.
        """
        columns = np.arange(self._cosines.shape[1]) if pictures is None else np.asarray(pictures)
        cosines = self._cosines[:, columns]
        if self._judge is None or not columns.size:
            return Likeness(cosines, np.zeros_like(cosines))
        scores, angles = np.full_like(cosines, NOT_A_CANDIDATE), np.zeros_like(cosines)
        judge = self._judge

        def compare(row: int) -> None:
            nearest = np.argsort(-cosines[row], kind="stable")[: self._candidates]
            maps = self._maps[columns[nearest]]
            verdict = verify(self._queries.reliefs[row], cosines[row, nearest], maps, judge)
            scores[row, nearest], angles[row, nearest] = verdict.log_odds, verdict.angle
            if advance is not None:
                advance()

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(compare, range(len(cosines))))
        return Likeness(scores, angles)
