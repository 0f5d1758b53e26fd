"""Circles that may be coins: the Hough transform on a pyramid, so that one range of radii in px fits all sizes."""

from dataclasses import dataclass

import cv2
import numpy as np

Circle = tuple[float, float, float]  # cx, cy, radius in px


@dataclass(frozen=True)
class ProposeSettings:
    """Lengths are in px of a pyramid level unless they are shares of the photo's longer side."""

    largest: float = 0.55  # radius, share of the longer side
    smallest: float = 0.017
    radius: int = 50  # the largest of a level; the smallest is half of it, with some overlap
    overlap: float = 0.12  # of the radii of neighbouring levels, as a share
    blur: float = 1.2  # standard deviation; cloth and wood grain are finer than a rim
    gradient: float = 300.0  # upper threshold of Canny's edges, of the normalized picture
    roundness: float = 0.5  # of a circle's edges, 0 to 1: param2 of HOUGH_GRADIENT_ALT
    same: float = 0.2  # circles are the same if centres and radii differ by less, as a share of the radius


def reduce(picture: np.ndarray, longer: float) -> tuple[np.ndarray, float]:
    """The picture with its longer side at most `longer` px, and the factor it was scaled by."""
    factor = min(1.0, longer / max(picture.shape[:2]))
    size = [max(1, round(factor * side)) for side in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), factor


def normalize(grey: np.ndarray, window: float) -> np.ndarray:
    """Grey [h, w] uint8 with the local mean subtracted and the local contrast equalized, uint8 around 128.

    `window` is the standard deviation of the neighbourhood in px. Plain areas stay plain.
    """
    values = grey.astype(np.float32)
    mean = cv2.GaussianBlur(values, (0, 0), window)
    spread = np.sqrt(cv2.GaussianBlur((values - mean) ** 2, (0, 0), window))
    floor = max(6.0, 0.3 * float(spread.mean()))  # noise of a plain ground must not look like edges
    return np.clip(128 + 48 * (values - mean) / (spread + floor), 0, 255).astype(np.uint8)


def _level(grey: np.ndarray, settings: ProposeSettings) -> list[Circle]:
    """Circles of radius/2 … radius in one level [h, w] uint8, strongest first."""
    smooth = cv2.GaussianBlur(normalize(grey, settings.radius / 2), (0, 0), settings.blur)
    found = cv2.HoughCircles(
        smooth,
        cv2.HOUGH_GRADIENT_ALT,
        dp=1.5,
        minDist=settings.radius / 5,
        param1=settings.gradient,
        param2=settings.roundness,
        minRadius=int(settings.radius / 2 * (1 - settings.overlap)),
        maxRadius=round(settings.radius * (1 + settings.overlap)),
    )
    return [] if found is None else [(float(x), float(y), float(r)) for x, y, r in found[0, :, :3]]


def unique(circles: list[Circle], same: float) -> list[Circle]:
    """The circles without those that resemble an earlier one: centre and radius within `same` of its radius."""
    kept: list[Circle] = []
    for x, y, r in circles:
        if all(max(np.hypot(x - u, y - v), abs(r - s)) > same * max(r, s) for u, v, s in kept):
            kept.append((x, y, r))
    return kept


def propose_circles(picture: np.ndarray, settings: ProposeSettings | None = None) -> list[Circle]:
    """Circles in a [h, w, 3] uint8 BGR picture, largest sizes first, in its px (pixel centres on whole numbers).

    Hough gradient method with the circle's support tested on the edges (OpenCV's HOUGH_GRADIENT_ALT).
    """
    settings = settings or ProposeSettings()
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    circles: list[Circle] = []
    share = settings.largest
    while share > 1.2 * settings.smallest:
        level, factor = reduce(grey, settings.radius / share)
        circles += [
            ((x + 0.5) / factor - 0.5, (y + 0.5) / factor - 0.5, r / factor) for x, y, r in _level(level, settings)
        ]
        if factor == 1.0:
            break
        share /= 2
    return unique(circles, settings.same)
