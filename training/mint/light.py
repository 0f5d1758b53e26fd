"""Light on metal: microfacet highlights, a matte share, and a soft surrounding that the metal mirrors.

Directions are unit vectors in the frame of the table: x right, y down, z up towards the viewer.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .relief import MAP_RADIUS, MAP_SIZE, FloatMap
from .specimen import Specimen

Vector = np.ndarray  # [3]


@dataclass(frozen=True)
class Lamp:
    """A distant light."""

    direction: Vector
    strength: float  # irradiance of a surface that faces it
    spread: float  # adds to the roughness: 0 is a point, 0.4 a window


@dataclass(frozen=True)
class Lighting:
    """Everything that shines on a scene."""

    lamps: tuple[Lamp, ...]
    ambient: float  # even light from all sides
    slope: Vector  # gradient of the surrounding's brightness, [3]


def _direction(rng: np.random.Generator, low: float, high: float) -> Vector:
    """A direction between two heights above the table (degrees)."""
    azimuth, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(low, high))
    return np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])


def draw_lighting(rng: np.random.Generator, even: bool = False) -> Lighting:
    """Random lamps; `even`: soft and from above, as in a catalog's studio."""
    if even:
        first = Lamp(_direction(rng, 45, 65), 0.8, 0.35)
        second = Lamp(_direction(rng, 40, 65), rng.uniform(0.2, 0.6), 0.4)
        return Lighting((first, second), rng.uniform(0.4, 0.6), rng.uniform(0.1, 0.4) * _direction(rng, 10, 60))
    first = Lamp(_direction(rng, 18, 80), rng.uniform(0.5, 1.6), rng.uniform(0.02, 0.4))
    lamps: tuple[Lamp, ...] = (first,)
    if rng.random() < 0.45:
        lamps += (Lamp(_direction(rng, 20, 80), rng.uniform(0.2, 0.9), rng.uniform(0.1, 0.4)),)
    return Lighting(lamps, rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.8) * _direction(rng, -20, 80))


def _slopes(height: FloatMap, relief: float, size: int) -> tuple[FloatMap, FloatMap]:
    """Rise per radius along x and y of heights [size, size]."""
    per_radius = relief * MAP_RADIUS * size / MAP_SIZE / 8  # Sobel's 3x3 kernels sum to 8
    return cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=per_radius), cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=per_radius)


def _unit(x: FloatMap, y: FloatMap, z: FloatMap) -> tuple[FloatMap, FloatMap, FloatMap]:
    scale = 1 / np.sqrt(x * x + y * y + z * z)
    return x * scale, y * scale, z * scale


def shade(specimen: Specimen, lighting: Lighting, eye: Vector, angle: float, size: int) -> np.ndarray:
    """The face of a coin that lies turned clockwise by `angle` (radians), seen from `eye` ([3], radii).

    Returns linear RGB [size, size, 3] in the frame of the coin. Highlights: Blinn's half vector (1977) with
    Beckmann's distribution of slopes (Cook and Torrance 1982, section 4), normalized by its peak.
    """
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    eye, surround = turn @ eye, (turn @ lighting.slope).astype(np.float32)
    height = cv2.resize(specimen.height, (size, size), interpolation=cv2.INTER_AREA)
    gx, gy = _slopes(height, specimen.relief, size)
    axis = (np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)) * np.float32(MAP_SIZE / size / MAP_RADIUS)
    x, y = axis[None, :], axis[:, None]
    bulge = np.float32(specimen.bulge)
    nx, ny, nz = _unit(bulge * x - gx, bulge * y - gy, np.ones_like(gx))
    vx, vy, vz = _unit(np.float32(eye[0]) - x + 0 * y, np.float32(eye[1]) - y + 0 * x, np.full_like(gx, eye[2]))
    nv = nx * vx + ny * vy + nz * vz
    mirrored = (2 * nv * nx - vx, 2 * nv * ny - vy, 2 * nv * nz - vz)
    surrounding = lighting.ambient + sum(s * r for s, r in zip(surround, mirrored, strict=True))
    light = np.maximum(surrounding, 0.03)
    for lamp in lighting.lamps:
        lx, ly, lz = (turn @ lamp.direction).astype(np.float32)
        nl = np.maximum(nx * lx + ny * ly + nz * lz, 0)
        hx, hy, hz = _unit(vx + lx, vy + ly, vz + lz)
        cosine = np.square(np.clip(nx * hx + ny * hy + nz * hz, 0.05, 1))
        width = np.float32((specimen.roughness + lamp.spread) ** 2)
        peak = np.exp((1 - 1 / cosine) / width) / (cosine * cosine)
        light += np.float32(lamp.strength) * nl * (np.float32(specimen.matte) + np.float32(0.5 / (0.12 + width)) * peak)
    if specimen.frost > 0:
        light *= 1 - np.float32(specimen.frost) * np.clip(1 - height / np.float32(0.01), 0, 1)
    colour = cv2.resize(specimen.colour, (size, size), interpolation=cv2.INTER_AREA)
    return colour * light[..., None].astype(np.float32)
