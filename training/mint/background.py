"""Procedural surfaces under the coins, linear RGB."""

from collections.abc import Callable

import cv2
import numpy as np

from .relief import FloatMap, smooth_noise

Picture = np.ndarray  # [h, w, 3] linear RGB


def _colour(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> np.ndarray:
    hsv = np.array([[[rng.uniform(0, 360), rng.uniform(*saturation), rng.uniform(*value)]]], np.float32)
    return np.square(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0])


def _tinted(colour: np.ndarray, brightness: FloatMap) -> Picture:
    return colour * np.clip(brightness, 0.03, 3)[..., None].astype(np.float32)


def _grid(size: int, rng: np.random.Generator) -> tuple[FloatMap, FloatMap]:
    """Pixel coordinates turned by a random angle."""
    angle = rng.uniform(0, np.pi)
    v, u = np.mgrid[:size, :size].astype(np.float32)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return c * u + s * v, c * v - s * u


def plain(rng: np.random.Generator, size: int) -> Picture:
    """One colour, often white or grey, with a faint gradient."""
    colour = _colour(rng, (0, 0.1) if rng.random() < 0.5 else (0.1, 1.0), (0.08, 1.0))
    return _tinted(colour, 1 + 0.1 * smooth_noise(rng, size, 2))


def paper(rng: np.random.Generator, size: int) -> Picture:
    """Off-white with fibres, sometimes ruled or printed."""
    picture = 1 + 0.03 * smooth_noise(rng, size, 3) + 0.03 * smooth_noise(rng, size, size // 2)
    _, v = _grid(size, rng)
    if rng.random() < 0.4:
        picture -= 0.4 * (np.mod(v, rng.uniform(14, 40)) < 1.2)
    elif rng.random() < 0.4:
        words = smooth_noise(rng, size, size // 3) > 0.1
        picture -= 0.5 * words * (np.mod(v, rng.uniform(10, 24)) < 5)
    return _tinted(_colour(rng, (0, 0.25), (0.6, 1.0)), picture)


def wood(rng: np.random.Generator, size: int) -> Picture:
    """Grain along one direction, with boards."""
    u, v = _grid(size, rng)
    bend = 5 * smooth_noise(rng, size, 2)
    grain = np.sin((v + bend) * rng.uniform(0.15, 0.7)) + 0.6 * np.sin((v + bend) * rng.uniform(0.9, 1.9) + 0.01 * u)
    seams = np.mod(v, rng.uniform(90, 400)) < 2
    brown = np.square(np.array([rng.uniform(0.45, 0.85), rng.uniform(0.3, 0.6), rng.uniform(0.15, 0.4)], np.float32))
    return _tinted(brown, 1 + rng.uniform(0.02, 0.14) * grain + 0.1 * smooth_noise(rng, size, 5, 4) - 0.6 * seams)


def weave(rng: np.random.Generator, size: int) -> Picture:
    """Cloth: crossing threads, with folds."""
    u, v = _grid(size, rng)
    pitch = rng.uniform(0.5, 2.2)
    threads = np.sin(u * pitch) * np.sin(v * pitch * rng.uniform(0.8, 1.2))
    folds = rng.uniform(0, 0.25) * smooth_noise(rng, size, 3, 2)
    fuzz = 0.08 * smooth_noise(rng, size, size // 2)
    return _tinted(_colour(rng, (0.0, 1.0), (0.08, 0.9)), 1 + rng.uniform(0.05, 0.3) * threads + folds + fuzz)


def stone(rng: np.random.Generator, size: int) -> Picture:
    """Speckled granite or rough concrete."""
    coarse = 0.15 * smooth_noise(rng, size, int(rng.integers(3, 9)), 5)
    speckle = rng.uniform(0.05, 0.35) * smooth_noise(rng, size, int(rng.integers(size // 6, size // 2)))
    return _tinted(_colour(rng, (0, 0.2), (0.2, 0.9)), 1 + coarse + speckle)


def skin(rng: np.random.Generator, size: int) -> Picture:
    """A palm: warm, smooth, with creases and fine lines."""
    tone = rng.uniform(0.35, 1.0)
    base = np.square(np.array([0.93, rng.uniform(0.66, 0.76), rng.uniform(0.54, 0.66)], np.float32) * np.float32(tone))
    u, v = _grid(size, rng)
    bend = 30 * smooth_noise(rng, size, 3)
    creases = np.exp(-np.square(np.mod(v + bend, rng.uniform(70, 160)) - 30) / rng.uniform(3, 12))
    lines = np.sin((u + bend * 0.5) * rng.uniform(0.5, 1.1)) * 0.03
    return _tinted(base, 1 + 0.12 * smooth_noise(rng, size, 3, 2) + lines - 0.35 * creases)


def carpet(rng: np.random.Generator, size: int) -> Picture:
    """Patches of several colours."""
    palette = np.stack([_colour(rng, (0.0, 0.7), (0.1, 0.8)) for _ in range(5)])
    cells = int(rng.integers(4, 24))
    patches = rng.integers(0, 5, (cells, cells)).astype(np.uint8)
    index = cv2.resize(patches, (size, size), interpolation=cv2.INTER_NEAREST)
    shift = 4 * smooth_noise(rng, size, 12)
    v, u = np.mgrid[:size, :size].astype(np.float32)
    index = cv2.remap(index, u + shift, v - shift, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
    return palette[index] * np.clip(1 + 0.15 * smooth_noise(rng, size, size // 2), 0.1, 2)[..., None]


SURFACES: tuple[Callable[[np.random.Generator, int], Picture], ...] = (
    plain,
    plain,
    paper,
    paper,
    wood,
    weave,
    stone,
    skin,
    carpet,
)


def clutter(picture: Picture, count: int, rng: np.random.Generator) -> None:
    """Draw other objects into the picture: sticks, cables, blobs, boxes, rings."""
    size = min(picture.shape[:2])
    for _ in range(count):
        colour = tuple(float(c) for c in _colour(rng, (0, 0.8), (0.05, 1.0)))
        x, y = (int(rng.uniform(0, n)) for n in (picture.shape[1], picture.shape[0]))
        reach, kind = rng.uniform(0.05, 0.4) * size, rng.integers(4)
        ends = (np.array([x, y]) + rng.normal(0, reach, (5, 2))).astype(np.int32)
        if kind == 0:
            cv2.polylines(picture, [ends[:3]], False, colour, int(rng.integers(2, 9)), cv2.LINE_AA)
        elif kind == 1:
            cv2.fillConvexPoly(picture, cv2.convexHull(ends), colour, cv2.LINE_AA)
        elif kind == 2:
            axes = (int(reach * 0.5) + 2, int(reach * rng.uniform(0.05, 0.3)) + 2)
            cv2.ellipse(picture, (x, y), axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
        else:
            cv2.circle(picture, (x, y), int(reach * 0.4) + 3, colour, int(rng.integers(2, 5)), cv2.LINE_AA)
