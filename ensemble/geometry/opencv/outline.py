"""The ellipse of a coin's rim, even if the mask lacks a part of it or runs on into another coin."""

import math

import cv2
import numpy as np

from ensemble.contract import MASK_THRESHOLD
from ensemble.geometry.opencv.ellipse import Moments
from ensemble.geometry.rules import BEGIN, BEYOND, FITS, FRAMES, GIVE, PLACES, RAYS, SEARCH, SHARP

_TURN = np.arange(RAYS) * (2 * np.pi / RAYS)
_UNIT = np.stack([np.cos(_TURN), np.sin(_TURN)])  # [2, RAYS]
_WAVES = np.stack([np.ones(RAYS), *_UNIT, np.cos(2 * _TURN), np.sin(2 * _TURN)])  # [5, RAYS]
_TO_WAVES = _WAVES * np.array([[1], [2], [2], [2], [2]]) / RAYS
_SMOOTH = _WAVES.T @ _TO_WAVES  # [RAYS, RAYS], symmetric
_STEP = SEARCH / PLACES
_AWAY = _STEP * (np.arange(PLACES) + 0.5)
_RADII = np.concatenate([BEGIN + _AWAY, BEGIN - _AWAY])[:, None]


def outline(coins: np.ndarray, start: Moments) -> Moments:
    """The ellipse of a coin's rim; `graphs.outline.outline` says how it is found.

    Args:
        coins: [N, N] float32 probabilities; other coins may touch this one.
        start: moments of about this coin.
    """
    for _ in range(FRAMES):
        start = _deformed(start, _fitted(_rim(coins, start)))
    return start


def _rim(mask: np.ndarray, m: Moments) -> np.ndarray:
    """[RAYS]: where each ray from the centre leaves the mask, over where it leaves the ellipse."""
    ends = m.circle_to_ellipse @ _UNIT
    x, y = (middle + _RADII * end for middle, end in zip((m.x, m.y), ends, strict=True))
    seen = cv2.remap(mask, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderValue=(0,))
    inside = np.clip((seen - MASK_THRESHOLD) * SHARP + 0.5, 0.0, 1.0)
    out, back = (np.minimum.accumulate(way).sum(axis=0) for way in (inside[:PLACES], 1 - inside[PLACES:]))
    return np.asarray(BEGIN + _STEP * (out - back), np.float64)


def _fitted(rim: np.ndarray) -> np.ndarray:
    """[5]: mean, and cosine and sine of one and two turns, of the smooth curve along most of the rays [RAYS]."""
    weights = np.clip((BEYOND[1] - rim) / (BEYOND[1] - BEYOND[0]), 0.0, 1.0)
    curve = np.ones(RAYS)
    for _ in range(FITS):
        curve = _SMOOTH @ (curve + weights * np.clip(rim - curve, -GIVE, GIVE))
    return np.asarray(_TO_WAVES @ curve)


def _deformed(m: Moments, waves: np.ndarray) -> Moments:
    """The ellipse whose rays are `waves` times as long."""
    mean, right, down, cos, sin = waves
    frame = m.circle_to_ellipse
    x, y = np.array([m.x, m.y]) + frame @ [right, down]
    (xx, xy), (_, yy) = frame @ [[mean + 2 * cos, 2 * sin], [2 * sin, mean - 2 * cos]] @ frame * (mean / 4)
    area = 4 * math.pi * math.sqrt(max(xx * yy - xy * xy, 0.0))
    return Moments(area, float(x), float(y), float(xx), float(yy), float(xy))
