"""Refines circles to the ellipses of coins' rims, and rejects those of low quality."""

from dataclasses import dataclass

import cv2
import numpy as np

from training.labelling.fit import fit_ellipse
from training.labelling.propose import Circle
from training.mint import Ellipse
from training.outlines import ellipse_matrix


@dataclass(frozen=True)
class RefineSettings:
    """Lengths are shares of the radius."""

    rays: int = 64
    radius: float = 48.0  # px, of the coin in the reduced cut-out that is searched
    starts: tuple[float, ...] = (0.8, 1.0, 1.2)  # the first outlines, times the circle
    reaches: tuple[float, ...] = (0.16, 0.11, 0.075, 0.05, 0.03, 0.02)  # of an edge's pull, fit by fit
    near: float = 0.03  # an edge this near belongs to the outline
    weakest: float = 5.0  # change of colour per px that counts as an edge, in 8-bit levels
    colour: float = 1.5  # weight of hue and saturation against lightness: a shadow changes the lightness only
    aligned: float = 0.8  # share of the gradient's energy that lies across the outline
    flattest: float = 0.5  # least b / a
    quality: float = 0.5  # least share of the outline that has an edge
    overlap: float = 0.3  # of two coins, as a share of the smaller one


@dataclass(frozen=True)
class Outline:
    """A coin's rim in px of the picture, and how well it is seen."""

    ellipse: Ellipse
    quality: float  # share of the outline that has an edge, 0 … 1
    strength: float  # mean edge along the outline, 0 … 1


def _inverse(ellipse: Ellipse) -> np.ndarray:
    """Inverse of the ellipse's matrix, symmetric as it is."""
    return ellipse_matrix(Ellipse(0, 0, 1 / ellipse.a, 1 / ellipse.b, ellipse.angle))


@dataclass(frozen=True)
class _Edges:
    """Structure tensor around a circle, [h, w, 3]: xx, xy, yy; `factor` and `corner` lead from the picture to it."""

    tensor: np.ndarray
    factor: float
    corner: tuple[int, int]

    def across(self, ellipse: Ellipse, radii: np.ndarray, rays: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gradient across the outline grown to each of `radii` [m]: points [rays, m, 2], strength and alignment."""
        turn = np.linspace(0, 2 * np.pi, rays, endpoint=False)
        unit = np.stack([np.cos(turn), np.sin(turn)], 1)
        matrix = ellipse_matrix(ellipse)
        points = (ellipse.cx, ellipse.cy) + radii[:, None] * (unit @ matrix.T)[:, None]
        normal = unit @ _inverse(ellipse)
        nx, ny = (normal / np.linalg.norm(normal, axis=1, keepdims=True)).T[..., None]
        there = ((points - self.corner + 0.5) * self.factor - 0.5).astype(np.float32)
        u, v = np.ascontiguousarray(np.moveaxis(there, 2, 0))
        tensor = cv2.remap(self.tensor, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        xx, xy, yy = np.moveaxis(tensor, 2, 0)
        energy = np.maximum(xx * nx**2 + 2 * xy * nx * ny + yy * ny**2, 0)
        return points, np.sqrt(energy), energy / (xx + yy + 1e-6)


def _edges(picture: np.ndarray, circle: Circle, settings: RefineSettings) -> _Edges:
    """Colour gradients around a circle, reduced so that coins of all sizes look alike."""
    x, y, r = circle
    left, top = max(0, int(x - 1.8 * r)), max(0, int(y - 1.8 * r))
    cut = picture[top : int(y + 1.8 * r) + 1, left : int(x + 1.8 * r) + 1]
    factor = min(1.0, settings.radius / r)
    size = [max(2, round(side * factor)) for side in cut.shape[1::-1]]
    lab = cv2.cvtColor(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2Lab).astype(np.float32)
    lab = cv2.GaussianBlur(lab, (0, 0), 1.0) * np.array([1, settings.colour, settings.colour], np.float32)
    gx, gy = cv2.Scharr(lab, cv2.CV_32F, 1, 0) / 32, cv2.Scharr(lab, cv2.CV_32F, 0, 1) / 32
    tensor = np.stack([(gx * gx).sum(2), (gx * gy).sum(2), (gy * gy).sum(2)], 2)
    return _Edges(tensor, factor, (left, top))


def _candidates(
    edges: _Edges, ellipse: Ellipse, reach: float, settings: RefineSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Edges near an outline, to a fraction of a px: rays [n], radii [n] in outlines, strengths [n], points [n, 2]."""
    step = 1 / (edges.factor * np.sqrt(ellipse.a * ellipse.b))
    radii = 1 + step * np.arange(-np.ceil(reach / step) - 1, np.ceil(reach / step) + 2)
    points, strength, alignment = edges.across(ellipse, radii, settings.rays)
    before, here, after = strength[:, :-2], strength[:, 1:-1], strength[:, 2:]
    peak = (here >= before) & (here > after) & (here > settings.weakest) & (alignment[:, 1:-1] > settings.aligned)
    ray, column = np.nonzero(peak)
    low, top, high = before[peak], here[peak], after[peak]
    shift = 0.5 * (low - high) / (low - 2 * top + high - 1e-6)  # the top of the parabola through three samples
    radius = radii[column + 1] + step * shift
    centre = np.array([ellipse.cx, ellipse.cy])
    direction = (points[:, 0] - centre) / radii[0]
    return ray, radius, top, centre + radius[:, None] * direction[ray]


def _measure(edges: _Edges, ellipse: Ellipse, settings: RefineSettings) -> Outline:
    ray, radius, strength, _ = _candidates(edges, ellipse, settings.near, settings)
    close = np.abs(radius - 1) <= settings.near
    best = np.zeros(settings.rays)
    np.maximum.at(best, ray[close], strength[close])
    return Outline(ellipse, float((best > 0).mean()), float((best / (best + 2 * settings.weakest)).mean()))


def _follow(edges: _Edges, start: Ellipse, settings: RefineSettings) -> Outline | None:
    """Iteratively reweighted fits, each to edges nearer to the last one (Geman and McClure's weights)."""
    ellipse = start
    size = np.sqrt(start.a * start.b)
    for reach in settings.reaches:
        _, radius, strength, points = _candidates(edges, ellipse, 2 * reach, settings)
        weights = strength / (strength + 2 * settings.weakest) / (1 + ((radius - 1) / reach) ** 2) ** 2
        fitted = fit_ellipse(points, weights)
        if (
            fitted is None
            or fitted.b < settings.flattest * fitted.a
            or not 0.6 < np.sqrt(fitted.a * fitted.b) / size < 1.6
        ):
            return None
        ellipse = fitted
    return _measure(edges, ellipse, settings)


def refine_circle(picture: np.ndarray, circle: Circle, settings: RefineSettings | None = None) -> Outline | None:
    """The rim near a circle in a [h, w, 3] uint8 BGR picture, or None if none is seen."""
    settings = settings or RefineSettings()
    edges = _edges(picture, circle, settings)
    x, y, r = circle
    outlines = [_follow(edges, Ellipse(x, y, s * r, s * r, 0.0), settings) for s in settings.starts]
    good = [outline for outline in outlines if outline is not None and outline.quality >= settings.quality]
    return max(good, key=_rank, default=None)


def _rank(outline: Outline) -> float:
    return outline.quality * outline.strength


def _covered(one: Ellipse, other: Ellipse) -> float:
    """Share of the smaller of two ellipses that the other covers, roughly: by points spread over it."""
    small, large = sorted((one, other), key=lambda e: e.a * e.b)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 15)] * 2), 2).reshape(-1, 2)
    inside = grid[(grid**2).sum(1) < 1] @ ellipse_matrix(small).T + (small.cx - large.cx, small.cy - large.cy)
    return float((((inside @ _inverse(large)) ** 2).sum(1) < 1).mean())


def refine(picture: np.ndarray, circles: list[Circle], settings: RefineSettings | None = None) -> list[Outline]:
    """The rims in a [h, w, 3] uint8 BGR picture, best first; they do not overlap, as coins lie side by side."""
    settings = settings or RefineSettings()
    found = [outline for circle in circles if (outline := refine_circle(picture, circle, settings)) is not None]
    kept: list[Outline] = []
    for outline in sorted(found, key=_rank, reverse=True):
        if all(_covered(outline.ellipse, other.ellipse) < settings.overlap for other in kept):
            kept.append(outline)
    return kept
