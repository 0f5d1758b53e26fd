"""A calibration drawn as a plot: how photos of known and of unknown coins score, and the threshold between them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mintmark._calibration import Calibration
from mintmark._pictures.canvas import Colour, Picture
from mintmark._pictures.text import text_width, write
from mintmark._types import NO_COIN_SCORE

WIDTH, HEIGHT = 960, 540  # px
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 96, 64  # px: space around the axes
BIN = 0.02  # of score
KNOWN, UNKNOWN = (120, 160, 40), (60, 90, 230)  # BGR
_INK, _FAINT, _GRID = (40, 40, 40), (120, 120, 120), (228, 228, 228)
_SIZE = 14.0  # px, of the text


@dataclass(frozen=True)
class _Axes:
    """Scores run from `low` to 1 across, shares of photos from 0 to `high` upwards."""

    low: float
    high: float

    def x(self, score: float) -> int:
        """Pixel column."""
        return LEFT + round((min(max(score, self.low), 1.0) - self.low) / (1 - self.low) * (WIDTH - LEFT - RIGHT))

    def y(self, share: float) -> int:
        """Pixel row."""
        return HEIGHT - BOTTOM - round(share / self.high * (HEIGHT - TOP - BOTTOM))


def draw_scores(known: Sequence[float], unknown: Sequence[float], result: Calibration) -> Picture:
    """[HEIGHT, WIDTH, 3]: the share of photos by score, for both kinds. Photos without a coin are only counted."""
    seen = [np.array([score for score in scores if score > NO_COIN_SCORE]) for scores in (known, unknown)]
    low = math.floor(10 * min([result.threshold, 0.9, *(float(scores.min()) for scores in seen if len(scores))])) / 10
    low = max(low, 0.0)
    edges = np.arange(round((1 - low) / BIN) + 1) * BIN + low
    shares = [
        np.histogram(scores.clip(low, 1), edges)[0] / max(1, len(all_scores))
        for scores, all_scores in zip(seen, (known, unknown), strict=True)
    ]
    axes = _Axes(low, max(0.05, *(float(share.max()) for share in shares)) * 1.05)
    canvas = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    _draw_grid(canvas, axes)
    for share, colour in zip(shares, (KNOWN, UNKNOWN), strict=True):
        _draw_bars(canvas, axes, edges, share, colour)
    _draw_threshold(canvas, axes, result)
    _write_legend(canvas, known, unknown, result)
    return canvas


def _draw_grid(canvas: Picture, axes: _Axes) -> None:
    for tenth in range(round(axes.low * 10), 11):
        x = axes.x(tenth / 10)
        cv2.line(canvas, (x, TOP), (x, HEIGHT - BOTTOM), _GRID, 1)
        write(canvas, f"{tenth / 10:.1f}", (x - 11, HEIGHT - BOTTOM + 20), _SIZE, _FAINT)
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if axes.high / step < 8)
    for line in range(int(axes.high / step) + 1):
        y = axes.y(line * step)
        cv2.line(canvas, (LEFT, y), (WIDTH - RIGHT, y), _GRID, 1)
        write(canvas, f"{line * step:.0%}", (LEFT - 42, y + 5), _SIZE, _FAINT)
    write(canvas, "score of the best match", (WIDTH // 2 - 80, HEIGHT - 18), _SIZE, _INK)


def _draw_bars(
    canvas: Picture,
    axes: _Axes,
    edges: npt.NDArray[np.float64],
    shares: npt.NDArray[np.float64],
    colour: Colour,
) -> None:
    """Draw transparent bars, with a line along their tops."""
    layer = canvas.copy()
    bars = [
        (axes.x(left), axes.x(right), axes.y(share))
        for left, right, share in zip(edges[:-1], edges[1:], shares, strict=True)
    ]
    for left, right, top in bars:
        cv2.rectangle(layer, (left, top), (right, axes.y(0)), colour, cv2.FILLED)
    canvas[:] = cv2.addWeighted(layer, 0.35, canvas, 0.65, 0)
    outline = [point for left, right, top in bars for point in ((left, top), (right, top))]
    cv2.polylines(canvas, [np.array(outline, np.int32)], False, colour, 2, cv2.LINE_AA)


def _draw_threshold(canvas: Picture, axes: _Axes, result: Calibration) -> None:
    x = axes.x(result.threshold)
    cv2.line(canvas, (x, TOP - 8), (x, HEIGHT - BOTTOM), _INK, 2)
    text = f"threshold {result.threshold:.3f}"
    place = min(x + 6, WIDTH - RIGHT - round(text_width(text, _SIZE))), TOP - 12
    write(canvas, text, place, _SIZE, _INK)


def _write_legend(canvas: Picture, known: Sequence[float], unknown: Sequence[float], result: Calibration) -> None:
    lines = (
        (KNOWN, "coins of the catalog", known, result.known_accepted),
        (UNKNOWN, "unknown coins", unknown, result.unknown_accepted),
    )
    for row, (colour, title, scores, accepted) in enumerate(lines):
        y = 28 + 24 * row
        cv2.rectangle(canvas, (LEFT, y - 11), (LEFT + 14, y + 3), colour, cv2.FILLED)
        missing = sum(score <= NO_COIN_SCORE for score in scores)
        ending = f", {missing} without a coin" if missing else ""
        write(canvas, f"{title}: {len(scores)} photos, {accepted} accepted{ending}", (LEFT + 24, y), _SIZE, _INK)
