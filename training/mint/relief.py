"""Height maps: shapes raised from the field of a coin, and the wear of use.

A map is float32 [MAP_SIZE, MAP_SIZE]; heights and lengths are in coin radii. Coin coordinates: x right, y down, the rim
is the unit circle.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .shapes import Shape

MAP_SIZE = 512  # px
MAP_RADIUS = 244.0  # px per coin radius
_CENTRE = (MAP_SIZE - 1) / 2
_SHIFT = 4  # fractional bits of cv2's drawing coordinates

FloatMap = np.ndarray
ByteMap = np.ndarray


@dataclass(frozen=True)
class Profile:
    """Cross section of a raised shape."""

    amount: float  # height above the field, radii
    bevel: float  # width of the slope at an edge, radii
    dome: float  # 0 = flat top, 1 = rises towards the middle up to twice the amount


@lru_cache(maxsize=1)
def polar() -> tuple[FloatMap, FloatMap]:
    """Distance from the centre (radii) and angle (radians, 0 right, clockwise as seen) of every map pixel."""
    v, u = np.mgrid[:MAP_SIZE, :MAP_SIZE].astype(np.float32)
    x, y = (u - _CENTRE) / MAP_RADIUS, (v - _CENTRE) / MAP_RADIUS
    return np.hypot(x, y), np.arctan2(y, x)


def rasterize(shapes: list[Shape]) -> ByteMap:
    """Coverage 0 … 255 of shapes in coin coordinates, drawn in order."""
    mask = np.zeros((MAP_SIZE, MAP_SIZE), np.uint8)
    for shape in shapes:
        points = np.rint((shape.points * MAP_RADIUS + _CENTRE) * 2**_SHIFT).astype(np.int32)
        value = (255,) if shape.raised else (0,)
        if shape.width == 0:
            cv2.fillPoly(mask, [points], value, cv2.LINE_AA, _SHIFT)
        else:
            thickness = max(1, round(shape.width * MAP_RADIUS))
            cv2.polylines(mask, [points], shape.closed, value, thickness, cv2.LINE_AA, _SHIFT)
    return mask


def emboss(mask: ByteMap, profile: Profile) -> FloatMap:
    """Height of a raised mask: it climbs over the bevel by a quarter sine, then domes with the distance to the edge."""
    solid = np.where(mask > 127, 255, 0).astype(np.uint8)
    inside = cv2.distanceTransform(solid, cv2.DIST_L2, 3) / np.float32(MAP_RADIUS)
    climb = np.sin(np.minimum(inside / profile.bevel, 1) * np.float32(np.pi / 2))
    rise = 1 - np.exp(-inside / np.float32(0.12))
    return (profile.amount * climb * (1 + profile.dome * rise)).astype(np.float32)


def ring(inner: float, outer: float) -> ByteMap:
    """Coverage of an annulus."""
    rho, _ = polar()
    distance = np.minimum(rho - np.float32(inner), np.float32(outer) - rho) * np.float32(MAP_RADIUS)
    return (np.clip(distance + 0.5, 0, 1) * 255).astype(np.uint8)


def smooth_noise(rng: np.random.Generator, size: int, cells: int, octaves: int = 1) -> FloatMap:
    """Noise [size, size] of about unit spread whose largest features span size / cells pixels."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        grid = min(cells * 2**octave, size)
        coarse = rng.standard_normal((grid, grid), dtype=np.float32)
        total += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC) / np.float32(2**octave)
    return total


def wear(height: FloatMap, amount: float) -> FloatMap:
    """Rub the high points down: `amount` 0 … 1 lowers the ceiling and rounds the edges."""
    ceiling = float(height.max()) * (1 - 0.55 * amount)
    rubbed = ceiling * np.tanh(height / np.float32(ceiling)) if amount > 0.05 else height
    return cv2.GaussianBlur(rubbed, (0, 0), 0.7 + 2.2 * amount)


def scratch(height: FloatMap, count: int, rng: np.random.Generator) -> FloatMap:
    """Thin straight scratches, each with a depth of its own, and a few dents."""
    marks = np.zeros((MAP_SIZE, MAP_SIZE), np.uint8)
    for _ in range(count):
        start = rng.uniform(0, MAP_SIZE, 2)
        end = start + rng.normal(0, 70, 2)
        ends = np.rint(np.stack([start, end]) * 2**_SHIFT).astype(int)
        cv2.line(marks, ends[0].tolist(), ends[1].tolist(), (int(rng.integers(60, 255)),), 1, cv2.LINE_AA, _SHIFT)
    for _ in range(count // 6):
        cv2.circle(marks, rng.integers(0, MAP_SIZE, 2).tolist(), int(rng.integers(2, 6)), (160,), -1, cv2.LINE_AA)
    return height - cv2.GaussianBlur(marks, (0, 0), 0.8).astype(np.float32) * np.float32(0.004 / 255)
