"""Every coin of a photo: where to look for them, where to look closely, and what is the same coin seen twice."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ensemble.contract import IMAGE_SIZE, MASK_THRESHOLD
from ensemble.geometry.opencv.ellipse import Moments, in_ellipse, moments
from ensemble.geometry.opencv.resample import whole_window
from ensemble.geometry.rules import CORE_SIZE, LEAST_CORE, PIXEL, REACH, SAME_COIN, WITHIN, ZOOM_MARGIN


@dataclass(frozen=True)
class Spot:
    """Where a coin may be.

    Attributes:
        x, y: centre, canvas px.
        radius: of the coin, canvas px.
        certainty: mean probability of its core.
    """

    x: float
    y: float
    radius: float
    certainty: float

    @property
    def window(self) -> np.ndarray:
        """[4]: the square for a closer look, as `zoom_window`."""
        half = self.radius * ZOOM_MARGIN
        return np.array([self.x - half, self.y - half, self.x + half, self.y + half], np.float32)


def windows(extent: np.ndarray) -> np.ndarray:
    """The squares to look at first, [n, 4] canvas px: the whole photo, then squares of half its side.

    These overlap by half, so whatever is no larger than half of one lies within one. What is larger is seen well enough
    in the whole photo.

    Args:
        extent: [2] height and width of the photo on the canvas, px.
    """
    whole = whole_window(extent)
    side = float(whole[2] - whole[0]) / 2
    down, across = (_starts(float(length), side) for length in extent)
    parts = [[x, y, x + side, y + side] for y in down for x in across]
    return np.array([whole, *parts], np.float32)


def _starts(length: float, side: float) -> Iterable[float]:
    """Where squares begin that cover a photo of this length, each half a side after the one before; in outer edges."""
    count = max(math.ceil((length - side) / (side / 2)), 0)
    step = (length - side) / count if count else 0.0
    return [-0.5 + step * n for n in range(count + 1)]


def spots(extent: np.ndarray, window: np.ndarray, masks: np.ndarray) -> list[Spot]:
    """The coins that lie within one window, by their cores.

    Args:
        extent: as for `windows`.
        window: [4] canvas px.
        masks: [2, IMAGE_SIZE, IMAGE_SIZE] probabilities: coin, and core.
    """
    coins, cores = (masks > MASK_THRESHOLD).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cores, connectivity=4)
    found = []
    for label in range(1, count):
        left, top, width, height, area = (int(value) for value in stats[label])
        if area < LEAST_CORE:
            continue
        box = np.s_[top : top + height, left : left + width]
        own = labels[box] == label
        core = moments(own.astype(np.uint8))
        coin = _around(coins, replace(core, x=core.x + left, y=core.y + top))
        spot = _on_canvas(coin, window, float(masks[1][box][own].mean()))
        if coin.area and _within(spot, window, extent):
            found.append(spot)
    return found


def _around(coins: np.ndarray, core: Moments) -> Moments:
    """The coin of a core: what of the mask [N, N] lies where the core says that its coin does."""
    a, b = (REACH / CORE_SIZE * (axis + PIXEL) for axis in core.semi_axes)
    reach = math.ceil(a)
    left, top = max(int(core.x) - reach, 0), max(int(core.y) - reach, 0)
    part = coins[top : top + 2 * reach + 2, left : left + 2 * reach + 2]
    inside = in_ellipse(replace(core, x=core.x - left, y=core.y - top), a, b, 2 * reach + 2)
    m = moments(part * inside[: part.shape[0], : part.shape[1]])
    return replace(m, x=m.x + left, y=m.y + top)


def _on_canvas(m: Moments, window: np.ndarray, certainty: float) -> Spot:
    step = float(window[2] - window[0]) / IMAGE_SIZE
    x, y = float(window[0]) + (m.x + 0.5) * step, float(window[1]) + (m.y + 0.5) * step
    return Spot(x, y, (m.semi_axes[0] + PIXEL) * step, certainty)


def _within(spot: Spot, window: np.ndarray, extent: np.ndarray) -> bool:
    """Whether the window shows all of the coin that the photo shows."""
    height, width = (float(length) for length in extent)
    return bool(
        max(spot.x - spot.radius, -0.5) >= window[0] - 1
        and max(spot.y - spot.radius, -0.5) >= window[1] - 1
        and min(spot.x + spot.radius, width - 0.5) <= window[2] + 1
        and min(spot.y + spot.radius, height - 0.5) <= window[3] + 1
    )


def distinct(found: Sequence[Spot]) -> list[Spot]:
    """One spot for each coin, the surest first: of two whose circles overlap by SAME_COIN, the surer one is kept."""
    kept: list[Spot] = []
    for spot in sorted(found, key=lambda one: -one.certainty):
        if all(overlap(spot, other) < SAME_COIN for other in kept):
            kept.append(spot)
    return kept


def outermost(found: Sequence[Spot]) -> list[Spot]:
    """The spots but those that lie within a larger one: what looks like a coin on a coin is part of its relief."""
    return [
        spot
        for spot in found
        if not any(
            math.hypot(spot.x - other.x, spot.y - other.y) + WITHIN * spot.radius <= other.radius
            for other in found
            if other.radius > spot.radius
        )
    ]


def overlap(first: Spot, second: Spot) -> float:
    """Intersection over union of two circles."""
    r, s, d = first.radius, second.radius, math.hypot(first.x - second.x, first.y - second.y)
    if d >= r + s:
        return 0.0
    small, large = math.pi * min(r, s) ** 2, math.pi * max(r, s) ** 2
    if d <= abs(r - s):
        return small / large
    one = math.acos((d * d + r * r - s * s) / (2 * d * r))
    two = math.acos((d * d + s * s - r * r) / (2 * d * s))
    both = r * r * (one - math.sin(2 * one) / 2) + s * s * (two - math.sin(2 * two) / 2)
    return both / (small + large - both)
