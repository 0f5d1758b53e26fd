"""Antialiased resampling of a square window of the photo on the canvas, by Pillow."""

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from PIL import Image

from ensemble.contract import IMAGE_MEAN, IMAGE_STD

_GAP = 2.0  # of a window that is reduced so many times and more, areas are averaged first: fast, and hardly different
_LEAST_STEP = 1e-6  # canvas px; a window may have no size at all
_LEAST_SHARE = 1e-6


def resize_window(
    canvas: np.ndarray, extent: np.ndarray, window: np.ndarray, size: int, exact: bool = False
) -> np.ndarray:
    """A window of the photo at a new size, normalized; zero (the mean colour) outside the photo.

    Args:
        canvas: [H, W, 3] uint8 RGB.
        extent: [2] height and width of the photo on the canvas.
        window: [4] x0, y0, x1, y1, outer edges in canvas px; may reach beyond the photo.
        size: side of the result, px.
        exact: whether to compute in float32. Otherwise the result has been rounded to whole grey levels.

    Returns:
        [3, size, size] float32.
    """
    picture = np.zeros((3, size, size), np.float32)
    x0, y0, x1, y1 = (float(edge) for edge in window)
    step = max((x1 - x0) / size, _LEAST_STEP)
    columns, rows = _seen(x0, step, int(extent[1]), size), _seen(y0, step, int(extent[0]), size)
    if columns.start == columns.stop or rows.start == rows.stop:
        return picture
    margin = math.ceil(step) + 1  # what the triangles reach beyond the window
    left, right = math.floor(x0) - margin, math.ceil(x1) + margin
    top, bottom = math.floor(y0) - margin, math.ceil(y1) + margin
    photo = canvas[: int(extent[0]), : int(extent[1])]
    source, beyond = _part(photo, left, top, right, bottom)
    # Pillow's first pixel spans 0 … 1.
    across, down = (x0 - left + 0.5, x0 - left + 0.5 + size * step), (y0 - top + 0.5, y0 - top + 0.5 + size * step)
    box = (across[0], down[0], across[1], down[1])
    gain: float | np.ndarray = 1.0
    if any(beyond):  # what a pixel sees of the photo counts in full
        wide = _share(right - left, beyond[2:], across, size, exact)
        high = _share(bottom - top, beyond[:2], down, size, exact)
        gain = 1 / np.outer(high[rows], wide[columns])
    for plane, target, mean, std in zip(_planes(source, box, size, exact), picture, IMAGE_MEAN, IMAGE_STD, strict=True):
        seen = target[rows, columns]
        np.multiply(plane[rows, columns], np.float32(1 / (255 * std)) * gain, out=seen)
        seen -= np.float32(mean / std)
    return picture


def whole_window(extent: np.ndarray) -> np.ndarray:
    """The smallest square around the whole photo, centred on it: [2] height and width to [4] canvas px."""
    height, width = (float(length) for length in extent)
    half, x, y = max(height, width) / 2, (width - 1) / 2, (height - 1) / 2
    return np.array([x - half, y - half, x + half, y + half], np.float32)


def _planes(source: np.ndarray, box: tuple[float, float, float, float], size: int, exact: bool) -> Iterator[np.ndarray]:
    if exact:
        for plane in cv2.split(source):
            yield np.asarray(_resized(Image.fromarray(plane.astype(np.float32)), box, size, size, exact))
    else:
        yield from np.asarray(_resized(Image.fromarray(source), box, size, size, exact)).transpose(2, 0, 1)


def _resized(
    picture: Image.Image, box: tuple[float, float, float, float], width: int, height: int, exact: bool
) -> Image.Image:
    gap = None if exact else _GAP
    return picture.resize((width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=gap)


def _share(length: int, beyond: Sequence[int], ends: tuple[float, float], size: int, exact: bool) -> np.ndarray:
    """How much of what each of the target's pixels sees along one axis is photo."""
    line = np.ones((1, length), np.float32)
    line[:, : beyond[0]] = line[:, length - beyond[1] :] = 0.0
    share = np.asarray(_resized(Image.fromarray(line), (ends[0], 0.0, ends[1], 1.0), size, 1, exact))
    return np.maximum(share[0], np.float32(_LEAST_SHARE))


def _seen(start: float, step: float, length: int, size: int) -> slice:
    """The target's pixels that a pixel of the photo reaches; their centres lie at `start` + (n + 0.5) * `step`."""
    reach = max(step, 1.0)
    first = math.floor((-reach - start) / step - 0.5) + 1
    last = math.ceil((length - 1 + reach - start) / step - 0.5)
    first, last = (min(max(end, 0), size) for end in (first, last))
    return slice(first, max(first, last))


def _part(photo: np.ndarray, left: int, top: int, right: int, bottom: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """A part of a photo, black beyond it; and how many rows and columns are beyond: top, bottom, left, right."""
    height, width = photo.shape[:2]
    inside = photo[max(top, 0) : bottom, max(left, 0) : right]
    beyond = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    return cv2.copyMakeBorder(inside, *beyond, cv2.BORDER_CONSTANT, value=(0, 0, 0)), beyond
