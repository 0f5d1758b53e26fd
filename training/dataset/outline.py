"""Where in a photo the coin is: ellipses and masks."""

import math
from pathlib import Path

import cv2
import numpy as np

from training.mint import Ellipse
from training.outlines import fill

from .table import Photo

WHITE = 127  # grey levels above are coin


class MaskError(ValueError):
    """The mask cannot be used; the message says why."""


def read_mask(path: Path) -> np.ndarray:
    """A mask file as bool [h, w].

    Raises:
        MaskError: no image, or empty, or coin all over.
    """
    # OpenCV's own imread knows no paths with letters beyond ASCII on Windows.
    encoded = np.frombuffer(path.read_bytes(), np.uint8)
    grey = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE) if encoded.size else None
    if grey is None:
        raise MaskError("is no image that OpenCV can read")
    mask = grey > WHITE
    if not mask.any():
        raise MaskError(f"is empty: its brightest pixel has {grey.max()}, coin is above {WHITE}")
    if mask.all():
        raise MaskError("is coin all over")
    return mask


def overhang(ellipse: Ellipse, height: int, width: int) -> float:
    """How far the ellipse reaches beyond a photo of that size, px; 0 or less if it lies within."""
    c, s = math.cos(math.radians(ellipse.angle)), math.sin(math.radians(ellipse.angle))
    x, y = math.hypot(ellipse.a * c, ellipse.b * s), math.hypot(ellipse.a * s, ellipse.b * c)
    left, right = -0.5 - (ellipse.cx - x), ellipse.cx + x - (width - 0.5)
    top, bottom = -0.5 - (ellipse.cy - y), ellipse.cy + y - (height - 0.5)
    return max(left, right, top, bottom)


def inside(ellipse: Ellipse, height: int, width: int) -> np.ndarray:
    """Pixels whose centres lie in the ellipse, bool [h, w]."""
    mask = np.zeros((height, width), np.uint8)
    fill(mask, ellipse)
    return mask > 0


def agreement(ellipse: Ellipse, mask: np.ndarray) -> float:
    """Intersection over union of the ellipse and a mask, bool [h, w]."""
    drawn = inside(ellipse, *mask.shape)
    return float((drawn & mask).sum() / (drawn | mask).sum())


def contours(folder: Path, photo: Photo) -> list[np.ndarray]:
    """The outline as closed lines of points [n, 2], px of the photo; empty if the table has none.

    Raises:
        MaskError: the mask cannot be used.
        OSError: the mask cannot be opened.
    """
    if photo.ellipse:
        return [photo.ellipse.outline()]
    if photo.mask is None:
        return []
    mask = read_mask(folder / photo.mask).astype(np.uint8)
    lines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [line[:, 0].astype(np.float64) for line in lines]
