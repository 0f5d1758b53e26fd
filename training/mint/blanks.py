"""Shapes of coins that are no discs: the outline of a blank, and a relief that follows it.

An outline is the distance of the rim from the centre by angle, [ANGLES] radii, at most 1; angle 0 is on the right, and
angles grow clockwise as seen.
"""

from collections.abc import Callable

import cv2
import numpy as np

from .relief import MAP_RADIUS, MAP_SIZE, FloatMap, polar

ANGLES = 720
Outline = np.ndarray
_TURN = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)


def _scaled(radius: np.ndarray) -> Outline:
    return (radius / radius.max()).astype(np.float32)


def rounded_polygon(sides: int, roundness: float) -> Outline:
    """A regular polygon; `roundness` 0 has sharp corners, 1 is a disc."""
    corner = np.mod(_TURN, 2 * np.pi / sides) - np.pi / sides
    straight = np.cos(np.pi / sides) / np.cos(corner)
    # The norm of two outlines between a polygon and its inscribed disc: corners are cut, sides stay.
    return _scaled((1 - roundness) * straight + roundness)


def scalloped(waves: int, depth: float) -> Outline:
    """A rim of round lobes."""
    return _scaled(1 - depth * (1 - np.abs(np.cos(waves * _TURN / 2))))


def ragged(rng: np.random.Generator) -> Outline:
    """A hammered or ancient coin: oblong, bulging, with nicks and cracks of the edge."""
    radius = np.ones(ANGLES)
    for order in range(2, 24):
        wave = np.cos(order * _TURN + rng.uniform(0, 2 * np.pi))
        radius += rng.normal(0, 0.06) * wave / order**0.75
    for _ in range(int(rng.integers(0, 5))):
        gap = np.angle(np.exp(1j * (_TURN - rng.uniform(0, 2 * np.pi))))
        radius -= rng.uniform(0.02, 0.16) * np.exp(-np.square(gap / rng.uniform(0.02, 0.12)))
    return _scaled(radius)


def clipped(rng: np.random.Generator) -> Outline:
    """A disc of which straight pieces are cut off."""
    radius = np.ones(ANGLES)
    for _ in range(int(rng.integers(1, 4))):
        turn = np.cos(_TURN - rng.uniform(0, 2 * np.pi))
        radius = np.minimum(radius, rng.uniform(0.86, 0.97) / np.maximum(turn, 0.05))
    return _scaled(radius)


SHAPES: tuple[Callable[[np.random.Generator], Outline], ...] = (
    lambda rng: rounded_polygon(7, rng.uniform(0.3, 0.8)),
    lambda rng: rounded_polygon(int(rng.choice((8, 11, 12, 12))), rng.uniform(0.0, 0.5)),
    lambda rng: rounded_polygon(4, rng.uniform(0.35, 0.6)),
    lambda rng: scalloped(int(rng.choice((8, 8, 10, 12, 16, 20))), rng.uniform(0.04, 0.14)),
    ragged,
    ragged,
    ragged,
    clipped,
)


def points(outline: Outline) -> np.ndarray:
    """The outline as points [ANGLES, 2] in coin coordinates."""
    return np.stack([outline * np.cos(_TURN), outline * np.sin(_TURN)], 1)


def fit_relief(height: FloatMap, outline: Outline, shift: tuple[float, float] = (0.0, 0.0)) -> FloatMap:
    """The relief of a disc [MAP_SIZE, MAP_SIZE] drawn in so that its rim follows the outline.

    Args:
        height: of the disc.
        outline: see the module.
        shift: of the die, radii: hammered coins are struck off their centre.
    """
    rho, phi = polar()
    place = np.mod(phi / (2 * np.pi) * ANGLES, ANGLES)
    radius = np.interp(place.ravel(), np.arange(ANGLES + 1), np.append(outline, outline[0])).reshape(rho.shape)
    reach = rho / radius.astype(np.float32) * np.float32(MAP_RADIUS)
    middle = np.float32((MAP_SIZE - 1) / 2)
    u = middle + reach * np.cos(phi) - np.float32(shift[0] * MAP_RADIUS)
    v = middle + reach * np.sin(phi) - np.float32(shift[1] * MAP_RADIUS)
    return cv2.remap(height, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
