"""The steps `preprocess`, `zoom` and `crop` of one photo, each from its inputs to its outputs by name."""

from collections.abc import Callable

import cv2
import numpy as np

from ensemble.contract import (
    CANVAS,
    COARSE_IMAGE,
    COARSE_MASK,
    COARSE_SIZE,
    COIN,
    COIN_PROBABILITY,
    COIN_RADIUS,
    CROP,
    CUT_OFF,
    ELLIPSE,
    EXTENT,
    FOUND,
    IMAGE,
    IMAGE_SIZE,
    LEAST_DIAMETER,
    LEAST_PROBABILITY,
    MASK,
    PREPROCESS,
    SCALE,
    WINDOW,
    ZOOM,
    ZOOM_WINDOW,
    Model,
)
from ensemble.geometry.opencv.ellipse import Moments, moments
from ensemble.geometry.opencv.outline import outline
from ensemble.geometry.opencv.resample import resize_window, whole_window
from ensemble.geometry.opencv.single import coin_mask
from ensemble.geometry.rules import EDGE, MIN_AREA, MIN_FILL, SOURCE_SIZE, ZOOM_MARGIN

Arrays = dict[str, np.ndarray]

_LINE = (np.arange(IMAGE_SIZE, dtype=np.float32) - (IMAGE_SIZE - 1) / 2) / COIN_RADIUS
_BEYOND = _LINE[:, None] ** 2 + _LINE**2 > 1.0  # outside the coin


def preprocess(inputs: Arrays) -> Arrays:
    """The whole photo as the first pass sees it: canvas, extent to window, coarse image."""
    canvas, extent = inputs[CANVAS.name][0], inputs[EXTENT.name][0]
    window = whole_window(extent)
    return _batch({WINDOW.name: window, COARSE_IMAGE.name: resize_window(canvas, extent, window, COARSE_SIZE)})


def zoom(inputs: Arrays) -> Arrays:
    """A closer look at one coin: canvas, extent, window, coarse mask to zoom window, image."""
    canvas, extent, window = (inputs[tensor.name][0] for tensor in (CANVAS, EXTENT, WINDOW))
    m = moments(coin_mask(inputs[COARSE_MASK.name][0]))
    if m.area > 0:
        m = _to_canvas(m, window, COARSE_SIZE)
        window = _square(m, m.semi_axes[0] * ZOOM_MARGIN)
    return _batch({ZOOM_WINDOW.name: window, IMAGE.name: resize_window(canvas, extent, window, IMAGE_SIZE, exact=True)})


def crop(inputs: Arrays) -> Arrays:
    """What may be a coin, alone.

    Canvas, extent, scale, zoom window, mask, probability to coin, ellipse, found, cut off; all of these are zero where
    nothing has a coin's shape.
    """
    canvas, extent, window = (inputs[tensor.name][0] for tensor in (CANVAS, EXTENT, ZOOM_WINDOW))
    alone = coin_mask(inputs[MASK.name][0])
    in_mask = moments(alone)
    large = in_mask.area >= MIN_AREA * IMAGE_SIZE * IMAGE_SIZE
    if not (large and in_mask.area >= MIN_FILL * in_mask.ellipse_area):
        return {tensor.name: np.zeros((1, *tensor.dims), np.float32) for tensor in CROP.outputs}
    m = _to_canvas(outline(inputs[MASK.name][0, 0], in_mask), window, IMAGE_SIZE)
    ellipse = _in_photo(m, float(inputs[SCALE.name][0, 0]))
    likely = inputs[COIN_PROBABILITY.name][0, 0] >= LEAST_PROBABILITY
    made = {
        COIN: _rectify(canvas, extent, m),
        ELLIPSE: ellipse,
        FOUND: np.array([likely and 2 * ellipse[2] >= LEAST_DIAMETER], np.float32),
        CUT_OFF: np.array([_at_edge(alone, extent, window) / max(2 * in_mask.semi_axes[0], 1.0)], np.float32),
    }
    return _batch({tensor.name: array for tensor, array in made.items()})


STEPS: dict[Model, Callable[[Arrays], Arrays]] = {PREPROCESS: preprocess, ZOOM: zoom, CROP: crop}


def _batch(arrays: Arrays) -> Arrays:
    return {name: array[None] for name, array in arrays.items()}


def _to_canvas(m: Moments, window: np.ndarray, size: int) -> Moments:
    """Moments in canvas pixels, of a mask of `size` px that covers the window; m is in its own pixels."""
    step = float(window[2] - window[0]) / size
    x, y = float(window[0]) + (m.x + 0.5) * step, float(window[1]) + (m.y + 0.5) * step
    square = step * step
    return Moments(m.area * square, x, y, m.xx * square, m.yy * square, m.xy * square)


def _square(m: Moments, half: float) -> np.ndarray:
    return np.array([m.x - half, m.y - half, m.x + half, m.y + half], np.float32)


def _at_edge(alone: np.ndarray, extent: np.ndarray, window: np.ndarray) -> float:
    """The greatest length, px of the mask [256, 256], along which it lies at an edge of the photo."""
    step = float(window[2] - window[0]) / IMAGE_SIZE
    middles, longest = np.arange(IMAGE_SIZE) + 0.5, 0.0
    for axis, length in ((0, extent[1]), (1, extent[0])):
        counts = alone.sum(axis=axis, dtype=np.int64)
        for edge in (-0.5, float(length) - 0.5):
            near = np.abs(middles - (edge - float(window[axis])) / step) <= EDGE
            longest = max(longest, float((counts * near).max()))
    return longest


def _rectify(canvas: np.ndarray, extent: np.ndarray, m: Moments) -> np.ndarray:
    """[3, 256, 256]: the ellipse as a circle of COIN_RADIUS, zero outside it."""
    half = max(m.semi_axes[0] * IMAGE_SIZE / (2 * COIN_RADIUS), 1.0)
    # Rounded to whole grey levels, faint coins would lose their relief.
    source = resize_window(canvas, extent, _square(m, half), SOURCE_SIZE, exact=True)
    to_source = np.empty((2, 3))
    to_source[:, :2] = m.circle_to_ellipse / COIN_RADIUS * (SOURCE_SIZE / (2 * half))
    to_source[:, 2] = (SOURCE_SIZE - 1) / 2 - to_source[:, :2].sum(axis=1) * (IMAGE_SIZE - 1) / 2
    flags, side = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, (IMAGE_SIZE, IMAGE_SIZE)
    coin = np.stack([cv2.warpAffine(plane, to_source, side, flags=flags) for plane in source])
    coin[:, _BEYOND] = 0.0
    return coin


def _in_photo(m: Moments, scale: float) -> np.ndarray:
    """The ellipse [5] in photo pixels, whose first pixel spans -0.5 … 0.5 as the canvas' does."""
    a, b = m.semi_axes
    x, y = (m.x + 0.5) * scale - 0.5, (m.y + 0.5) * scale - 0.5
    return np.array([x, y, a * scale, b * scale, m.angle], np.float32)
