"""Where a decoded photo is put: upright on the canvas, shrunk only if it is too large."""

from dataclasses import dataclass

import cv2
import numpy as np

from ensemble.contract import CANVAS_SIZE
from ensemble.photo.pixels import SIDEWAYS, turned

_PARTS = (1 / 2, 1 / 4, 1 / 8)  # of its size, at which a JPEG can be decoded; the next larger one takes twice as long
_ENOUGH = 0.9  # of the canvas


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Attributes:
        canvas: [CANVAS_SIZE, CANVAS_SIZE, 3] uint8 RGB, the photo top left, black elsewhere.
        extent: [2] int32, height and width of the photo on the canvas, px.
        scale: [1] float32, photo pixels per canvas pixel, never below 1.
    """

    canvas: np.ndarray
    extent: np.ndarray
    scale: np.ndarray


def upright(picture: np.ndarray, width: int, height: int, turn: int) -> Photo:
    """Turn a decoded picture upright and put it on the canvas.

    Args:
        picture: [h, w, 3] uint8 RGB, as it is stored; of any size between the canvas's and the photo's.
        width, height: of the whole photo, as it is stored.
        turn: its orientation, 1 to 8, as EXIF counts.
    """
    factor = shrinking(width, height)
    small = shrink(picture, width, height, factor)
    small = turned(small, turn)  # which is cheaper after shrinking
    if turn in SIDEWAYS:
        width, height = height, width
    return place(small, width, height, factor)


def shrinking(width: int, height: int) -> float:
    """Canvas pixels per photo pixel, at most 1.

    A half, a quarter or an eighth, if that nearly fills the canvas: so a JPEG of 4000 px is decoded at a quarter.
    """
    factor = min(1.0, CANVAS_SIZE / max(width, height))
    return next((part for part in _PARTS if _ENOUGH * factor <= part <= factor), factor)


def shrink(picture: np.ndarray, width: int, height: int, factor: float) -> np.ndarray:
    """Bring a decoded picture to canvas pixels, antialiased; width and height are those of the whole photo."""
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    off = max(abs(picture.shape[1] - size[0]), abs(picture.shape[0] - size[1]))
    if off == 0 or (off == 1 and max(picture.shape) <= CANVAS_SIZE):  # JPEG decoded at a part of its size is rounded up
        return picture
    if picture.shape[1] <= 2 * size[0] and picture.shape[0] <= 2 * size[1]:
        # Sampling at twice the size skips no pixel, and blocks of 2 x 2 are averaged far faster than other areas.
        picture = cv2.resize(picture, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_LINEAR)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def place(picture: np.ndarray, width: int, height: int, factor: float) -> Photo:
    """Put a decoded picture on the canvas.

    Args:
        picture: [h, w, 3] uint8 RGB, upright; of any size between the canvas's and the photo's.
        width, height: of the whole photo, upright.
        factor: canvas pixels per photo pixel.
    """
    small = shrink(picture, width, height, factor)
    canvas = np.zeros((CANVAS_SIZE, CANVAS_SIZE, 3), np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    return Photo(canvas, np.array(small.shape[:2], np.int32), np.array([1.0 / factor], np.float32))
