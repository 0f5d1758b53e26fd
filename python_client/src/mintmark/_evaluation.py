"""Measures a running server on labelled photos, without using its catalog: recall, rejection, outlines, misses."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mintmark._client import Client
from mintmark._comparison import Coins, Comparison, Likeness
from mintmark._contract import EMBEDDING_SIZE, RELIEF_HARMONICS, RELIEF_NUMBERS, RELIEF_TRIES
from mintmark._errors import InvalidRequest
from mintmark._manifest import CATALOG, DISTRACTOR, QUERY, ROLES, UNKNOWN, Row
from mintmark._types import Ellipse
from mintmark._verification import Judge
from mintmark.metrics import MISS, accepted_at, auroc, ellipse_iou, hit_ranks, recall_at_k

KS = (1, 2, 5, 10, 20)
REFUSED = (0.01, 0.02, 0.05)  # shares of known coins, at which the share of unknown ones that are accepted is reported
GOOD_IOU = 0.9
INDEXED = (CATALOG, DISTRACTOR)  # roles of the pictures that are searched


@dataclass(frozen=True)
class Sight:
    """What the server saw in one photo: a coin, no coin (all None), or a `refusal` with its reason.

    `embedding`: float32 [EMBEDDING_SIZE], unit length. `relief`: its relief maps, as in CoinEmbedding. `ellipse`: the
    coin's outline. `coin`: its rectified picture, 0.2 MB, if it was asked for.
    """

    embedding: npt.NDArray[np.float32] | None = None
    relief: npt.NDArray[np.float32] | None = None
    ellipse: Ellipse | None = None
    coin: npt.NDArray[np.uint8] | None = None
    refusal: str | None = None


Sights = Mapping[str, Sight]
"""By the path of the photo, as the manifest writes it."""


def see(client: Client, photo: Path, with_coin: bool = False) -> Sight:
    """Embed one photo; `with_coin` keeps its picture. A refused photo is a result; any other error is raised."""
    try:
        result = client.embed(photo)
    except InvalidRequest as error:
        return Sight(refusal=str(error))
    coin = result.coin if with_coin else None
    return Sight(result.embedding, result.relief, result.ellipse, coin) if result.found else Sight()


@dataclass(frozen=True)
class Shots:
    """Catalogs that are drawn at random: `number` pictures of each label and all distractors, `repeats` times."""

    number: int
    repeats: int
    seed: int = 0

    def draw(self, indexed: Sequence[Row]) -> list[npt.NDArray[np.int64]]:
        """The numbers of the pictures in each catalog."""
        random = np.random.default_rng(self.seed)
        kept = [number for number, row in enumerate(indexed) if row.role != CATALOG]
        labels: dict[str, list[int]] = {}
        for number, row in enumerate(indexed):
            if row.role == CATALOG:
                labels.setdefault(row.label, []).append(number)
        return [
            np.concatenate(
                [
                    np.array(kept, dtype=np.int64),
                    *(random.choice(of, min(self.number, len(of)), replace=False) for of in labels.values()),
                ]
            )
            for _ in range(self.repeats)
        ]


class Evaluation:
    """The photos of a manifest, what the server saw in them, and how like they are.

    `judge`: the server's; None evaluates the embeddings alone.
    """

    def __init__(self, rows: Sequence[Row], sights: Sights, judge: Judge | None) -> None:
        self._rows = rows
        self._sights = sights
        self._index = [row for row in rows if row.role in INDEXED]
        self.indexed = [row for row in self._index if sights[row.path].embedding is not None]
        self._queries = [row for row in rows if row.role == QUERY]
        self._unknown = [row for row in rows if row.role == UNKNOWN and sights[row.path].refusal is None]
        self.asked = [row for row in (*self._queries, *self._unknown) if sights[row.path].embedding is not None]
        self._comparison = Comparison(_coins(self.asked, sights), _coins(self.indexed, sights), judge)

    @property
    def without_coin(self) -> list[Row]:
        """Queries in which the server found no coin."""
        return [row for row in self._queries if self._sights[row.path].embedding is None]

    def comparisons(self, shots: Shots | None) -> int:
        """How many queries are compared in all."""
        return len(self.asked) * (1 + (shots.repeats if shots else 0))

    def report(self, shots: Shots | None = None, advance: Callable[[], None] | None = None) -> dict[str, Any]:
        """Counts, recall and rejection as JSON. A figure is None if there are no rows to measure it on."""
        self.likeness = self._comparison.likeness(advance=advance)
        recalled, rejected = self._queries and self._index, self._queries and self._unknown
        return {
            "photos": dict(Counter(row.role for row in self._rows)),
            "index": {"pictures": len(self.indexed), "left_out": len(self._index) - len(self.indexed)},
            "found": _found(self._rows, self._sights),
            "refused": {path: one.refusal for path, one in self._sights.items() if one.refusal is not None},
            "recall": self._recall(self.likeness, self.indexed) if recalled else None,
            "shots": self._few_shots(shots, advance) if recalled and shots else None,
            **(self._rejection() if rejected else {"auroc": None, "unknown_accepted": None}),
        }

    def _recall(self, likeness: Likeness, indexed: Sequence[Row]) -> dict[str, Any]:
        ranks = self._ranks(likeness, indexed)
        labels = np.array([row.label for row in self._queries], dtype=np.str_)
        return {
            "overall": _recalls(ranks),
            "labels": {str(label): _recalls(ranks[labels == label]) for label in np.unique(labels)},
        }

    def _ranks(self, likeness: Likeness, indexed: Sequence[Row]) -> npt.NDArray[np.int64]:
        """Of each query; those that show no coin miss."""
        found = [self._sights[row.path].embedding is not None for row in self._queries]
        ranks = np.full(len(self._queries), MISS, dtype=np.int64)
        asked = [row.label for row, hit in zip(self._queries, found, strict=True) if hit]
        ranks[found] = hit_ranks(likeness.scores[: len(asked)], asked, [row.label for row in indexed])
        return ranks

    def _few_shots(self, shots: Shots, advance: Callable[[], None] | None) -> dict[str, Any]:
        """Mean and standard deviation of recall over catalogs drawn at random."""
        drawn = []
        for columns in shots.draw(self.indexed):
            likeness = self._comparison.likeness(columns, advance)
            ranks = self._ranks(likeness, [self.indexed[column] for column in columns])
            drawn.append([recall_at_k(ranks, k) for k in KS])
        values = np.array(drawn)
        figures = zip(KS, values.mean(0), values.std(0), strict=True)
        return {
            "pictures": shots.number,
            "repeats": shots.repeats,
            **{f"recall@{k}": {"mean": float(mean), "spread": float(spread)} for k, mean, spread in figures},
        }

    def _rejection(self) -> dict[str, Any]:
        """How well the top score tells coins of the catalog from unknown ones."""
        best = dict(zip((row.path for row in self.asked), self._best(), strict=True))
        known, unknown = (
            np.array([best.get(row.path, -np.inf) for row in rows]) for rows in (self._queries, self._unknown)
        )
        accepted = {f"{share:.0%}": accepted_at(known, unknown, share) for share in REFUSED}
        return {"auroc": auroc(known, unknown), "unknown_accepted": accepted}

    def _best(self) -> npt.NDArray[np.float64]:
        scores = self.likeness.scores.astype(np.float64)
        return scores.max(1) if scores.shape[1] else np.full(len(scores), -np.inf)


def _coins(rows: Sequence[Row], sights: Sights) -> Coins:
    """What the server made of photos that show a coin."""
    seen = [sights[row.path] for row in rows]
    embeddings = [sight.embedding for sight in seen if sight.embedding is not None]
    reliefs = [sight.relief for sight in seen if sight.relief is not None]
    if not seen:
        shape = (0, RELIEF_TRIES, RELIEF_HARMONICS, RELIEF_NUMBERS)
        return Coins(np.empty((0, EMBEDDING_SIZE), np.float32), np.empty(shape, np.float32))
    return Coins(np.stack(embeddings), np.stack(reliefs))


def _found(rows: Sequence[Row], sights: Sights) -> dict[str, float]:
    """Share of photos in which the server found a coin: of all photos, and by role."""
    groups = {role: [row for row in rows if row.role == role] for role in ROLES}
    return {
        name: sum(sights[row.path].embedding is not None for row in group) / len(group)
        for name, group in {"all": rows, **groups}.items()
        if group
    }


def _recalls(ranks: npt.NDArray[np.int64]) -> dict[str, float]:
    return {"queries": len(ranks), **{f"recall@{k}": recall_at_k(ranks, k) for k in KS}}


def evaluate_outlines(outlines: Mapping[str, Sequence[Ellipse]], sights: Sights) -> dict[str, Any]:
    """IoU of the server's outline with the outlines drawn on each photo: the best fitting one, and the largest one.

    0 if the server found no coin.
    """
    best, largest = [], []
    for path, drawn in outlines.items():
        ellipse = sights[path].ellipse
        overlaps = [ellipse_iou(ellipse, one) if ellipse else 0.0 for one in drawn]
        best.append(max(overlaps))
        largest.append(overlaps[max(range(len(drawn)), key=lambda n: drawn[n].a * drawn[n].b)])
    return {
        "photos": len(outlines),
        "found": sum(sights[path].ellipse is not None for path in outlines),
        "best": _summary(best),
        "largest": _summary(largest),
    }


def _summary(overlaps: Sequence[float]) -> dict[str, float]:
    values = np.asarray(overlaps)
    return {
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        f"share>={GOOD_IOU}": float((values >= GOOD_IOU).mean()),
    }


@dataclass(frozen=True)
class Candidate:
    """A catalog picture that a query was compared with: its score, and the degrees by which it is turned clockwise."""

    row: Row
    score: float
    angle: float


@dataclass(frozen=True)
class Miss:
    """A query whose first picture is of another label.

    `first`: the picture put first; None if the query shows no coin. `right`: the best picture of the query's own label;
    None if there is none.
    """

    query: Row
    first: Candidate | None
    right: Candidate | None

    @property
    def behind(self) -> float:
        """How far the right picture is behind; without one, or without a coin, farther than any other."""
        if self.first is None or self.right is None:
            return float("inf")
        return self.first.score - self.right.score


def misses(evaluation: Evaluation) -> list[Miss]:
    """All queries of an evaluation whose first picture is of another label, the worst first. Call `report` before."""
    labels = np.array([row.label for row in evaluation.indexed], dtype=np.str_)
    wrong = [Miss(row, None, None) for row in evaluation.without_coin]
    scores, angles = evaluation.likeness.scores, evaluation.likeness.angles

    def candidate(query: int, picture: int) -> Candidate:
        row = evaluation.indexed[picture]
        return Candidate(row, float(scores[query, picture]), float(angles[query, picture]))

    for number, row in enumerate(evaluation.asked if len(labels) else ()):
        if row.role != QUERY:
            continue
        own = np.flatnonzero(labels == row.label)
        first = int(scores[number].argmax())
        if labels[first] != row.label:
            right = candidate(number, int(own[scores[number, own].argmax()])) if len(own) else None
            wrong.append(Miss(row, candidate(number, first), right))
    return sorted(wrong, key=lambda miss: miss.behind, reverse=True)
