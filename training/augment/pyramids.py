"""Blending of two pictures by a mask, without a seam that a network could learn instead of the coin."""

import cv2
import numpy as np


def _down(picture: np.ndarray, levels: int) -> list[np.ndarray]:
    """Gaussian pyramid, finest first."""
    pyramid = [picture]
    for _ in range(levels):
        pyramid.append(cv2.pyrDown(pyramid[-1]))
    return pyramid


def _weight(mask: np.ndarray) -> np.ndarray:
    return mask.astype(np.float32)[..., None] / 255


def gaussian_blend(top: np.ndarray, bottom: np.ndarray, mask: np.ndarray, levels: int) -> np.ndarray:
    """`top` where the mask is 255, mixed over a border of about 2 ** (levels + 1) px; float32 [h, w, 3].

    The mask passes a Gaussian pyramid down and up again.
    """
    soft: np.ndarray = mask.astype(np.float32)
    sizes = []
    for _ in range(levels):
        sizes.append(soft.shape[::-1])
        soft = cv2.pyrDown(soft)
    for size in reversed(sizes):
        soft = cv2.pyrUp(soft, dstsize=size)
    alpha = _weight(soft)
    return bottom.astype(np.float32) + alpha * (top.astype(np.float32) - bottom)


def laplacian_blend(top: np.ndarray, bottom: np.ndarray, mask: np.ndarray, levels: int) -> np.ndarray:
    """Each band of frequencies mixed over a border of its own width (Burt and Adelson 1983, section 3)."""
    coins, grounds = (_down(picture.astype(np.float32), levels) for picture in (top, bottom))
    masks = [_weight(level) for level in _down(mask.astype(np.float32), levels)]
    result = grounds[-1] + masks[-1] * (coins[-1] - grounds[-1])
    for level in reversed(range(levels)):
        size = coins[level].shape[1::-1]
        detail = [pyramid[level] - cv2.pyrUp(pyramid[level + 1], dstsize=size) for pyramid in (coins, grounds)]
        result = cv2.pyrUp(result, dstsize=size) + detail[1] + masks[level] * (detail[0] - detail[1])
    return np.clip(result, 0, 255)
