"""One coin of the masks, even if coins touch."""

import cv2
import numpy as np

from ensemble.contract import MASK_THRESHOLD
from ensemble.geometry.opencv.ellipse import in_ellipse, moments
from ensemble.geometry.rules import CORE_SIZE, LABELLED, PIXEL, REACH, SIMILAR

_SQUARE = np.ones((3, 3), np.uint8)


def coin_mask(masks: np.ndarray) -> np.ndarray:
    """One coin as uint8 of 0 and 1, of [2, N, N] probabilities; N is a multiple of LABELLED.

    It is the same coin as that of `graphs.single.coin_mask`, which says how it is chosen.
    """
    factor = masks.shape[-1] // LABELLED
    coins, cores = (_inside(mask, factor) for mask in masks)
    core = moments(central_component(cores, SIMILAR))
    if not core.area:
        return np.zeros(masks.shape[1:], np.uint8)
    a, b = (REACH / CORE_SIZE * (axis + PIXEL) for axis in core.semi_axes)
    coin = largest_component(coins * in_ellipse(core, a, b, LABELLED).astype(np.uint8))
    return coin if factor == 1 else _refine(coin, (masks[0] > MASK_THRESHOLD).astype(np.uint8), factor)


def largest_component(mask: np.ndarray) -> np.ndarray:
    """The largest 4-connected component of a uint8 mask of 0 and 1; ties go to one of them."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return (labels == largest).astype(np.uint8)


def central_component(mask: np.ndarray, share: float) -> np.ndarray:
    """The 4-connected component nearest to the middle, of those with `share` of the pixels of the largest one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # the background
    line = (np.arange(len(mask)) - (len(mask) - 1) / 2) ** 2
    far = np.where((areas >= share * areas.max())[labels], line[:, None] + line, np.inf)
    return (labels == labels.flat[far.argmin()]).astype(np.uint8)


def _inside(mask: np.ndarray, factor: int) -> np.ndarray:
    coarse = mask if factor == 1 else cv2.resize(mask, (LABELLED, LABELLED), interpolation=cv2.INTER_AREA)
    return (coarse > MASK_THRESHOLD).astype(np.uint8)


def _refine(component: np.ndarray, fine: np.ndarray, factor: int) -> np.ndarray:
    """A component with the edge of a mask that is finer by `factor`: 1 inside, 0 farther outside."""
    within = cv2.erode(component, _SQUARE, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    near = cv2.dilate(component, _SQUARE)
    within, near = (part.repeat(factor, 0).repeat(factor, 1) for part in (within, near))
    return np.maximum(within, near * fine)
