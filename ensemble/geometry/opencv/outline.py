"""The ellipse of a coin's mask, even if the mask lacks a part of the rim."""

import math
from dataclasses import astuple

import numpy as np

from ensemble.geometry.opencv.ellipse import Moments, in_ellipse, moments
from ensemble.geometry.rules import CLOSE, DIRECTIONS, FITS, GIVE

_TURN = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
_ONE, _TWO = (np.stack([np.cos(n * _TURN), np.sin(n * _TURN)]) for n in (1, 2))  # [2, DIRECTIONS]
_HALF = DIRECTIONS // 2


def outline(mask: np.ndarray, by_moments: Moments | None = None) -> Moments:
    """The ellipse that overlaps a [N, N] mask of 0 and 1 best; `graphs.outline.outline` says how it is found.

    Args:
        mask: uint8.
        by_moments: the mask's moments, where they are known already.
    """
    by_moments, by_hull = by_moments or moments(mask), hull_moments(mask)
    hull = min(max(0.5 + (_iou(mask, by_hull) - _iou(mask, by_moments)) / (2 * CLOSE), 0.0), 1.0)
    pairs = zip(astuple(by_moments), astuple(by_hull), strict=True)
    return Moments(*(first + hull * (second - first) for first, second in pairs))


def hull_moments(mask: np.ndarray) -> Moments:
    """Moments of the ellipse whose tangents lie closest to those of the mask's convex hull."""
    measured = tangents = _support(mask)
    for _ in range(FITS):
        centre, mean, swing = _series(tangents)
        fitted = centre @ _ONE + np.sqrt(np.maximum(mean + swing @ _TWO, 1.0))
        tangents = np.clip(measured, fitted - GIVE, fitted + GIVE)
    centre, mean, swing = _series(tangents)
    xx, yy, xy = (mean + swing[0]) / 4, (mean - swing[0]) / 4, swing[1] / 4
    area = 4 * math.pi * math.sqrt(max(xx * yy - xy * xy, 0.0))
    return Moments(area, float(centre[0]), float(centre[1]), float(xx), float(yy), float(xy))


def _support(mask: np.ndarray) -> np.ndarray:
    """[DIRECTIONS]: the mask's reach in each direction. Only the ends of its rows decide."""
    size = mask.shape[-1]
    [rows] = np.nonzero(mask.any(axis=1))
    if not len(rows):
        return np.full(DIRECTIONS, -4.0 * size)
    left, right = mask[rows].argmax(axis=1), size - 1 - mask[rows, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([left, rows], 1), np.stack([right, rows], 1)]).astype(np.float64)
    return np.asarray((ends @ _ONE).max(axis=0))


def _series(tangents: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Centre [2]; of the squared half widths the mean, and the swing [2] with twice the angle."""
    squares = ((tangents[:_HALF] + tangents[_HALF:]) / 2) ** 2
    return _ONE @ tangents * (2 / DIRECTIONS), float(squares.mean()), _TWO[:, :_HALF] @ squares * (2 / _HALF)


def _iou(mask: np.ndarray, ellipse: Moments) -> float:
    drawn = in_ellipse(ellipse, *ellipse.semi_axes, mask.shape[-1])
    both = np.count_nonzero(drawn & (mask > 0))
    either = np.count_nonzero(drawn) + np.count_nonzero(mask) - both
    return both / max(either, 1)
