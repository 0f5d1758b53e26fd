"""The crop stage's geometry in OpenCV, for pictures whose ellipse is known: the coin as a centred circle."""

import cv2
import numpy as np

from training.mint import Ellipse


def ellipse_matrix(ellipse: Ellipse) -> np.ndarray:
    """S [2, 2] with x = c + S u for u on the unit circle: the symmetric square root of R diag(a^2, b^2) R^T.

    Being symmetric it adds no rotation of its own, so two photos of a coin differ by an in-plane angle only.
    """
    c, s = np.cos(np.radians(ellipse.angle)), np.sin(np.radians(ellipse.angle))
    rotation = np.array([[c, -s], [s, c]])
    return rotation @ np.diag([ellipse.a, ellipse.b]) @ rotation.T


def rectify(picture: np.ndarray, ellipse: Ellipse, size: int, radius: float) -> np.ndarray:
    """The coin as a circle of `radius` px in the middle of [size, size, 3], its surroundings kept."""
    stretch = ellipse_matrix(ellipse) / radius
    shrink = max(ellipse.a / radius, 1.0)
    if shrink > 1.3:  # a box filter before sampling below the picture's own resolution
        picture = cv2.blur(picture, (round(shrink), round(shrink)))
    middle = (size - 1) / 2
    shift = np.array([ellipse.cx, ellipse.cy]) - stretch @ (middle, middle)
    matrix = np.column_stack([stretch, shift])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
