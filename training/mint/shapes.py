"""Outlines from which devices are made.

Coordinates: x right, y down, a device fills about -1 … 1.
"""

from dataclasses import dataclass

import numpy as np

Points = np.ndarray


@dataclass(frozen=True)
class Shape:
    """One outline: a filled area or a line, raised from the field or cut into the shapes below it."""

    points: Points  # [n, 2]
    raised: bool = True
    width: float = 0.0  # of the line, in device units; 0 fills the outline
    closed: bool = False  # whether a line returns to its start


def fill(points: Points) -> Shape:
    """A raised area."""
    return Shape(np.asarray(points, float))


def cut(points: Points) -> Shape:
    """An area sunk into what lies below."""
    return Shape(np.asarray(points, float), raised=False)


def line(points: Points, width: float = 0.06, closed: bool = False) -> Shape:
    """A raised line."""
    return Shape(np.asarray(points, float), width=width, closed=closed)


def groove(points: Points, width: float = 0.045, closed: bool = False) -> Shape:
    """A line sunk into what lies below."""
    return Shape(np.asarray(points, float), raised=False, width=width, closed=closed)


def moved(shapes: list[Shape], x: float = 0.0, y: float = 0.0, scale: float = 1.0, angle: float = 0.0) -> list[Shape]:
    """Shapes scaled, turned clockwise by `angle` (radians), then shifted."""
    c, s = np.cos(angle), np.sin(angle)
    turn = scale * np.array([[c, s], [-s, c]])
    return [Shape(p.points @ turn + (x, y), p.raised, p.width * scale, p.closed) for p in shapes]


def shifted(points: Points, x: float, y: float) -> Points:
    """Points moved by x, y."""
    return np.add(points, (x, y))


def ellipse(x: float, y: float, a: float, b: float | None = None, angle: float = 0.0, n: int = 40) -> Points:
    """Outline of an ellipse; a circle without `b`."""
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    u, v = a * np.cos(t), (a if b is None else b) * np.sin(t)
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([x + c * u - s * v, y + s * u + c * v], 1)


def polygon(n: int, radius: float = 1.0, angle: float = 0.0) -> Points:
    """A regular polygon, one corner up."""
    t = np.arange(n) * 2 * np.pi / n - np.pi / 2 + angle
    return radius * np.stack([np.cos(t), np.sin(t)], 1)


def star(n: int, inner: float, radius: float = 1.0, angle: float = 0.0) -> Points:
    """A star with n points; `inner` is the radius of its notches as a share of `radius`."""
    t = np.arange(2 * n) * np.pi / n - np.pi / 2 + angle
    r = np.where(np.arange(2 * n) % 2 == 0, radius, radius * inner)
    return np.stack([r * np.cos(t), r * np.sin(t)], 1)


def smooth(points: Points, closed: bool = True, steps: int = 8) -> Points:
    """Catmull-Rom spline through the points (Catmull and Rom 1974)."""
    p = np.asarray(points, float)
    if closed:
        p0, p1, p2, p3 = (np.roll(p, shift, 0) for shift in (1, 0, -1, -2))
    else:
        q = np.concatenate([p[:1], p, p[-1:]])
        p0, p1, p2, p3 = q[:-3], q[1:-2], q[2:-1], q[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (x[:, None] for x in (p0, p1, p2, p3))
    curve = p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    return curve.reshape(-1, 2)


def blob(rng: np.random.Generator, roughness: float = 0.25, harmonics: int = 7) -> Points:
    """A smooth closed curve: a circle whose radius is a random Fourier series."""
    t = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    order = np.arange(2, harmonics + 2)[:, None]
    amplitude = rng.normal(0, roughness, (harmonics, 1)) / np.sqrt(order)
    r = 0.7 * np.exp((amplitude * np.cos(order * t + rng.uniform(0, 2 * np.pi, (harmonics, 1)))).sum(0))
    return (r / r.max())[:, None] * np.stack([np.cos(t), np.sin(t)], 1)


def leaf(x: float, y: float, length: float, width: float, angle: float) -> list[Shape]:
    """A pointed leaf with a vein, starting at x, y and pointing along `angle` (radians)."""
    t = np.linspace(0, 1, 10)
    half = width * np.sin(np.pi * t**0.8)
    outline = np.concatenate([np.stack([length * t, half], 1), np.stack([length * t, -half], 1)[::-1]])
    vein = np.array([[0.1 * length, 0], [0.9 * length, 0]])
    return moved([fill(outline), groove(vein, 0.25 * width)], x, y, 1.0, angle)
