"""What real tables have besides a coin and a lamp: photographed grounds, mirrors, holders, shadows, coloured light.

Pictures are linear RGB [h, w, 3].
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .background import Picture
from .relief import MAP_RADIUS, MAP_SIZE
from .specimen import Specimen

FLIP, CAPSULE = "flip", "capsule"


@dataclass(frozen=True)
class Staging:
    """What is added to a photo; by default nothing.

    Attributes:
        ground: what the coins lie on, as large as the photo.
        reflection: what polished coins mirror, of any size.
        polish: how much of it they mirror, 0 … 1.
        nearest: least distance of two coins of a heap over the sum of their radii; below 1 they lie on each other.
        cut: how far the main coin may reach beyond the photo's edge, in its radii; 0 keeps it inside.
        holder: FLIP (a card with a round window) or CAPSULE round every coin, or ''.
        shadows: hard and soft shadows that cross the scene.
        tint: spread of the colour of light that differs over the scene; 0 is even light.
    """

    ground: Picture | None = None
    reflection: Picture | None = None
    polish: float = 0.0
    nearest: float = 1.0
    cut: float = 0.0
    holder: str = ""
    shadows: int = 0
    tint: float = 0.0


def mirrored(colours: Picture, specimen: Specimen, reflection: Picture, polish: float) -> Picture:
    """A shaded face [n, n, 3] that mirrors its surroundings: the flatter a place, the clearer."""
    size = len(colours)
    height = cv2.resize(specimen.height, (size, size), interpolation=cv2.INTER_AREA)
    per_radius = MAP_RADIUS * size / MAP_SIZE / 8  # Sobel's 3 x 3 kernels sum to 8
    gx = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=per_radius)
    gy = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=per_radius)
    rows, columns = reflection.shape[:2]
    v, u = np.mgrid[:size, :size].astype(np.float32) / np.float32(size)
    bend = np.float32(0.9)
    u, v = (u - bend * gx) * np.float32(columns - 1), (v - bend * gy) * np.float32(rows - 1)
    image = cv2.remap(reflection, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    flat = np.exp(-(gx * gx + gy * gy) / np.float32(0.05))[..., None]
    metal = cv2.resize(specimen.colour, (size, size), interpolation=cv2.INTER_AREA)
    share = np.float32(polish) * flat
    return colours * (1 - share) + share * metal * image * np.float32(1.6)


def _on(homography: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Points [n, 2] of coin coordinates in px, in cv2's drawing coordinates of 4 fractional bits."""
    seen = np.column_stack([outline, np.ones(len(outline))]) @ homography.T
    return np.rint(seen[:, :2] / seen[:, 2:] * 16).astype(np.int32)


def _circle(radius: float) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    return radius * np.stack([np.cos(t), np.sin(t)], 1)


def _paint(picture: Picture, homography: np.ndarray, outline: np.ndarray, colour: np.ndarray, share: float) -> None:
    cover = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(cover, [_on(homography, outline)], (255,), cv2.LINE_AA, 4)
    alpha = cover[..., None].astype(np.float32) * np.float32(share / 255)
    picture += alpha * (colour.astype(np.float32) - picture)


def holder(picture: Picture, kind: str, homography: np.ndarray, light: float, rng: np.random.Generator) -> None:
    """Draw a holder round the coin that the homography places, in place; the coin itself comes later."""
    grey = light * np.float32(rng.uniform(0.35, 0.8)) * (1 + rng.normal(0, 0.03, 3))
    if kind == FLIP:
        half, window = rng.uniform(1.5, 2.4), rng.uniform(1.04, 1.3)
        corners = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) + rng.normal(0, 0.02, (4, 2))
        before = picture.copy()
        _paint(picture, homography, corners, grey, 1.0)
        cover = np.zeros(picture.shape[:2], np.uint8)
        cv2.fillPoly(cover, [_on(homography, _circle(window))], (255,), cv2.LINE_AA, 4)
        film = before * np.float32(0.6) + np.float32(0.15 * light)
        picture += cover[..., None].astype(np.float32) / 255 * (film - picture)
        return
    outer, inner = rng.uniform(1.12, 1.5), rng.uniform(1.02, 1.1)
    _paint(picture, homography, _circle(outer), grey * 0.9, rng.uniform(0.1, 0.5))
    if rng.random() < 0.5:  # a ring of foam
        _paint(picture, homography, _circle((outer + inner) / 2), grey * rng.uniform(0.02, 1.0), rng.uniform(0.5, 1))
    for radius in (outer, inner):
        line = [_on(homography, _circle(radius))]
        tone = (grey * rng.choice((0.3, 1.5))).tolist()
        cv2.polylines(picture, line, True, tone, 1, cv2.LINE_AA, 4)


def _shadow_cover(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """0 … 1 where a shadow falls: a half plane, bars of a window, or fingers."""
    h, w = shape
    cover = np.zeros(shape, np.float32)
    size, middle = float(max(shape)), rng.uniform(0.1, 0.9, 2) * (w, h)
    turn = rng.uniform(0, np.pi)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    kind, far = int(rng.integers(3)), 2 * size * along
    widths = [2 * size] if kind == 0 else list(rng.uniform(0.03, 0.16, int(rng.integers(1, 5))) * size)
    start = 0.0
    for width in widths:
        lean = rng.normal(0, 0.1, 2) * size if kind == 2 else np.zeros(2)
        near, reach = middle + start * across, middle + (start + width) * across
        first = near if kind == 2 else near - far
        last = reach if kind == 2 else reach - far
        corners = np.stack([first, near + far + lean, reach + far + lean, last])
        cv2.fillPoly(cover, [np.rint(corners * 16).astype(np.int32)], (1.0,), cv2.LINE_AA, 4)
        start += width * rng.uniform(1.2, 3.0)
    soft = float(np.exp(rng.uniform(np.log(0.4), np.log(0.08 * size))))
    return cv2.GaussianBlur(cover, (0, 0), soft)


def finish(picture: Picture, staging: Staging, rng: np.random.Generator) -> None:
    """Light that differs over the scene, coins included, in place."""
    shape = (picture.shape[0], picture.shape[1])
    for _ in range(staging.shadows):
        cover = _shadow_cover(shape, rng)[..., None]
        sky = 1 + rng.normal(0, 0.06, 3).astype(np.float32)  # what lights a shadow has another colour
        picture *= 1 - cover * np.float32(rng.uniform(0.3, 0.85)) * sky
    if staging.tint > 0:
        corners = np.exp(rng.normal(0, staging.tint, (2, 2, 3)) + rng.normal(0, staging.tint, 3)).astype(np.float32)
        picture *= cv2.resize(corners, shape[::-1], interpolation=cv2.INTER_LINEAR)
