"""A coin and the catalog picture that it matched, turned the same way up, and what agrees on the two."""

import cv2
import numpy as np
import numpy.typing as npt

from mintmark._contract import IMAGE_SIZE
from mintmark._pictures.canvas import Picture

_CENTRE = (IMAGE_SIZE - 1) / 2
_RADIUS = 116  # px of the rectified coin within which reliefs are compared: the rim is at 120
_BRIGHTEST = 0.985  # quantile of the edges that is drawn at full strength


def turned(coin: Picture, angle: float) -> Picture:
    """The rectified coin [IMAGE_SIZE, IMAGE_SIZE, 3], turned clockwise by degrees, on white."""
    matrix = cv2.getRotationMatrix2D((_CENTRE, _CENTRE), -angle, 1.0)
    size = (IMAGE_SIZE, IMAGE_SIZE)
    moved = cv2.warpAffine(coin, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    moved[~_disc(121)] = 255
    return np.asarray(moved, dtype=np.uint8)


def agreement(coin: Picture, other: Picture) -> Picture:
    """[IMAGE_SIZE, IMAGE_SIZE, 3]: edges of two coins that lie the same way up.

    Green: edges that both have at the same place. Magenta: edges that one of them has alone.
    """
    edges = [_edges(one) for one in (coin, other)]
    # An edge may lie a pixel or two beside its counterpart.
    near = [cv2.dilate(one, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))) for one in edges]
    shared = np.maximum(np.minimum(edges[0], near[1]), np.minimum(edges[1], near[0]))
    alone = np.clip(np.maximum(*edges) - shared, 0, 1)
    green, magenta = np.array([90, 200, 40], np.float32), np.array([190, 40, 200], np.float32)
    canvas = 255 - shared[..., None] * (255 - green) - alone[..., None] * (255 - magenta)
    canvas[~_disc(121)] = 255
    return np.asarray(canvas.clip(0, 255), dtype=np.uint8)


def _edges(coin: Picture) -> npt.NDArray[np.float32]:
    """[IMAGE_SIZE, IMAGE_SIZE] strength of the edges, 0 to 1, with light and contrast divided out."""
    grey = cv2.GaussianBlur(cv2.cvtColor(coin, cv2.COLOR_BGR2GRAY).astype(np.float32), (0, 0), 1.5)
    centred = grey - cv2.GaussianBlur(grey, (0, 0), 8)
    flat = centred / (np.sqrt(cv2.GaussianBlur(centred * centred, (0, 0), 10)) + 3)
    dx, dy = cv2.Sobel(flat, cv2.CV_32F, 1, 0), cv2.Sobel(flat, cv2.CV_32F, 0, 1)
    strength = np.where(_disc(_RADIUS), np.hypot(dx, dy), 0).astype(np.float32)
    scaled = strength / max(float(np.quantile(strength, _BRIGHTEST)), 1e-6)
    return np.asarray(np.clip(1.25 * scaled - 0.25, 0, 1), dtype=np.float32)


def _disc(radius: float) -> npt.NDArray[np.bool_]:
    squares = (np.arange(IMAGE_SIZE) - _CENTRE) ** 2
    return np.asarray(squares + squares[:, None] <= radius**2)
