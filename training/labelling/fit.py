"""Weighted direct fit of an ellipse to points."""

import cv2
import numpy as np

from training.mint import Ellipse

_CONSTRAINT_INVERSE = np.array([[0, 0, 0.5], [0, -1, 0], [0.5, 0, 0]])  # of 4ac - b^2 = 1: ellipses only


def fit_ellipse(points: np.ndarray, weights: np.ndarray) -> Ellipse | None:
    """The ellipse nearest to points [n, 2] px of weights [n]; None if no ellipse fits.

    Least squares of the algebraic distance under 4ac - b^2 = 1 (Fitzgibbon, Pilu and Fisher 1999), split into
    quadratic and linear part for stability (Halir and Flusser 1998).
    """
    if np.count_nonzero(weights) < 6:
        return None
    origin = np.average(points, axis=0, weights=weights)
    size = float(np.sqrt(np.average(((points - origin) ** 2).sum(1), weights=weights)))
    x, y = ((points - origin) / max(size, 1e-9)).T
    root = np.sqrt(weights)
    quadratic, linear = (root * np.stack(rows) for rows in ((x * x, x * y, y * y), (x, y, np.ones_like(x))))
    # not numpy's solve: for three unknowns it wakes all threads of its library, milliseconds on a busy machine
    solvable, to_linear = cv2.solve(linear @ linear.T, -linear @ quadratic.T)
    if not solvable:
        return None
    scatter = quadratic @ quadratic.T + quadratic @ linear.T @ to_linear
    vectors = np.linalg.eig(_CONSTRAINT_INVERSE @ scatter)[1].real
    chosen = vectors[:, np.argmax(4 * vectors[0] * vectors[2] - vectors[1] ** 2)]
    return _from_conic(chosen, to_linear @ chosen, origin, size)


def _from_conic(quadratic: np.ndarray, linear: np.ndarray, origin: np.ndarray, size: float) -> Ellipse | None:
    """The ellipse a x^2 + b x y + c y^2 + d x + e y + f = 0, x and y in units of `size` from `origin`."""
    a, b, c = quadratic
    determinant = 4 * a * c - b * b
    if determinant <= 0:
        return None
    centre = np.array([[-2 * c, b], [b, -2 * a]]) @ linear[:2] / determinant
    level = linear[2] + linear[:2] @ centre / 2
    if level == 0:
        return None
    values, vectors = np.linalg.eigh(np.array([[a, b / 2], [b / 2, c]]) / -level)
    if values[0] <= 0:
        return None
    long, short = size / np.sqrt(values)  # ascending values: the first axis is the longer
    angle = np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0])) % 180
    cx, cy = origin + size * centre
    return Ellipse(float(cx), float(cy), float(long), float(short), float(angle))
