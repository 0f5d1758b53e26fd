"""Measures a running server on labelled photos, without using its catalog: recall, rejection, outlines, misses."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mintmark._client import Client
from mintmark._contract import EMBEDDING_SIZE
from mintmark._errors import InvalidRequest
from mintmark._manifest import CATALOG, DISTRACTOR, QUERY, ROLES, UNKNOWN, Row
from mintmark._types import NO_COIN_SCORE, Ellipse
from mintmark.metrics import MISS, auroc, ellipse_iou, hit_ranks, recall_at_k

KS = (1, 2, 5, 10, 20)
GOOD_IOU = 0.9
INDEXED = (CATALOG, DISTRACTOR)  # roles of the pictures that are searched


@dataclass(frozen=True)
class Sight:
    """What the server saw in one photo: a coin, no coin (all None), or a `refusal` with its reason.

    `embedding`: float32 [EMBEDDING_SIZE], unit length. `ellipse`: the coin's outline.
    """

    embedding: npt.NDArray[np.float32] | None = None
    ellipse: Ellipse | None = None
    refusal: str | None = None


Sights = Mapping[str, Sight]
"""By the path of the photo, as the manifest writes it."""


def see(client: Client, photo: Path) -> Sight:
    """Embed one photo. A refused photo is a result; any other error is raised."""
    try:
        result = client.embed(photo)
    except InvalidRequest as error:
        return Sight(refusal=str(error))
    return Sight(result.embedding, result.ellipse) if result.found else Sight()


def evaluate(rows: Sequence[Row], sights: Sights) -> dict[str, Any]:
    """Counts, recall and rejection of `rows`, as JSON. A figure is None if there are no rows to measure it on."""
    index = [row for row in rows if row.role in INDEXED]
    queries = [row for row in rows if row.role == QUERY]
    unknown = [row for row in rows if row.role == UNKNOWN and sights[row.path].refusal is None]
    indexed = [row for row in index if sights[row.path].embedding is not None]
    pictures = _stack(indexed, sights)
    return {
        "photos": dict(Counter(row.role for row in rows)),
        "index": {"pictures": len(indexed), "left_out": len(index) - len(indexed)},
        "found": _found(rows, sights),
        "refused": {path: sight.refusal for path, sight in sights.items() if sight.refusal is not None},
        "recall": _recall(queries, indexed, pictures, sights) if queries and index else None,
        "auroc": _rejection(queries, unknown, pictures, sights) if queries and unknown else None,
    }


def _found(rows: Sequence[Row], sights: Sights) -> dict[str, float]:
    """Share of photos in which the server found a coin: of all photos, and by role."""
    groups = {role: [row for row in rows if row.role == role] for role in ROLES}
    return {
        name: sum(sights[row.path].embedding is not None for row in group) / len(group)
        for name, group in {"all": rows, **groups}.items()
        if group
    }


def _recall(
    queries: Sequence[Row], indexed: Sequence[Row], pictures: npt.NDArray[np.float32], sights: Sights
) -> dict[str, Any]:
    found = [sights[row.path].embedding is not None for row in queries]
    searched = [row for row, hit in zip(queries, found, strict=True) if hit]
    ranks = np.full(len(queries), MISS, dtype=np.int64)
    ranks[found] = hit_ranks(
        _stack(searched, sights), [row.label for row in searched], pictures, [row.label for row in indexed]
    )
    labels = np.array([row.label for row in queries], dtype=np.str_)
    return {
        "overall": _recalls(ranks),
        "labels": {str(label): _recalls(ranks[labels == label]) for label in np.unique(labels)},
    }


def _recalls(ranks: npt.NDArray[np.int64]) -> dict[str, float]:
    return {"queries": len(ranks), **{f"recall@{k}": recall_at_k(ranks, k) for k in KS}}


def _rejection(
    queries: Sequence[Row], unknown: Sequence[Row], pictures: npt.NDArray[np.float32], sights: Sights
) -> float:
    """AUROC of the top score: coins of the catalog against unknown coins."""
    known_scores, unknown_scores = (
        np.array([_top_score(sights[row.path], pictures) for row in rows]) for rows in (queries, unknown)
    )
    return auroc(known_scores, unknown_scores)


def _top_score(sight: Sight, pictures: npt.NDArray[np.float32]) -> float:
    if sight.embedding is None or len(pictures) == 0:
        return NO_COIN_SCORE
    return float((pictures @ sight.embedding).max())


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


def _stack(rows: Sequence[Row], sights: Sights) -> npt.NDArray[np.float32]:
    """The embeddings [n, EMBEDDING_SIZE] of the photos that show a coin."""
    vectors = [vector for row in rows if (vector := sights[row.path].embedding) is not None]
    return np.stack(vectors) if vectors else np.empty((0, EMBEDDING_SIZE), dtype=np.float32)


@dataclass(frozen=True)
class Miss:
    """A query whose first picture is of another label."""

    query: Row
    first: Row | None  # the picture put first; None if the query shows no coin
    right: Row | None  # the best picture of the query's own label; None if there is none
    score: float  # cosine of the first picture
    right_score: float

    @property
    def behind(self) -> float:
        """How far the right picture is behind: 2 if the query shows no coin. A missing picture counts as -1."""
        return self.score - self.right_score


def misses(rows: Sequence[Row], sights: Sights) -> list[Miss]:
    """All queries whose first picture is of another label, the worst first."""
    indexed = [row for row in rows if row.role in INDEXED and sights[row.path].embedding is not None]
    if not indexed:
        return []
    pictures = _stack(indexed, sights)
    labels = np.array([row.label for row in indexed], dtype=np.str_)
    wrong = []
    for row in rows:
        if row.role != QUERY:
            continue
        own = np.flatnonzero(labels == row.label)
        embedding = sights[row.path].embedding
        if embedding is None:
            wrong.append(Miss(row, None, indexed[own[0]] if len(own) else None, 1.0, -1.0))
            continue
        scores: npt.NDArray[np.float32] = pictures @ embedding
        first = int(scores.argmax())
        if len(own) == 0:
            wrong.append(Miss(row, indexed[first], None, float(scores[first]), -1.0))
            continue
        right = int(own[scores[own].argmax()])
        if labels[first] != row.label:
            wrong.append(Miss(row, indexed[first], indexed[right], float(scores[first]), float(scores[right])))
    return sorted(wrong, key=lambda miss: miss.behind, reverse=True)
