"""The ellipse that has the moments of a mask."""

import math
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Moments:
    """Area, centre x, y and central second moments xx, yy, xy of a mask, in its own pixels."""

    area: float
    x: float
    y: float
    xx: float
    yy: float
    xy: float

    @property
    def _spread(self) -> float:
        return math.hypot((self.xx - self.yy) / 2, self.xy)

    @property
    def semi_axes(self) -> tuple[float, float]:
        """Semi-axes a >= b of the uniform ellipse with these moments: twice the deviation along each axis."""
        mean = (self.xx + self.yy) / 2
        return 2 * math.sqrt(mean + self._spread), 2 * math.sqrt(max(mean - self._spread, 0.0))

    @property
    def ellipse_area(self) -> float:
        """Area of the ellipse with these second moments, px²; equal to the mask's where the mask is an ellipse."""
        a, b = self.semi_axes
        return math.pi * a * b

    @property
    def angle(self) -> float:
        """Direction of the major axis in degrees, 0 <= angle < 180, from x towards y (down), as in `cv2.ellipse`."""
        return math.degrees(math.atan2(2 * self.xy, self.xx - self.yy) / 2) % 180.0

    @property
    def circle_to_ellipse(self) -> np.ndarray:
        """[2, 2], symmetric: takes the unit circle to the ellipse without turning it."""
        root = math.sqrt(max(self.xx * self.yy - self.xy**2, 0.0))
        factor = 2 / math.sqrt(max(self.xx + self.yy + 2 * root, 1e-9))
        return factor * np.array([[self.xx + root, self.xy], [self.xy, self.yy + root]])


def moments(mask: np.ndarray) -> Moments:
    """Moments up to the second of a [N, N] mask, uint8 or float32; an empty one gives zeros."""
    m = cv2.moments(mask)
    area = m["m00"]
    if not area:
        return Moments(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    # No smaller than 0: of one pixel or a line, rounding may say otherwise.
    xx, yy = max(m["mu20"] / area, 0.0), max(m["mu02"] / area, 0.0)
    return Moments(area, m["m10"] / area, m["m01"] / area, xx, yy, m["mu11"] / area)


def in_ellipse(m: Moments, a: float, b: float, size: int) -> np.ndarray:
    """[size, size] bool: the ellipse with the centre and direction of m and semi-axes a, b px."""
    a, b, turn = max(a, 1e-3), max(b, 1e-3), math.radians(m.angle)
    line = np.arange(size, dtype=np.float32)
    dx, dy = (line - np.float32(m.x))[None, :], (line - np.float32(m.y))[:, None]
    cos, sin = np.float32(math.cos(turn)), np.float32(math.sin(turn))
    along, across = dx * (cos / a) + dy * (sin / a), dy * (cos / b) - dx * (sin / b)
    return np.asarray(along * along + across * across <= 1.0)
