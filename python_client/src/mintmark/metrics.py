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


def one_to_one(first: Sequence[Ellipse], second: Sequence[Ellipse], least: float) -> list[tuple[int, int]]:
    """Pairs of outlines that belong together, by their numbers: the best overlap first, none in two pairs.

    Their overlap is `ellipse_iou`, and at least `least`.
    """
    pairs = [
        (overlap, n, m)
        for n, one in enumerate(first)
        for m, other in enumerate(second)
        if math.hypot(one.cx - other.cx, one.cy - other.cy) < one.a + other.a
        and (overlap := ellipse_iou(one, other)) >= least
    ]
    taken: dict[int, int] = {}
    for _, n, m in sorted(pairs, reverse=True):
        if n not in taken and m not in taken.values():
            taken[n] = m
    return sorted(taken.items())


def turned_back(ellipse: Ellipse, quarters: int, width: int, height: int) -> Ellipse:
    """An outline in a photo that `numpy.rot90` has turned so many `quarters`, as it lies in the photo before.

    `width` and `height` are the photo's before it was turned, px.
    """
    if quarters % 2:
        width, height = height, width
    for _ in range(quarters % 4):
        # A quarter to the right: what was on the left lies above.
        ellipse = Ellipse(height - 1 - ellipse.cy, ellipse.cx, ellipse.a, ellipse.b, (ellipse.angle + 90) % 180)
        width, height = height, width
    return ellipse


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
