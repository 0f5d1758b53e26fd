"""The largest coin of a mask, even if coins touch."""

import cv2
import numpy as np

from ensemble.contract import MASK_THRESHOLD
from ensemble.geometry.opencv.ellipse import in_ellipse, moments
from ensemble.geometry.rules import CORE_DEPTH, LABELLED, SLACK, SOLID, WHOLE_FILL

_SQUARE = np.ones((3, 3), np.uint8)
_OUTSIDE = 2  # what a flood marks


def coin_mask(mask: np.ndarray) -> np.ndarray:
    """The largest coin of a [N, N] probability mask as uint8 of 0 and 1; N is a multiple of LABELLED.

    It is the same coin as that of `graphs.single.coin_mask`, which says how it is chosen.
    """
    factor = mask.shape[-1] // LABELLED
    coarse = mask if factor == 1 else cv2.resize(mask, (LABELLED, LABELLED), interpolation=cv2.INTER_AREA)
    inside = (coarse > MASK_THRESHOLD).astype(np.uint8)
    largest = largest_component(inside)
    whole = fill_holes(largest)
    shape = moments(whole)
    solid = cv2.countNonZero(largest) >= SOLID * shape.area
    if not (solid and shape.area >= WHOLE_FILL * shape.ellipse_area):
        whole = _around_core(inside)
    return whole if factor == 1 else _refine(whole, (mask > MASK_THRESHOLD).astype(np.uint8), factor)


def largest_component(mask: np.ndarray) -> np.ndarray:
    """The largest 4-connected component of a uint8 mask of 0 and 1; ties go to one of them."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return (labels == largest).astype(np.uint8)


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """Fill the holes of a mask: background that no path of 4-neighbours joins to the edge."""
    outside = cv2.copyMakeBorder(1 - mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(1,))
    cv2.floodFill(outside, None, (0, 0), (_OUTSIDE,))
    return (outside[1:-1, 1:-1] != _OUTSIDE).astype(np.uint8)


def distance_to_background(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel of a mask to the nearest one outside it, px; beyond the picture is background."""
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
    return np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1])


def _refine(component: np.ndarray, fine: np.ndarray, factor: int) -> np.ndarray:
    """A component with the edge of a mask that is finer by `factor`: 1 inside, 0 farther outside."""
    within = cv2.erode(component, _SQUARE, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    near = cv2.dilate(component, _SQUARE)
    within, near = (part.repeat(factor, 0).repeat(factor, 1) for part in (within, near))
    return np.maximum(within, near * fine)


def _around_core(inside: np.ndarray) -> np.ndarray:
    """The pixels of the ellipse round the largest core; none without a core.

    A majority of 3 x 3 first closes cracks and holes of a pixel, which would make the middle of a coin look shallow.
    """
    count = cv2.boxFilter(inside, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    depth = distance_to_background((count > 4).astype(np.uint8))
    cut = CORE_DEPTH * float(depth.max())
    core = moments(largest_component((depth > cut).astype(np.uint8)))
    if not core.area:
        return np.zeros_like(inside)
    a, b = (axis + cut + SLACK for axis in core.semi_axes)
    return inside * in_ellipse(core, a, b, inside.shape[-1]).astype(np.uint8)
