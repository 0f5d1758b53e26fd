"""Measures of a search, of rejecting unknown coins, and of outlines. Pure functions of numpy arrays."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mintmark._types import Ellipse

MISS = int(np.iinfo(np.int64).max)
"""Rank of a query whose label is not in the index: beyond every k."""

_SCANLINES = 2048


def hit_ranks(
    scores: npt.NDArray[np.float32], query_labels: Sequence[str], index_labels: Sequence[str]
) -> npt.NDArray[np.int64]:
    """For each query, how many pictures of other labels come before the first picture of its own label: [q], 0 is best.

    `scores` [q, n] of each query with each picture, the higher the better. If scores are equal, the wrong label counts
    as the earlier one. MISS if the index lacks the label.
    """
    labels = np.asarray(index_labels, dtype=np.str_)
    ranks = np.full(len(scores), MISS, dtype=np.int64)
    for row, (found, label) in enumerate(zip(scores, query_labels, strict=True)):
        own = labels == label
        if own.any():
            ranks[row] = np.count_nonzero(found[~own] >= found[own].max())
    return ranks


def recall_at_k(ranks: npt.NDArray[np.int64], k: int) -> float:
    """Share of queries whose label is among those of the `k` best pictures. `ranks` [q] are from `hit_ranks`, q > 0."""
    if len(ranks) == 0:
        raise ValueError("recall needs at least one query")
    return float(np.mean(ranks < k))


def auroc(positives: npt.NDArray[np.float64], negatives: npt.NDArray[np.float64]) -> float:
    """Probability that a positive scores above a negative, ties counting half. [p] and [n] scores, neither empty.

    Computed from the ranks of all scores together (Mann and Whitney, 1947).
    """
    if len(positives) == 0 or len(negatives) == 0:
        raise ValueError("AUROC needs at least one positive and one negative")
    _, group, counts = np.unique(np.concatenate([positives, negatives]), return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # equal scores share the mean of their ranks
    p = len(positives)
    above = ranks[group][:p].sum() - p * (p + 1) / 2
    return float(above / (p * len(negatives)))


def accepted_at(known: npt.NDArray[np.float64], unknown: npt.NDArray[np.float64], refused: float) -> float:
    """Share of unknown coins whose score passes the threshold that refuses a share `refused` of the known ones.

    [p] and [n] scores, neither empty; -inf for a photo without a coin, which no threshold accepts. The threshold is the
    highest score that refuses at most that share, so if fewer known photos show a coin, more are refused.
    """
    if len(known) == 0 or len(unknown) == 0:
        raise ValueError("the share that is accepted needs at least one known and one unknown coin")
    threshold = np.sort(known)[math.floor(refused * len(known) + 1e-9)]
    return float(np.mean((unknown >= threshold) & (unknown > -np.inf)))


def ellipse_iou(first: Ellipse, second: Ellipse) -> float:
    """Area of the intersection over that of the union, 0 to 1, to about 1e-4.

    The intersection is integrated over scanlines: where a line cuts an ellipse is known in closed form.
    """
    areas = math.pi * first.a * first.b, math.pi * second.a * second.b
    if min(areas) <= 0:
        return 0.0
    top = max(first.cy - _half_height(first), second.cy - _half_height(second))
    bottom = min(first.cy + _half_height(first), second.cy + _half_height(second))
    if top >= bottom:
        return 0.0
    step = (bottom - top) / _SCANLINES
    lines = top + step * (np.arange(_SCANLINES) + 0.5)
    left_1, right_1 = _chords(first, lines)
    left_2, right_2 = _chords(second, lines)
    overlap = np.minimum(right_1, right_2) - np.maximum(left_1, left_2)
    intersection = float(overlap.clip(0).sum() * step)
    return min(1.0, intersection / (sum(areas) - intersection))


def _half_height(ellipse: Ellipse) -> float:
    angle = math.radians(ellipse.angle)
    return math.hypot(ellipse.a * math.sin(angle), ellipse.b * math.cos(angle))


def _chords(
    ellipse: Ellipse, lines: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Left and right ends [n] of the ellipse on the horizontal lines [n]."""
    angle = math.radians(ellipse.angle)
    height = _half_height(ellipse)
    away = lines - ellipse.cy
    shear = (ellipse.a**2 - ellipse.b**2) * math.sin(angle) * math.cos(angle) / height**2
    middle = ellipse.cx + shear * away
    half = ellipse.a * ellipse.b / height * np.sqrt((1 - (away / height) ** 2).clip(0))
    return middle - half, middle + half
